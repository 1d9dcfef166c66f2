import type { Logger } from 'pino';
import type { Config } from '../../src/config.ts';
import { rightsMissing } from '../../src/db/check-rights.ts';
import type { Database } from '../../src/db/database.ts';
import type { Sql } from '../../src/db/sql.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import type { LedgerDictionary } from '../../src/dictionary/dictionary-versions.ts';
import { ERRORS, type LongshoreError } from '../../src/errors.ts';
import { ensureReports } from '../../src/reports/ensure-reports.ts';
import { readReports, reportsFolder } from '../../src/reports/read-reports.ts';
import type { Report } from '../../src/reports/report.ts';
import { openReportReader } from '../../src/reports/report-reader.ts';
import type { ReportService } from '../../src/reports/report-service.ts';
import { reportState } from '../../src/reports/report-states.ts';
import { ensureReaderRole, READER_ROLE } from '../../src/tables/reader-role.ts';
import type { Dictionary } from '../../src/types.ts';
import { createReportService } from './report-service.ts';

function readerMissing(role: string): LongshoreError {
  const [to, reader] = [quoteName(role), quoteName(READER_ROLE)];
  return rightsMissing(role, [
    `may neither make the role ${READER_ROLE} nor act as it, so that it reads the reports itself: ` +
      `create role ${reader} nologin; grant ${reader} to ${to}`,
  ]);
}

async function currentUser(db: Sql): Promise<string> {
  const [row] = await db.query<{ role: string }>('select current_user as role');
  return row?.role ?? '';
}

export interface OpenReportsOptions {
  readonly config: Pick<Config, 'reportsPath'>;
  readonly databaseUrl: string;
  readonly dictionary: Dictionary & Pick<LedgerDictionary, 'base'>;
  readonly db: Database;
  readonly log: Logger;
}

/** The sample's own reports go with its tables: those that read one that was removed are not there. */
async function reportsFor(
  config: OpenReportsOptions['config'],
  { base, tables }: OpenReportsOptions['dictionary'],
): Promise<readonly Report[]> {
  const folder = reportsFolder(config, base);
  if (folder === null) return [];
  const names = tables.map(({ name }) => name);
  if (config.reportsPath !== undefined) return readReports(folder, names);
  const bundled = await readReports(folder, null);
  return bundled.filter((report) => report.tables.every((name) => names.includes(name)));
}

/**
 * Brings the reports' views up to date with their files, and opens them for reading.
 * @throws LongshoreError `report-invalid`
 */
export async function openReports({
  config,
  databaseUrl: url,
  dictionary,
  db,
  log,
}: OpenReportsOptions): Promise<{ readonly service: ReportService } & AsyncDisposable> {
  const read = await reportsFor(config, dictionary);
  const reports = await ensureReports(url, read, dictionary);
  const role = await ensureReaderRole(db);
  if (role === null) {
    const { code, message } = readerMissing(await currentUser(db));
    log.warn({ code, remedy: ERRORS[code].remedy }, `${code}: ${message}`);
  }
  const reader = openReportReader({ url, role });
  // These run at each request, so they are prepared.
  const prepared: Pick<Sql, 'query'> = { query: (text, values = []) => db.prepared(text, values) };
  const service = createReportService({ reports, reader, state: (name) => reportState(prepared, name) });
  return { service, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
}
