import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, equalColumns, quoteName, quoteNames, quoteText } from '../db/sql-names.ts';
import type { ForeignKey, LoadMode, RejectCode, Table } from '../types.ts';
import { stageName } from './stage.ts';
import { liveName } from './table-state.ts';

/** Rows of a load or of a batch that wait for their check: a table with the fields' columns and `_line`. */
export interface RowsToCheck {
  /** Quoted. */
  readonly table: string;
  /** SQL that keeps the rejects, which it reads from `faulty (line, errors)`. */
  readonly keep: string;
  /** Parameters of `keep`. */
  readonly values: readonly unknown[];
  /** What a message says before the line of the row that has the same key. */
  readonly sameAs: string;
}

/** Checks a load's stage. @returns how many rows left it and became rejects of the load */
export async function checkStage(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  loadId: number,
): Promise<number> {
  const stage = stageName(loadId);
  await tx.query(`set local work_mem = '64MB'`);
  await tx.query(`analyze ${stage}`);
  return checkRows(tx, table, mode, {
    table: stage,
    keep: 'insert into longshore.reject (load_id, line, errors) select $1, line, errors from faulty',
    values: [loadId],
    sameAs: 'is the same as on line',
  });
}

/**
 * The rules that one row can't be checked for by itself, as set-based statements over all rows. Those that break one
 * leave their table and become rejects, in the transaction of the caller:
 *
 * 1. references that exist nowhere (again and again, where a table references itself, until none is left),
 * 2. the primary key, then each unique key: of the rows with a key the first stays; a key that the table has
 *    already is refused by `append`. A row that 1. removed occupies no key.
 *
 * 2. can break what 1. found good (a self reference to a row that left), so both repeat until nothing more leaves.
 *
 * @returns how many rows left
 */
export async function checkRows(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  let total = 0;
  for (;;) {
    let left = await rejectBrokenReferences(tx, table, mode, rows);
    for (const key of uniqueKeysOf(table)) left += await rejectDuplicates(tx, table, mode, rows, key);
    total += left;
    const again = table.foreignKeys.some((key) => key.reference.table === table.name);
    if (left === 0 || !again) return total;
  }
}

interface UniqueKey {
  readonly fields: readonly string[];
  readonly code: Extract<RejectCode, 'primary-key' | 'unique-error'>;
}

function uniqueKeysOf(table: Table): UniqueKey[] {
  const keys: UniqueKey[] = [];
  if (table.primaryKey.length > 0) keys.push({ fields: table.primaryKey, code: 'primary-key' });
  for (const field of table.fields) {
    if (field.constraints.unique) keys.push({ fields: [field.name], code: 'unique-error' });
  }
  for (const fields of table.uniqueKeys) keys.push({ fields, code: 'unique-error' });
  return keys;
}

/** All broken references of a row in one go, so that its reject names every one of them. */
function rejectBrokenReferences(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  const faults = table.foreignKeys.map((key) => {
    const target = quoteName(key.reference.table);
    const message = `${quoteText(`no row of ${target} has `)} || ${tuple('s', key.fields, key.reference.fields)}`;
    const where = brokenReference(table, mode, rows.table, key);
    const faulty = `select s.ctid as at, s._line as line, ${message} as message from ${rows.table} s where ${where}`;
    return { fields: key.fields, code: 'foreign-key', faulty } as const;
  });
  return reject(tx, rows, faults);
}

/** Condition on a row `s`: it refers to a row that is neither in the database nor (of itself) in `staged`. */
export function brokenReference(table: Table, mode: LoadMode, staged: string, key: ForeignKey): string {
  const { fields, reference } = key;
  const present = fields.map((f) => `s.${quoteName(f)} is not null`).join(' and ');
  const same = fields
    .map((f, i) => `r.${quoteName(reference.fields[i] ?? '')} = s.${quoteName(f)}`)
    .join(' and ');
  const self = reference.table === table.name;
  const live = `not exists (select from ${quoteName(DATA_SCHEMA, reference.table)} r where ${same})`;
  const beside = `not exists (select from ${staged} r where ${same})`;
  if (!self) return `${present} and ${live}`;
  return mode === 'replace' ? `${present} and ${beside}` : `${present} and ${beside} and ${live}`;
}

async function rejectDuplicates(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
  key: UniqueKey,
): Promise<number> {
  const columns = quoteNames(key.fields);
  const present = key.fields.map((f) => `${quoteName(f)} is not null`).join(' and ');
  const shown = tuple('s', key.fields, key.fields);
  const { fields, code } = key;
  const twice = `
    select s.at, s.line, ${shown} || ${quoteText(` ${rows.sameAs} `)} || s.first as message
       from (select ctid as at, _line as line, ${columns},
                    first_value(_line) over same as first, row_number() over same as nth
               from ${rows.table} where ${present}
             window same as (partition by ${columns} order by _line)) s
      where s.nth > 1`;
  let left = await reject(tx, rows, [{ fields, code, faulty: twice }]);
  // A merge replaces the rows whose primary key it brings; their other keys are free again.
  if (mode === 'append' || (mode === 'merge' && key.code === 'unique-error')) {
    const same = equalColumns(key.fields, 't', 's');
    const stays =
      mode === 'merge'
        ? `and not exists (select from ${rows.table} n where ${equalColumns(table.primaryKey, 'n', 't')})`
        : '';
    const taken = `
      select s.ctid as at, s._line as line, ${shown} || ' is in the table already' as message
        from ${rows.table} s where exists (select from ${liveName(table)} t where ${same} ${stays})`;
    left += await reject(tx, rows, [{ fields, code, faulty: taken }]);
  }
  return left;
}

interface KeyFault {
  readonly fields: readonly string[];
  readonly code: RejectCode;
  /** A query that gives `at` (ctid), `line` and `message` of the rows at fault. */
  readonly faulty: string;
}

/** Moves the rows at fault from their table to the rejects, each with all of these faults; cells come later. */
async function reject(
  tx: Pick<Tx, 'query'>,
  rows: RowsToCheck,
  faults: readonly KeyFault[],
): Promise<number> {
  if (faults.length === 0) return 0;
  const queries = faults.map(({ fields, code, faulty }, nth) => {
    const field = fields.length === 1 ? quoteText(fields[0] ?? '') : 'null';
    return `select ${nth} as nth, ${quoteText(code)} as code, ${field} as field, f.* from (${faulty}) f`;
  });
  const [row] = await tx.query<{ n: number }>(
    `with faulty as materialized (
            select at, line, jsonb_agg(jsonb_build_object('code', code, 'field', field, 'message', message)
                                       order by nth) as errors
              from (${queries.join(' union all ')}) f group by at, line),
          gone as (delete from ${rows.table} s using faulty where s.ctid = faulty.at),
          kept as (${rows.keep})
     select count(*)::float8 as n from faulty`,
    rows.values,
  );
  return row?.n ?? 0;
}

/** SQL text `name value, name value`: what a message shows of a key. */
function tuple(alias: string, fields: readonly string[], names: readonly string[]): string {
  return fields
    .map((field, i) => `${quoteText(`${names[i]} `)} || left(${alias}.${quoteName(field)}::text, 60)`)
    .join(` || ', ' || `);
}
