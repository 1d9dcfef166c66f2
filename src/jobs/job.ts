import { ERRORS, type ErrorCode, LongshoreError } from '../errors.ts';

/** What loads, backups and restores have in common: a row of the ledger, and a workflow that does what it asks for. */
export interface JobView {
  readonly id: number | string;
  readonly status: string;
  readonly workflowId: string;
  readonly runId: string | null;
  /** Why it failed. */
  readonly error: JobError | null;
  /** The error that its activities are retrying on, such as a full disk, or null. Told by `GET` of one job only. */
  readonly waitingFor: JobError | null;
  /** What was done about it when ledger and Temporal did not agree, because one of them came back from an older copy. */
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

/** How a job ends that did not get done. */
export type Unfinished =
  | { readonly status: 'cancelled' }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string };

export type JobEnd = { readonly status: 'done' } | Unfinished;

/** Loads and restores are numbered by an `integer` of PostgreSQL, which refuses to compare one with more. */
export const LARGEST_JOB_NUMBER = 2 ** 31 - 1;

/** The last two are a backup's: it had ended before it got there. */
const ENDED: readonly string[] = ['done', 'failed', 'cancelled', 'deleted', 'unverified'];

/** Whether the job's workflow has nothing more to do. */
export function hasEnded({ status }: { readonly status: string }): boolean {
  return ENDED.includes(status);
}

/** An error as the ledger keeps it, with the catalog's remedy. */
export function jobError(code: ErrorCode | null, message: string | null): JobError | null {
  return code && { code, message: message ?? '', remedy: ERRORS[code].remedy };
}

/** The number that a workflow goes by is another one's in the ledger. @param what `load 7` */
export function orphaned(what: string): LongshoreError {
  return new LongshoreError(
    'workflow-orphaned',
    `the ledger has another ${what} than this workflow is of: PostgreSQL came back from an older copy`,
  );
}
