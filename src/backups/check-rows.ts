import { readAvroRows } from '../avro/read-rows.ts';
import { LongshoreError } from '../errors.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { Field, Table } from '../types.ts';

/** Rules that a message names. */
const SHOWN_RULES = 5;

/** Whether rows that obeyed one definition obey the other: nothing but titles and the form of files differs. Pure. */
export function sameRules(a: Table, b: Table): boolean {
  return rulesOf(a) === rulesOf(b);
}

function rulesOf(table: Table): string {
  const rules = table.fields
    .map(({ name, type, format, constraints }) => [name, type, format, sorted(constraints)])
    .sort(([x], [y]) => (String(x) < String(y) ? -1 : 1));
  return JSON.stringify([rules, table.primaryKey]);
}

function sorted(constraints: Field['constraints']): [string, unknown][] {
  return Object.entries(constraints).sort(([x], [y]) => (x < y ? -1 : 1));
}

/**
 * Checks the rows of a part against the rules of a table, for a backup that was made under other ones. Keys and
 * references are PostgreSQL's to check.
 * @throws LongshoreError `restore-mismatch` with how many rows break rules, and which rules; `backup-damaged`
 */
export async function checkRows(file: AsyncIterable<Buffer>, table: Table, part: string): Promise<void> {
  const compiled = compileTable(asStored(table));
  const rules = new Set<string>();
  let faulty = 0;
  for await (const row of readAvroRows(file, table)) {
    const errors = checkRow(compiled, row);
    if (errors.length === 0) continue;
    faulty++;
    for (const error of errors) if (rules.size < SHOWN_RULES) rules.add(error);
  }
  if (faulty === 0) return;
  const message = `${faulty} rows of ${part} break rules of the dictionary: ${[...rules].join(', ')}`;
  throw new LongshoreError('restore-mismatch', message);
}

function checkRow({ checkRow: check, table }: CompiledTable, row: readonly (string | null)[]): string[] {
  const cells = table.fields.map((_, i) => row[i] ?? '');
  const columns = table.fields.map((_, i) => (row[i] === null ? -1 : i));
  const { errors } = check(cells, columns, cells.length);
  // A row of nothing but nulls is blank in a file; in a table it is a row.
  return (errors ?? [])
    .filter(({ code }) => code !== 'blank-row')
    .map(({ field, code }) => `${field} (${code})`);
}

/** The rules for values as `cellText` writes them, whatever a file of the table writes for them. */
function asStored(table: Table): Table {
  return { ...table, fields: table.fields.map(fieldAsStored) };
}

function fieldAsStored(field: Field): Field {
  const { name, type, constraints } = field;
  const format = type === 'string' ? field.format : 'default';
  const bare = { name, type, format, constraints, missingValues: [] };
  if (type === 'boolean') return { ...bare, trueValues: ['true'], falseValues: ['false'] };
  return bare;
}
