import { DATA_SCHEMA, LINEAGE_COLUMNS, quoteName, quoteNames, quoteText } from '../db/sql-names.ts';
import { type ColumnType, columnType } from '../rows/column-type.ts';
import type { Field, Table } from '../types.ts';

/**
 * All statements that a start may run on data tables. Each adds something, and none changes or removes what exists: no
 * column's values, type, position or nullability, no constraint, no comment. A statement that could (a rename, a drop, a
 * `set`, a rewrite of rows) does not belong here.
 */

/** A column that a table of the dictionary has. */
export interface WantedColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly required: boolean;
  readonly comment: string | null;
}

/** A primary or unique key, or a foreign key, under the name that it is to have. */
export interface WantedKey {
  readonly name: string;
  readonly primary: boolean;
  readonly fields: readonly string[];
}

export interface WantedReference {
  readonly name: string;
  readonly fields: readonly string[];
  readonly table: string;
  readonly to: readonly string[];
}

export function wantedColumns(table: Table): WantedColumn[] {
  const fields = table.fields.map((field) => ({
    name: field.name,
    type: columnType(field),
    required: field.constraints.required === true || table.primaryKey.includes(field.name),
    comment: commentOf(field),
  }));
  const lineage = LINEAGE_COLUMNS.map((name) => ({
    name,
    type: 'bigint' as const,
    required: false,
    comment: null,
  }));
  return [...fields, ...lineage];
}

/** An empty comment is none to PostgreSQL. */
export function commentOf({
  title,
  description,
}: Pick<Field | Table, 'title' | 'description'>): string | null {
  return description || title || null;
}

export function createTable(
  table: string,
  columns: readonly WantedColumn[],
  keys: readonly WantedKey[],
): string {
  const parts = [
    ...columns.map((column) => `${columnSql(column)}${column.required ? ' not null' : ''}`),
    ...keys.map((key) => `constraint ${quoteName(key.name)} ${keySql(key)}`),
  ];
  return `create table ${live(table)} (\n  ${parts.join(',\n  ')}\n)`;
}

/** Columns that may be null and have no default: PostgreSQL writes down their names and leaves the rows alone. */
export function addColumns(table: string, columns: readonly WantedColumn[]): string {
  return `alter table ${live(table)} ${columns.map((column) => `add column ${columnSql(column)}`).join(', ')}`;
}

/** Blocks writers of the table while it runs, but no readers. */
export function createUniqueIndex(table: string, { name, fields }: WantedKey): string {
  return `create unique index ${quoteName(name)} on ${live(table)} (${quoteNames(fields)})`;
}

/** Makes an index of the same name the constraint: a moment's work. */
export function useIndex(table: string, { name, primary }: WantedKey): string {
  const kind = primary ? 'primary key' : 'unique';
  return `alter table ${live(table)} add constraint ${quoteName(name)} ${kind} using index ${quoteName(name)}`;
}

/** Readers wait while it runs. */
export function addKey(table: string, key: WantedKey): string {
  return `alter table ${live(table)} add constraint ${quoteName(key.name)} ${keySql(key)}`;
}

/** Blocks writers of both tables while it runs, but no readers. */
export function addReference(table: string, { name, fields, ...target }: WantedReference): string {
  return (
    `alter table ${live(table)} add constraint ${quoteName(name)} foreign key (${quoteNames(fields)}) ` +
    `references ${live(target.table)} (${quoteNames(target.to)})`
  );
}

/** Only for what has no comment. */
export function commentOnTable(table: string, comment: string): string {
  return `comment on table ${live(table)} is ${quoteText(comment)}`;
}

/** Only for what has no comment. */
export function commentOnColumn(table: string, column: string, comment: string): string {
  return `comment on column ${quoteName(DATA_SCHEMA, table, column)} is ${quoteText(comment)}`;
}

/**
 * Statements that a start never runs: messages suggest them to people, and `dropRules` runs those that were asked for by
 * name.
 */
export function dropConstraint(table: string, name: string, schema: string = DATA_SCHEMA): string {
  return `alter table ${quoteName(schema, table)} drop constraint ${quoteName(name)}`;
}

export function dropIndex(name: string): string {
  return `drop index ${quoteName(DATA_SCHEMA, name)}`;
}

export function dropNotNull(table: string, column: string): string {
  return `alter table ${live(table)} alter column ${quoteName(column)} drop not null`;
}

function columnSql({ name, type }: WantedColumn): string {
  return `${quoteName(name)} ${type}`;
}

function keySql({ primary, fields }: WantedKey): string {
  return `${primary ? 'primary key' : 'unique'} (${quoteNames(fields)})`;
}

function live(table: string): string {
  return quoteName(DATA_SCHEMA, table);
}
