import { createHash } from 'node:crypto';
import type { Sql } from '../db/sql.ts';
import { quoteName, quoteNames } from '../db/sql-names.ts';
import { isRowFault } from '../db/sqlstate.ts';
import { rejectByCatalog } from '../publish/check-catalog.ts';
import { checkRows } from '../publish/check-stage.ts';
import type { AbsentField, RowsToCheck } from '../publish/reject-rows.ts';
import { columnType } from '../rows/column-type.ts';
import type { CellError, Table } from '../types.ts';
import type { BatchMode, BatchReject } from './batch.ts';
import type { CheckedBatch, GoodRow } from './checked-batch.ts';

const FAULTS = quoteName('pg_temp', 'longshore_batch_fault');

/** Quoted name of the connection's temporary table for rows of `table` to be checked; it depends on the columns. */
export function lookedAt(table: Table): string {
  const hash = createHash('sha256').update(columnsOfRows(table)).digest('hex').slice(0, 16);
  return quoteName('pg_temp', `longshore_batch_${hash}`);
}

function columnsOfRows(table: Table): string {
  const columns = table.fields.map((field) => `${quoteName(field.name)} ${columnType(field)}`);
  return [...columns, `${quoteName(givenColumn(table))} text`].join(', ');
}

/** Column for which fields a row has (see `GoodRow.given`), under a name that no field has. */
function givenColumn({ fields }: Table): string {
  let name = '_given';
  while (fields.some((field) => field.name === name)) name += '_';
  return name;
}

/** Fields that some of these rows leave out. */
export function absentIn(table: Table, rows: readonly GoodRow[]): AbsentField[] {
  const given = quoteName(givenColumn(table));
  return table.fields.flatMap(({ name }, i) =>
    rows.some((row) => row.given?.[i] === '0')
      ? [{ name, where: `substr(s.${given}, ${i + 1}, 1) = '0'` }]
      : [],
  );
}

/**
 * The rows of a batch whose keys or references do not hold, found as a load finds them: by the same statements, over
 * a temporary table. That is the connection's own, made on first need and empty again after each transaction, so
 * that no group changes the catalog. It is left with the rows that have no fault.
 */
export async function findKeyFaults(
  tx: Sql,
  table: Table,
  mode: BatchMode,
  batch: CheckedBatch,
  rows: readonly GoodRow[],
): Promise<BatchReject[]> {
  const types = table.fields.map(columnType);
  const staged = lookedAt(table);
  await tx.query(`
    create temp table if not exists ${staged} (${columnsOfRows(table)}, _line bigint) on commit delete rows;
    create temp table if not exists ${FAULTS} (line bigint, errors jsonb) on commit delete rows;
    delete from ${staged};
    delete from ${FAULTS}`);
  const names = quoteNames([...table.fields.map((field) => field.name), givenColumn(table), '_line']);
  const arrays = [...types, 'text', 'bigint'].map((type, i) => `$${i + 1}::${type}[]`).join(', ');
  await tx.query('savepoint looking');
  try {
    await tx.query(`insert into ${staged} (${names}) select * from unnest(${arrays})`, [
      ...table.fields.map((_, i) => rows.map(({ values }) => values[i] ?? null)),
      rows.map(({ given }) => given ?? null),
      rows.map(({ index }) => index),
    ]);
  } catch (error) {
    // A row is too large for any table: trying each shows which one.
    if (!isRowFault(error)) throw error;
    await tx.query('rollback to savepoint looking');
    return [];
  }
  const looked: RowsToCheck = {
    table: staged,
    keep: `insert into ${FAULTS} select line, errors from faulty`,
    values: [],
    absent: absentIn(table, rows),
    sameAs: 'is the same as in the row with index',
  };
  await checkRows(tx, table, mode, looked);
  await rejectByCatalog(tx, table, mode, looked);
  const faults = await tx.query<{ index: number; errors: CellError[] }>(
    `select line::int as index, errors from ${FAULTS} order by line`,
  );
  return faults.map(({ index, errors }) => ({ index, row: batch.rowText(index), errors }));
}
