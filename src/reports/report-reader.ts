import { createHash } from 'node:crypto';
import { Pool } from 'pg';
import { API_CONNECTIONS, READS_OF_A_REPORT } from '../db/connections.ts';
import { asDatabaseError } from '../db/database-error.ts';
import { sessionPool } from '../db/session.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { Slots } from '../slots.ts';
import type { LiveReport } from './ensure-reports.ts';
import type { ReportChart } from './report.ts';
import type { ReportRequest } from './report-request.ts';
import { chartStatement, pageStatement, type Statement } from './report-sql.ts';

/** A cell as PostgreSQL writes it: ISO dates, RFC 3339 moments in UTC, `t` and `f`. */
export type Cell = string | null;

export interface ReportPage {
  /** Version of the view that the rows are from. */
  readonly version: number;
  /** Rows that match the request, on all pages. */
  readonly total: number;
  /** Cells in the order of `shownColumns`. */
  readonly rows: readonly (readonly Cell[])[];
}

export interface ChartData {
  readonly version: number;
  /** Number of categories before any were merged. */
  readonly categories: number;
  readonly bars: readonly {
    readonly category: string | null;
    /** How many categories the bar stands for. */
    readonly merged: number;
    /** One a value column of the chart. */
    readonly values: readonly number[];
  }[];
}

/** Reads views of reports, and can do nothing else. */
export interface ReportReader extends AsyncDisposable {
  /** @throws LongshoreError `report-slow`, `database-unavailable` */
  page(report: LiveReport, request: ReportRequest): Promise<ReportPage>;
  /** @throws LongshoreError `report-slow`, `database-unavailable` */
  chart(report: LiveReport, chart: ReportChart, equals: ReportRequest['equals']): Promise<ChartData>;
}

export interface ReportReaderOptions {
  readonly url: string;
  /** The role that reads (`ensureReaderRole`); null: the connection's own. */
  readonly role: string | null;
  /** The most connections. */
  readonly poolSize?: number;
  /** Timeout of a statement. */
  readonly timeoutMs?: number;
}

const STATEMENT_MS = 10_000;
/** A view is locked by whoever replaces or drops it. */
const LOCK_MS = 2_000;
/** How long a request waits for others of its report; each of them has a part of the connections only. */
const TURN_MS = 10_000;
const CONNECT_MS = 10_000;

/**
 * Opens a pool whose connections are read-only from their start, with a timeout and the role: so a read is one statement
 * and one round trip, and one statement sees one snapshot.
 */
export function openReportReader(options: ReportReaderOptions): ReportReader {
  const { url, role, timeoutMs = STATEMENT_MS } = options;
  const settings = {
    search_path: 'pg_catalog',
    default_transaction_read_only: 'on',
    statement_timeout: String(timeoutMs),
    lock_timeout: String(Math.min(LOCK_MS, timeoutMs)),
    ...(role !== null && { role }),
  };
  const pool = new Pool({
    connectionString: url,
    application_name: 'longshore reports',
    max: options.poolSize ?? API_CONNECTIONS.reports,
    connectionTimeoutMillis: CONNECT_MS,
    ...sessionPool(url, { settings }),
  });
  // A connection that breaks while nobody uses it; the next statement gets another one.
  pool.on('error', () => undefined);

  const most = options.poolSize ?? API_CONNECTIONS.reports;
  const slots = new Slots({ all: most, each: Math.min(READS_OF_A_REPORT, most) });

  async function cells(report: LiveReport, statement: Statement, name?: string): Promise<Cell[][]> {
    const release = await slots.take(report.name, TURN_MS);
    if (release === null) {
      throw new LongshoreError(
        'report-slow',
        `other reads are under way, and report ${report.name} had no turn in time`,
      );
    }
    try {
      const { text, values } = statement;
      const query = { name, text, values: [...values], rowMode: 'array' as const, types: TEXT_ONLY };
      return (await pool.query<Cell[]>(query)).rows;
    } catch (error) {
      throw asReportError(error, report, timeoutMs);
    } finally {
      release();
    }
  }
  return {
    async page(report, request) {
      const statement = pageStatement(report, request);
      const rows = await cells(report, statement, isPlain(report, request) ? nameOf(statement) : undefined);
      const [version, total] = rows[0]!;
      return {
        version: Number(version),
        total: Number(total),
        rows: rows.filter((row) => row.at(-1) !== null).map((row) => row.slice(2, -1)),
      };
    },
    async chart(report, chart, equals) {
      const rows = await cells(report, chartStatement(report, chart, equals));
      const [version, categories] = rows[0]!;
      const bars = rows
        .filter(([, , , merged]) => merged !== null)
        .map(([, , category = null, merged, ...values]) => ({
          category,
          merged: Number(merged),
          values: values.map(Number),
        }));
      return { version: Number(version), categories: Number(categories), bars };
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** Cells stay the text that PostgreSQL sends. */
const TEXT_ONLY = { getTypeParser: () => (text: string) => text };

/** Only the most frequent form of request has a prepared statement: filters and sorts are too many. */
function isPlain(report: LiveReport, { equals, sort }: ReportRequest): boolean {
  return sort.length === 0 && equals.length === report.parameters.length;
}

function nameOf({ text }: Statement): string {
  return createHash('sha256').update(text).digest('base64url');
}

function asReportError(error: unknown, { name }: LiveReport, timeoutMs: number): unknown {
  if (sqlstateOf(error) === SQLSTATE.queryCanceled) {
    const message = `reading report ${name} took longer than ${timeoutMs / 1000} s`;
    return new LongshoreError('report-slow', message, { cause: error });
  }
  if (sqlstateOf(error) === SQLSTATE.lockNotAvailable) {
    const message = `the view of report ${name} is locked by another session`;
    return new LongshoreError('report-slow', message, { cause: error });
  }
  return asDatabaseError(error) ?? error;
}
