import { columnsWithTypes } from '../avro/schema.ts';
import { bytesOf, PAGE_BYTES } from '../db/cell-text.ts';
import type { Database } from '../db/database.ts';
import { equalColumns, quoteName, quoteNames } from '../db/sql-names.ts';
import { liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { rowsDiffer } from './compare-stages.ts';
import type { RestoredTable } from './restores.ts';

/** A row that differs between a backup and the table. Values are texts as in JSON; null is SQL NULL. */
export interface Difference {
  /** Texts of the primary key's fields, in order. */
  readonly key: readonly string[];
  /** What a restore would do: `added` is in the backup only, `removed` in the table only. */
  readonly kind: 'added' | 'removed' | 'changed';
  /** The fields that differ in a changed row; all fields of an added or removed one. */
  readonly fields: Readonly<Record<string, FieldDifference>>;
}

export interface FieldDifference {
  readonly backup: string | null;
  readonly now: string | null;
}

interface DifferenceRow extends Record<string, unknown> {
  readonly key: string[];
  readonly kind: Difference['kind'];
  readonly backup: (string | null)[];
  readonly now: (string | null)[];
  readonly bytes: number;
}

export interface DifferencesPage {
  readonly differences: readonly Difference[];
  /** Whether there are more after the last one. */
  readonly more: boolean;
}

/**
 * Reads differences between a stage and its table in the order of the primary key, after a given key. PostgreSQL keeps
 * only the page and its join in memory, and a cursor fetches one row at a time, so that a page of long rows ends before
 * its limit (`PAGE_BYTES`) without the others being read.
 */
export async function readDifferences(
  db: Pick<Database, 'transaction'>,
  { table, stage }: Pick<RestoredTable, 'table' | 'stage'>,
  { after, limit }: { readonly after: readonly string[] | null; readonly limit: number },
): Promise<DifferencesPage> {
  return db.transaction(async (tx) => {
    const sql = differencesSql(table, stage, after !== null);
    // One row more than the page shows whether there is a next page.
    await tx.query(`declare page no scroll cursor for ${sql}`, [limit + 1, ...(after ?? [])]);
    const differences: Difference[] = [];
    let bytes = 0;
    for (;;) {
      const [row] = await tx.query<DifferenceRow>('fetch next from page');
      if (row === undefined) return { differences, more: false };
      bytes += row.bytes;
      const full = differences.length === limit || (differences.length > 0 && bytes > PAGE_BYTES);
      if (full) return { differences, more: true };
      differences.push({ key: row.key, kind: row.kind, fields: fieldsOf(table, row) });
    }
  });
}

/** Rows are fetched as JSON, since the driver parses an array's text character by character. */
function differencesSql(table: Table, stage: string, following: boolean): string {
  const key = table.primaryKey.map((name) => `coalesce(s.${quoteName(name)}, t.${quoteName(name)})`);
  const texts = (alias: string) =>
    `to_json(array[${table.fields.map(({ name }) => asText(`${alias}.${quoteName(name)}`)).join(', ')}]::text[])`;
  const from = (name: string) =>
    `(select tableoid, * from ${name}${following ? ` where ${afterKey(table)}` : ''})`;
  return `
    select array[${key.map(asText).join(', ')}] as key,
           case when t.tableoid is null then 'added' when s.tableoid is null then 'removed' else 'changed' end as kind,
           ${texts('s')} as backup, ${texts('t')} as now,
           ${bytesOf(columnsWithTypes(table), 's')} + ${bytesOf(columnsWithTypes(table), 't')} as bytes
      from ${from(stage)} s full join ${from(liveName(table))} t on ${equalColumns(table.primaryKey, 's', 't')}
     where t.tableoid is null or s.tableoid is null or ${rowsDiffer(table)}
     order by ${key.join(', ')} limit $1`;
}

/** SQL of a value's text as in JSON: every digit of a number, moments as RFC 3339. */
function asText(value: string): string {
  return `to_jsonb(${value}) #>> '{}'`;
}

/** Parameters from `$2` on are the texts of the key. */
function afterKey(table: Table): string {
  const types = new Map(columnsWithTypes(table).map(({ name, type }) => [name, type]));
  const values = table.primaryKey.map((name, i) => `$${i + 2}::text::${types.get(name)}`);
  return `(${quoteNames(table.primaryKey)}) > (${values.join(', ')})`;
}

function fieldsOf(table: Table, { kind, backup, now }: DifferenceRow): Record<string, FieldDifference> {
  const fields: Record<string, FieldDifference> = {};
  for (const [i, { name }] of table.fields.entries()) {
    const values = { backup: backup[i] ?? null, now: now[i] ?? null };
    if (kind !== 'changed' || values.backup !== values.now) fields[name] = values;
  }
  return fields;
}
