import { ERRORS, type ErrorCode, LongshoreError } from '../errors.ts';

/** The common view of loads, backups and restores: each is a row of the ledger, and a workflow that carries it out. */
export interface JobView {
  readonly id: number | string;
  readonly status: string;
  readonly workflowId: string;
  readonly runId: string | null;
  /** Why it failed. */
  readonly error: JobError | null;
  /** The error that its activities are retrying on, such as a full disk, or null. Only in `GET` of one job. */
  readonly waitingFor: JobError | null;
  /** How it was reconciled after ledger or Temporal had been restored from an older copy; else null. */
  readonly note: string | null;
  /** ID of the key that asked for it, or the name of what did. */
  readonly startedBy: string;
  /** RFC 3339, UTC */
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

/** The end of a job that was not done. */
export type Unfinished =
  | { readonly status: 'cancelled' }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string };

export type JobEnd = { readonly status: 'done' } | Unfinished;

/** Loads and restores are numbered by an `integer` of PostgreSQL, which can't be compared with a larger number. */
export const LARGEST_JOB_NUMBER = 2 ** 31 - 1;

/** The last two are states of backups that had ended before. */
const ENDED: readonly string[] = ['done', 'failed', 'cancelled', 'deleted', 'unverified'];

/** Whether the job's workflow has nothing more to do. */
export function hasEnded({ status }: { readonly status: string }): boolean {
  return ENDED.includes(status);
}

/** An error as the ledger keeps it, with the catalog's remedy. */
export function jobError(code: ErrorCode | null, message: string | null): JobError | null {
  return code && { code, message: message ?? '', remedy: ERRORS[code].remedy };
}

/** The error for a workflow whose number belongs to another job in the ledger. @param what `load 7` */
export function orphaned(what: string): LongshoreError {
  return new LongshoreError(
    'workflow-orphaned',
    `the ledger has another ${what} than this workflow is of: PostgreSQL came back from an older copy`,
  );
}
