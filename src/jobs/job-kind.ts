import type { Client, WorkflowIdReusePolicy } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
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
  /** Over the workflow worker's own connection: the server gives it a workflow's first task along with the start. */
  readonly eager?: Client;
  readonly db: Database;
  readonly installation: Pick<Installation, 'queue'>;
  readonly storage: Storage;
  readonly log: Logger;
  /** Search attributes that Temporal knows; table and kind are used in any case. */
  readonly searchable?: ReadonlySet<string>;
}

export type JobName = 'load' | 'backup' | 'restore';

/** The part of a job's ledger row that is needed to start its workflow, or to find it. */
export interface JobRow {
  readonly id: number | string;
  readonly workflowId: string;
  /** null: its workflow was never seen to run. */
  readonly runId: string | null;
  /** ID of the API key that requested it, or what else did: `schedule:…`, `restore:7`. */
  readonly startedBy: string;
  readonly createdAt: Date;
}

/** The arguments that a job's workflow is started with, and its texts in the Web UI. */
export interface JobWorkflow {
  readonly input: object;
  readonly summary: string;
  readonly details: string;
  /** Beside them, for whoever looks the workflow up by a program. */
  readonly memo: Readonly<Record<string, unknown>>;
  /** `LongshoreKind` of the Web UI. */
  readonly kind: string;
  readonly table?: string;
  /** Of the workflow's own steps, where they go before or after those of others. */
  readonly priority?: Priority;
}

/** A kind of job: its ledger rows, its workflow and how it is reconciled. */
export interface JobKind<Row extends JobRow, View extends JobView, Deps extends JobDeps = JobDeps> {
  /** Name of the ledger's table, and of the job in messages. */
  readonly name: JobName;
  readonly workflowType: string;
  /** Its workflow can tell how many rows were rejected, if its input has `tellsRejects`. */
  readonly tellsRejects?: true;
  readonly workflowIdReusePolicy: WorkflowIdReusePolicy;
  /** `ended`: the request needs a running job. `terminated`: its workflow ended before the job did. */
  readonly errors: { readonly ended: ErrorCode; readonly terminated: ErrorCode };
  /** @throws LongshoreError `unknown-load` and the like */
  view(db: Database, id: View['id']): Promise<View>;
  row(ledger: Ledger, id: View['id']): Promise<Row | undefined>;
  /** Jobs that have not ended and are some seconds old: younger ones may still be about to be started. */
  unfinished(ledger: Ledger): Promise<readonly Row[]>;
  workflowOf(row: Row): JobWorkflow;
  /**
   * Ends a job whose workflow can't: records the end unless it has ended already, and releases what the job holds.
   * @returns its status in the ledger afterwards
   */
  end(deps: Deps, id: View['id'], end: Unfinished): Promise<{ readonly status: string }>;
  /** Types of its activities that run in the API's process, however long they take. */
  readonly besideWorkers?: readonly string[];
  readonly reconciliation: Reconciliation<Row, Deps>;
}

/** How the ledger and Temporal are reconciled where they disagree. */
export interface Reconciliation<Row extends JobRow, Deps extends JobDeps> {
  /**
   * Its workflow is completed, but its ledger row has not ended: PostgreSQL was restored from an older copy. `start`
   * runs it again; `fail` ends it, where a second run could do harm.
   */
  readonly completed: 'start' | 'fail';
  /** The result of that, in words for its note; follows "PostgreSQL came back from an older copy". */
  readonly completedNote: string;
  /** The run of its schedule never started it as its child, and will not. */
  readonly neverStarted: 'start' | 'fail';
  /** Called while its workflow runs, to resend signals that may have been lost. */
  readonly running?: (deps: Deps, row: Row) => Promise<void>;
  /** Ends it from its files in the storage. @returns words for its note, as `completedNote`; null: there are none */
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
