import { isRowFault } from '../db/sqlstate.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { LongshoreError } from '../errors.ts';
import { hasEnded } from '../jobs/job.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { createJobs } from '../jobs/jobs.ts';
import type { TableReads } from '../tables/table-reads.ts';
import { comparedFields } from './compared-table.ts';
import { findComparison } from './comparisons.ts';
import { readDifferences } from './differences.ts';
import { RESTORE_JOB } from './restore-job.ts';
import type { Diff, DiffRequest } from './restore-service.ts';
import { readRestorePlan } from './restores.ts';

interface CompareDeps extends JobDeps {
  readonly dictionary: Pick<DictionaryBook, 'now'>;
  readonly reads: TableReads;
}

/**
 * Reads a page of a comparison: a dry run stages the backup's table and counts, as for a restore, and its stage is kept
 * for some minutes, so that pages can be read from it.
 */
export async function compareBackup(deps: CompareDeps, request: DiffRequest): Promise<Diff> {
  const { db, reads } = deps;
  const dictionary = deps.dictionary.now();
  const { backupId, table, page, waitMs, signal } = request;
  const found = await findComparison(db, { backupId, table, dictionary }, ({ primaryKey }) => {
    if (page.after !== null && page.after.length !== primaryKey.length) throw notOfThisTable();
  });
  const { id, between } = found;
  const jobs = createJobs(RESTORE_JOB, deps);
  if (!hasEnded(await jobs.view(id))) await jobs.startNow(id);
  const { status, error, changes } = await jobs.wait(id, waitMs, signal);
  if (error) throw new LongshoreError(error.code, error.message);
  const [counts] = changes;
  if (status !== 'done' || !counts) {
    throw new LongshoreError('diff-not-ready', `backup ${backupId} is still being read (dry run ${id})`);
  }
  const compared = comparedFields(found.table, between);
  if (compared.primaryKey.length === 0) return { counts, between, differences: [], more: false };
  const [restored] = (await readRestorePlan(db, id)).tables;
  try {
    const differences = await reads.of(table, (sql) =>
      readDifferences(sql, { table: compared, stage: restored!.stage }, page),
    );
    return { counts, between, ...differences };
  } catch (cause) {
    if (!isRowFault(cause)) throw cause;
    throw notOfThisTable(cause);
  }
}

function notOfThisTable(cause?: unknown): LongshoreError {
  return new LongshoreError('invalid-request', 'after: not a key of this table', { cause });
}
