import { openDatabase, type Tx } from '../db/database.ts';
import { anyOf } from '../db/ledger-queries.ts';
import { LEDGER_SCHEMA, quoteName } from '../db/sql-names.ts';
import { ensureReadViews } from '../tables/read-views.ts';
import type { Dictionary } from '../types.ts';
import { buildView, dropView, findView } from './build-view.ts';
import type { Report, ReportColumn } from './report.ts';
import { columnsOfReport } from './view-columns.ts';

/** A report whose view exists. */
export interface LiveReport extends Report {
  /** In the order of the SELECT. */
  readonly columns: readonly ReportColumn[];
}

/** Advisory lock that serializes concurrent starts. */
const REPORTS_LOCK = 7_463_003;

/**
 * Updates the views of reports from their files: builds new and changed ones, drops those without a file, and leaves the
 * rest as it is. Needs `ensureTables` first. Safe to call from several processes at once, and beside readers: each report
 * is exchanged in one transaction.
 *
 * @throws LongshoreError `report-invalid` with file, line and fault; the reports before it are in place then
 */
export async function ensureReports(
  url: string,
  reports: readonly Report[],
  dictionary: Dictionary,
): Promise<readonly LiveReport[]> {
  await using db = await openDatabase({ url, poolSize: 1, applicationName: 'longshore reports' });
  const locked = <T>(work: (tx: Tx) => Promise<T>) =>
    db.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock($1)', [REPORTS_LOCK]);
      return work(tx);
    });
  await locked((tx) => dropRemoved(tx, reports));
  await locked((tx) => ensureReadViews(tx, dictionary.tables));
  const live: LiveReport[] = [];
  for (const report of reports) {
    live.push({ ...report, columns: await locked((tx) => ensureView(tx, report)) });
  }
  return live;
}

async function ensureView(tx: Tx, report: Report): Promise<readonly ReportColumn[]> {
  const [row] = await tx.query<{ hash: string; tables: string[] }>(
    `select hash, tables from ${quoteName(LEDGER_SCHEMA, 'report')} where name = $1`,
    [report.name],
  );
  const same = row?.hash === report.hash && row.tables.join('\n') === report.tables.join('\n');
  if (!same || !(await findView(tx, report.name))) return buildView(tx, report);
  return columnsOfReport(tx, report, report.name);
}

async function dropRemoved(tx: Tx, reports: readonly Report[]): Promise<void> {
  const names = reports.map(({ name }) => name);
  const removed = await tx.ledger
    .deleteFrom('report')
    .where(({ not, eb }) => not(eb('name', '=', anyOf(names))))
    .returning('name')
    .execute();
  for (const { name } of removed) await dropView(tx, name);
}
