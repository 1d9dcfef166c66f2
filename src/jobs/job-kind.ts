import type { Client, WorkflowIdReusePolicy } from '@temporalio/client';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { Ledger } from '../db/ledger-queries.ts';
import type { ErrorCode } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import type { Storage } from '../storage/storage.ts';
import type { JobView, Unfinished } from './job.ts';

export interface JobDeps {
  readonly client: Client;
  readonly db: Database;
  readonly installation: Pick<Installation, 'queue'>;
  readonly storage: Storage;
  readonly log: Logger;
}

export type JobName = 'load' | 'backup' | 'restore';

/** What it takes to start a job's workflow, and to see whether it has one. */
export interface JobRow {
  readonly id: number | string;
  readonly workflowId: string;
  /** null: its workflow was never seen to run. */
  readonly runId: string | null;
  /** ID of the key that asked for it, or the name of what did: `schedule:…`, `restore:7`. */
  readonly startedBy: string;
  readonly createdAt: Date;
}

/** What a workflow is started with, and what the Web UI shows of it. */
export interface JobWorkflow {
  readonly input: object;
  readonly summary: string;
  readonly details: string;
  /** `LongshoreKind` of the Web UI. */
  readonly kind: string;
  readonly table?: string;
}

/** A kind of job: what sets its ledger rows, its workflow and its care apart from those of other kinds. */
export interface JobKind<Row extends JobRow, View extends JobView, Deps extends JobDeps = JobDeps> {
  /** The ledger's table, and what people call one. */
  readonly name: JobName;
  readonly workflowType: string;
  readonly workflowIdReusePolicy: WorkflowIdReusePolicy;
  /** `ended`: asked for something that only a running one can do. `terminated`: its workflow ended without it. */
  readonly errors: { readonly ended: ErrorCode; readonly terminated: ErrorCode };
  /** @throws LongshoreError `unknown-load` and the like */
  view(db: Database, id: View['id']): Promise<View>;
  row(ledger: Ledger, id: View['id']): Promise<Row | undefined>;
  /** Those that have not ended, and have been there for some seconds: whoever wrote them may still be starting them. */
  unfinished(ledger: Ledger): Promise<readonly Row[]>;
  workflowOf(row: Row): JobWorkflow;
  /**
   * Ends one whose workflow can't: writes the end unless it has ended already, and lets go of what it holds.
   * @returns what the ledger says then
   */
  end(deps: Deps, id: View['id'], end: Unfinished): Promise<{ readonly status: string }>;
  /** Types of its activities that run in the API's process for as long as it takes. */
  readonly besideWorkers?: readonly string[];
  readonly reconciliation: Reconciliation<Row, Deps>;
}

/** How the ledger and Temporal are brought together again where they do not agree. */
export interface Reconciliation<Row extends JobRow, Deps extends JobDeps> {
  /**
   * Its workflow is completed, and the ledger does not know of its end: an older copy of PostgreSQL came back. `start`
   * does it again; `fail` ends it, where doing it again could do harm.
   */
  readonly completed: 'start' | 'fail';
  /** What came of that, in words for its note: follows on "PostgreSQL came back from an older copy". */
  readonly completedNote: string;
  /** The run of a schedule never started it as its child, and is not going to. */
  readonly neverStarted: 'start' | 'fail';
  /** Its workflow runs: tells it what it may not have heard. */
  readonly running?: (deps: Deps, row: Row) => Promise<void>;
  /** Ends it by what the storage has of its end. @returns words for its note, as `completedNote`; null: there is nothing */
  readonly foundEnd?: (deps: Deps, row: Row) => Promise<string | null>;
}

/** The columns of a `JobRow`, under its names. */
export const JOB_COLUMNS = [
  'workflow_id as workflowId',
  'run_id as runId',
  'started_by as startedBy',
  'created_at as createdAt',
] as const;

/** SQL of `JobKind.unfinished`. */
export const SETTLED = sql<boolean>`created_at < now() - interval '3 seconds'`;
