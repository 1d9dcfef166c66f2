import { type Column, columnsWithTypes } from '../avro/schema.ts';
import { LongshoreError } from '../errors.ts';
import type { Field, Table } from '../types.ts';
import type { FieldsBetween } from './restore.ts';
import { lenient } from './restores.ts';

/** A backup's table and the table of today as one: the stage of a comparison has all fields of both. */
export interface ComparedTable {
  /** As it is staged: fields of today where they have the backup's type, then what only the backup has, as it has it. */
  readonly staged: Table;
  readonly between: FieldsBetween;
}

/**
 * Finds what of a backup can be compared with a table whose dictionary has changed since. Pure.
 * @param now its definition of today
 * @throws LongshoreError `restore-mismatch` when the backup lacks a field of the primary key, or has it in another type
 */
export function compareShapes(saved: Table, now: Table): ComparedTable {
  const had = new Map(columnsWithTypes(saved).map((column) => [column.name, column]));
  const has = new Map(columnsWithTypes(now).map((column) => [column.name, column]));
  const retyped = saved.fields
    .map(({ name }) => name)
    .filter((name) => !agree(had.get(name)!, has.get(name)));
  const left = retyped.filter((name) => !has.has(name));
  const added = now.fields.map(({ name }) => name).filter((name) => !had.has(name));
  const between = { left, added, retyped: retyped.filter((name) => has.has(name)) };
  const lost = now.primaryKey.filter((name) => added.includes(name) || retyped.includes(name));
  if (lost.length > 0) {
    throw new LongshoreError(
      'restore-mismatch',
      `table ${now.name}: rows are compared by the primary key, and the backup does not have ${lost.join(', ')} as the table has it`,
    );
  }
  const fieldOf = (name: string): Field => saved.fields.find((field) => field.name === name)!;
  const fields = [...now.fields.filter(({ name }) => !retyped.includes(name)), ...retyped.map(fieldOf)];
  return { staged: withoutRules({ ...now, fields }), between };
}

/** Only the primary key matters to a comparison. */
function withoutRules(table: Table): Table {
  const { primaryKey, fields } = lenient(table);
  const free = fields.map((field) => ({ ...field, constraints: { ...field.constraints, unique: false } }));
  return { ...table, primaryKey, fields: free, uniqueKeys: [], foreignKeys: [] };
}

/** The table with the fields that are compared. */
export function comparedFields(staged: Table, { left, retyped }: FieldsBetween): Table {
  const fields = staged.fields.filter(({ name }) => !left.includes(name) && !retyped.includes(name));
  return { ...staged, fields };
}

/** Whether a backup's values of a column can be read as those of another: see `resolve`. */
function agree({ type }: Column, now: Column | undefined): boolean {
  return now !== undefined && (type === now.type || (type === 'integer' && now.type === 'bigint'));
}
