import type { Sql } from '../db/sql.ts';
import { type Part, part, statement } from '../db/statement.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { ReportState } from './report.ts';

/**
 * Groups don't commit in the order of their IDs. This many IDs below the highest one of a refresh are counted again, to
 * see one that was under way then: at most some hundred groups are written a second, each for a moment.
 */
export const GROUP_WINDOW = 1000;

/**
 * SQL over a row `r` of `longshore.report`: how many loads of its tables are done, with those that were deleted since.
 * Counting or deleting one changes nothing here, at any moment.
 */
export const DONE_LOADS = part`
  ((select count(*)::int from longshore.load l
     where not l.counted and l.status = 'done' and l.table_name = any (r.tables))
   + (select coalesce(sum(c.loads), 0)::int from longshore.load_count c
       where c.status = 'done' and c.table_name = any (r.tables))
   + (select coalesce(sum(p.loads), 0)::int from longshore.load_past p
       where p.status = 'done' and p.table_name = any (r.tables)))`;

/** The same for restores of its tables. One under another name does not touch them. */
export const DONE_RESTORES = part`
  (select count(*)::int from longshore.restore x
    where x.status = 'done' and x.kind = 'restore' and x.target ->> 'as' is null and x.tables && r.tables)`;

/** The same for groups of its tables with one of the last IDs up to `top`. */
export function groupsUpTo(top: string): Part {
  return part`
  (select count(*)::int from longshore.batch_group g
    where g.id > ${top} - ${GROUP_WINDOW} and g.id <= ${top} and g.table_name = any (r.tables))`;
}

/**
 * The same: whether something was committed to its tables that its view does not include. Counted, not compared by
 * the newest: what began first may commit last. Every part is a look-up by an index.
 */
export const STALE = part`
  (${DONE_LOADS} <> r.seen_loads
   or ${DONE_RESTORES} <> r.seen_restores
   or exists (select from unnest(r.tables) t (name)
                join longshore.batch b on b.table_name = t.name and b.group_id > r.top_group)
   or ${groupsUpTo('r.top_group')} <> r.seen_groups)`;

interface StateRow {
  readonly name: string;
  readonly version: number;
  readonly asOf: Date;
  readonly seconds: number;
  readonly rows: number;
  readonly load: number | null;
  readonly group: string | null;
  readonly stale: boolean;
  readonly errorCode: ErrorCode | null;
  readonly errorMessage: string | null;
  readonly failedAt: Date | null;
}

const STATE = statement<{ [member in keyof StateRow]: StateRow[member] }>`
  select r.name, r.version, r.as_of as "asOf", r.seconds, r.rows, r.includes_load as load, r.includes_group as "group",
         ${STALE} as stale, r.error_code as "errorCode", r.error_message as "errorMessage", r.failed_at as "failedAt"
    from longshore.report r where r.name = $1`;

/**
 * What the ledger knows of a report's view, in one statement of look-ups.
 * @throws LongshoreError `unknown-report`
 */
export async function reportState(db: Pick<Sql, 'query'>, name: string): Promise<ReportState> {
  const [row] = await db.query(STATE, [name]);
  if (row === undefined) throw unknownReport(name);
  const { errorCode, errorMessage, failedAt } = row;
  return {
    name: row.name,
    version: row.version,
    asOf: row.asOf.toISOString(),
    seconds: Math.round(row.seconds * 1000) / 1000,
    rows: row.rows,
    includes: { load: row.load, group: row.group === null ? null : Number(row.group) },
    stale: row.stale,
    failure:
      errorCode === null || failedAt === null
        ? null
        : { code: errorCode, message: errorMessage ?? '', since: failedAt.toISOString() },
  };
}

const STALE_REPORTS = statement<{
  name: string;
}>`select r.name from longshore.report r where ${STALE} order by r.name`;

/** Names of the reports that do not include all that was committed to their tables. */
export async function staleReports(db: Sql): Promise<readonly string[]> {
  const rows = await db.query(STALE_REPORTS);
  return rows.map(({ name }) => name);
}

export function unknownReport(name: string): LongshoreError {
  return new LongshoreError('unknown-report', `there is no report ${quoted(name)}`);
}
