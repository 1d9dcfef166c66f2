import type { Table } from '../types.ts';
import type { ColumnMap } from './match-header.ts';

/** Names of the fields that a file or a row does not have. */
export function absentFields(table: Table, { columns }: Pick<ColumnMap, 'columns'>): string[] {
  return table.fields
    .filter(({ constant }, index) => columns[index] === -1 && constant === undefined)
    .map(({ name }) => name);
}

/**
 * The table for rows that do not have these fields, and leave them as they are in the row that they change: there they
 * have a value, if they need one. Whether there is such a row, only the database knows.
 */
export function partialTable(table: Table, absent: readonly string[]): Table {
  const gone = new Set(absent.filter((name) => !table.primaryKey.includes(name)));
  if (gone.size === 0) return table;
  const fields = table.fields.map((field) =>
    gone.has(field.name) && field.constant === undefined
      ? { ...field, constraints: { ...field.constraints, required: false }, keepsAbsent: true as const }
      : field,
  );
  return { ...table, fields };
}

export function isRequired({ fields }: Table, name: string): boolean {
  return fields.find((field) => field.name === name)?.constraints.required === true;
}
