import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, equalColumns, quoteName, quoteText } from '../db/sql-names.ts';
import { liveName } from '../tables/table-state.ts';
import type { ForeignKey, LoadMode, Table } from '../types.ts';
import { present, type RowsToCheck, rejectRows, type SetFault, shownKey } from './reject-rows.ts';

/**
 * Rejects rows that refer to a row which will not be there. All references are checked at once, so that a reject names
 * every broken one; where a table references itself, this is repeated until none is left.
 */
export async function rejectBrokenReferences(
  tx: Sql,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  const faults = table.foreignKeys.map((key): SetFault => {
    const target = quoteName(key.reference.table);
    const message = `${quoteText(`no row of ${target} has `)} || ${shownKey('s', key.fields, key.reference.fields)}`;
    const where = brokenReference(table, mode, rows.table, key);
    const faulty = `select s.ctid as at, s._line as line, ${message} as message from ${rows.table} s where ${where}`;
    return { fields: key.fields, code: 'foreign-key', faulty };
  });
  let total = 0;
  for (;;) {
    const left = await rejectRows(tx, rows, faults);
    total += left;
    if (left === 0 || !referencesItself(table)) return total;
  }
}

export function referencesItself({ name, foreignKeys }: Table): boolean {
  return foreignKeys.some(({ reference }) => reference.table === name);
}

/** Condition on a row `s`: it refers to a row that is neither in the database nor (of itself) in `staged`. */
export function brokenReference(table: Table, mode: LoadMode, staged: string, key: ForeignKey): string {
  const { fields, reference } = key;
  const given = present('s', fields);
  const same = fields
    .map((f, i) => `r.${quoteName(reference.fields[i] ?? '')} = s.${quoteName(f)}`)
    .join(' and ');
  const self = reference.table === table.name;
  // A row that the merge changes has the values of the merge, which are in `staged`.
  const stays =
    self && mode === 'merge' && !isPrimaryKey(table, reference.fields)
      ? `and not exists (select from ${staged} n where ${equalColumns(table.primaryKey, 'n', 'r')})`
      : '';
  const live = `not exists (select from ${quoteName(DATA_SCHEMA, reference.table)} r where ${same} ${stays})`;
  const beside = `not exists (select from ${staged} r where ${same})`;
  if (!self) return `${given} and ${live}`;
  return mode === 'replace' ? `${given} and ${beside}` : `${given} and ${beside} and ${live}`;
}

function isPrimaryKey({ primaryKey }: Table, fields: readonly string[]): boolean {
  return fields.length === primaryKey.length && fields.every((field) => primaryKey.includes(field));
}

/** A reference of any table to a key of this one that a merge may change. */
export interface Watcher {
  /** Name as SQL writes it. */
  readonly table: string;
  /** The table refers to itself. */
  readonly self: boolean;
  readonly fields: readonly string[];
  /** Columns of this table that it refers to. */
  readonly key: readonly string[];
  /** `ON UPDATE RESTRICT`: the value may not even pass to another row. */
  readonly restrict: boolean;
}

/** References that may refuse a change of the key; `ON UPDATE CASCADE` and the like follow it instead. */
export function watchersOf(tx: Sql, table: Table): Promise<Watcher[]> {
  const columns = (relation: string, key: string) => `
    (select array_agg(a.attname::text order by k.nth)
       from unnest(${key}) with ordinality k (attnum, nth)
       join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.attnum)`;
  return tx.query(
    `select conrelid::regclass::text as "table", conrelid = confrelid as self, ${columns('conrelid', 'conkey')} as fields,
            ${columns('confrelid', 'confkey')} as key, confupdtype = 'r' as restrict
       from pg_constraint f
      where confrelid = $1::regclass and contype = 'f' and confupdtype in ('a', 'r') and conparentid = 0
        and not confkey <@ (select p.conkey from pg_constraint p where p.conrelid = f.confrelid and p.contype = 'p')
      order by conrelid::regclass::text, conname`,
    [liveName(table)],
  );
}

/**
 * Rejects rows of a merge that would remove a value to which rows refer that the merge does not change. A value that
 * another row of the merge takes over is not removed.
 */
export function rejectReferredTo(
  tx: Sql,
  table: Table,
  rows: RowsToCheck,
  watchers: readonly Watcher[],
): Promise<number> {
  const faults = watchers.map(({ table: from, self, fields, key, restrict }): SetFault => {
    const names = (alias: string) => key.map((name) => `${alias}.${quoteName(name)}`).join(', ');
    const refers = fields.map((f, i) => `r.${quoteName(f)} = t.${quoteName(key[i] ?? '')}`).join(' and ');
    const unchanged = self
      ? `and not exists (select from ${rows.table} n where ${equalColumns(table.primaryKey, 'n', 'r')})`
      : '';
    const handedOn = restrict
      ? ''
      : `and not exists (select from ${rows.table} p where ${equalColumns(key, 'p', 't')})`;
    const message = `${shownKey('t', key, key)} || ${quoteText(` is what rows of ${from} refer to`)}`;
    const faulty = `
      select s.ctid as at, s._line as line, ${message} as message
        from ${rows.table} s join ${liveName(table)} t on ${equalColumns(table.primaryKey, 's', 't')}
       where (${names('s')}) is distinct from (${names('t')})
         and exists (select from ${from} r where ${refers} ${unchanged}) ${handedOn}`;
    return { fields: key, code: 'foreign-key', faulty };
  });
  return rejectRows(tx, rows, faults);
}
