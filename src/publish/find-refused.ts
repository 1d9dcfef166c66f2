import type { Tx } from '../db/database.ts';
import { refusalOf, refusedRow } from '../db/refusal.ts';
import { isRowFault, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { type Statement, statementFor } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { dropReferrer } from '../tables/referrers.ts';
import { liveName, type TableState } from '../tables/table-state.ts';
import type { CellError, LoadMode, Table } from '../types.ts';
import { refuseClosed } from './gate.ts';
import { lockExclusively, lockTables } from './lock-tables.ts';
import { putStaged } from './put-staged.ts';
import { emptyTables } from './replace-tables.ts';
import { stageName } from './stage.ts';

/**
 * The most rows of a load that are found one by one, each by some twenty to forty tries. More of them mean that the
 * table does not take the file at all.
 */
const REFUSED_ROWS_MAX = 10_000;

const ORDER = 'pg_temp.longshore_tried';

/**
 * Rejects the rows of a load that PostgreSQL refuses for reasons that no set-based statement finds: a trigger, an
 * exclusion, a domain, a policy, or their size. Rows are inserted into the table as publishing would, by line, and where
 * that is refused, each half; refused rows become rejects, and the table is rolled back.
 *
 * @returns how many rows left the stage
 * @throws LongshoreError `database-refused` when no single row is at fault, or too many are; what `lockTables` throws
 */
export async function rejectRefused(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  loadId: number,
  signal: AbortSignal,
): Promise<number> {
  const stage = stageName(loadId);
  const [state] = await lockTables(tx, [{ table, stage }]);
  await refuseClosed(tx, table.name);
  await tx.query('savepoint trial');
  if (mode === 'replace') await emptyTables(tx, [{ table, stage, state: state! }]);
  await dropOwnReferences(tx, table, state!);
  const refused = await findRefused(tx, table, mode, stage, signal);
  await tx.query('rollback to savepoint trial');
  const rejected = [...refused];
  const lines = rejected.map(([line]) => line);
  const errors = rejected.map(([, error]) => JSON.stringify([error]));
  await tx.query(rejectLinesSql(stage), [loadId, lines, errors]);
  return refused.size;
}

/** @param stage quoted */
export function rejectLinesSql(stage: string): Statement<never> {
  return statementFor`
    with refused as (select * from unnest($2::bigint[], $3::jsonb[]) r (line, errors)),
         gone as (delete from ${stage} s using refused r where s._line = r.line)
    insert into longshore.reject (load_id, line, errors) select $1, line, errors from refused`;
}

/** Self references hold for all rows together, as was checked, but not for a part that refers to the others. */
async function dropOwnReferences(tx: Tx, table: Table, { constraints }: TableState): Promise<void> {
  const own = constraints.filter(({ kind, parent }) => kind === 'f' && parent === null);
  if (own.length === 0) return;
  await lockExclusively(tx, [liveName(table)]);
  for (const { name } of own) await dropReferrer(tx, { table: liveName(table), name });
}

/** @returns the message for each row, by its line */
async function findRefused(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  stage: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, CellError>> {
  const [counted] = await tx.query<{ rows: number }>(`select count(*)::float8 as rows from ${stage}`);
  await tx.query(
    `create temp table longshore_tried on commit drop as
       select row_number() over (order by _line) as nth, ctid as at, _line from ${stage};
     create index on ${ORDER} (nth);
     analyze ${ORDER}`,
  );
  // Constraints that are deferred otherwise.
  await tx.query('set constraints all immediate');
  let whole: unknown = null;
  const refused = new Map<number, CellError>();
  const ranges: [first: number, last: number][] = [[1, counted?.rows ?? 0]];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    signal.throwIfAborted();
    const [first, last] = range;
    if (first > last) break;
    const error = await tryRange(tx, table, mode, stage, range);
    if (error === null) continue;
    whole ??= error;
    if (first < last) {
      const middle = first + Math.floor((last - first) / 2);
      ranges.push([middle + 1, last], [first, middle]);
      continue;
    }
    // Among the rows of a merge, checked as a set, one may only wait for another to give up its value.
    if (mode === 'merge' && sqlstateOf(error) === SQLSTATE.uniqueViolation) continue;
    const [row] = await tx.query<{ line: number }>(
      `select _line::float8 as line from ${ORDER} where nth = $1`,
      [first],
    );
    refused.set(row!.line, refusedRow(error));
    if (refused.size > REFUSED_ROWS_MAX) {
      throw new LongshoreError(
        'database-refused',
        `PostgreSQL refuses more than ${REFUSED_ROWS_MAX} rows, the last for: ${refusalOf(error)}`,
      );
    }
  }
  if (whole !== null && refused.size === 0 && mode !== 'merge') {
    throw new LongshoreError('database-refused', `no row by itself, but all together: ${refusalOf(whole)}`);
  }
  return refused;
}

/** @returns why PostgreSQL refuses these rows, of which none is in then; null when it takes them */
async function tryRange(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  stage: string,
  [first, last]: readonly [number, number],
): Promise<unknown> {
  await tx.query('savepoint range');
  try {
    const source = `(select s.* from ${stage} s join ${ORDER} o on o.at = s.ctid where o.nth between ${first} and ${last}) s`;
    await putStaged(tx, table, mode, source);
    await tx.query('release savepoint range');
    return null;
  } catch (error) {
    if (!isRowFault(error)) throw error;
    await tx.query('rollback to savepoint range');
    return error;
  }
}
