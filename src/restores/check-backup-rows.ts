import { readAvroRows, type TextRow } from '../avro/read-rows.ts';
import { LongshoreError } from '../errors.ts';
import { FIRST_GROUP_ID } from '../loads/lineage-ids.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { Field, Table } from '../types.ts';

/** The most rules that a message names. */
const SHOWN_RULES = 5;
/** The most rows that a message names. */
export const SHOWN_ROWS = 5;

/** Whether two definitions have the same rules: they differ only in titles and the form of files. Pure. */
function sameRules(a: Table, b: Table): boolean {
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

/** Whether rows have to be checked one by one before they may be restored, since nothing else checks them. */
export function hasRulesToCheck(table: Table, saved: Table): boolean {
  // Rows may be older than their table's rules: the dictionary was tightened, and the rows stayed.
  return !sameRules(table, saved) || table.fields.some(hasRowRule);
}

/** Whether a field has a rule that PostgreSQL does not enforce, beside type, NOT NULL and keys. */
function hasRowRule({ type, format, constraints }: Field): boolean {
  const { required: _, unique: __, ...rules } = constraints;
  return (
    Object.values(rules).some((rule) => rule !== undefined) || (type === 'string' && format !== 'default')
  );
}

/** A row of a backup that breaks rules of today. */
export interface FaultyRow {
  /** Texts of the fields in the order of the dictionary, then of `_load_id` and `_line`. */
  readonly cells: TextRow;
  /** Fields and codes. */
  readonly errors: readonly string[];
}

/**
 * Yields the rows of a part that break the rules of a table. Keys and references are left to PostgreSQL.
 * @param shape the table by which rows are decoded: see `lenient`
 * @throws LongshoreError `backup-damaged`
 */
export async function* faultyRows(
  file: AsyncIterable<Buffer>,
  table: Table,
  shape: Table,
): AsyncGenerator<FaultyRow, void> {
  const compiled = compileTable(asStored(table));
  for await (const cells of readAvroRows(file, shape)) {
    const errors = checkRow(compiled, cells);
    if (errors.length > 0) yield { cells, errors };
  }
}

/** Summary of faulty rows for a refusal: their number, the rules that they break, and the lineage of the first ones. */
export class FaultySummary {
  readonly #rules = new Set<string>();
  readonly #places: string[] = [];
  count = 0;

  add({ cells, errors }: FaultyRow): void {
    this.count++;
    for (const error of errors) if (this.#rules.size < SHOWN_RULES) this.#rules.add(error);
    if (this.#places.length < SHOWN_ROWS)
      this.#places.push(lineageOf(cells.at(-2) ?? null, cells.at(-1) ?? null));
  }

  /** The summary in words, without values, since it goes into workflow histories. */
  describe(): string {
    const more = this.count > this.#places.length ? ', …' : '';
    return `break rules of the dictionary: ${[...this.#rules].join(', ')}; they are ${this.#places.join(', ')}${more}`;
  }
}

/** Names a row by its lineage, which reveals none of its values. */
export function lineageOf(load: string | null, line: string | null): string {
  if (load === null) return 'one that no load brought';
  const from = Number(load) >= FIRST_GROUP_ID ? `group ${load}` : `load ${load}`;
  return line === null ? from : `${from} line ${line}`;
}

/** @throws LongshoreError `restore-mismatch` where there are faulty rows */
export async function refuseFaulty(rows: AsyncIterable<FaultyRow>, part: string): Promise<void> {
  const found = new FaultySummary();
  for await (const row of rows) found.add(row);
  if (found.count === 0) return;
  throw new LongshoreError('restore-mismatch', `${found.count} rows of ${part} ${found.describe()}`);
}

function checkRow({ checkRow: check, table }: CompiledTable, row: TextRow): string[] {
  const cells = table.fields.map(({ type }, i) => (type === 'number' ? asNumber(row[i]) : row[i]) ?? '');
  const columns = table.fields.map((_, i) => (row[i] === null ? -1 : i));
  const { errors } = check(cells, columns, cells.length);
  const texts = new Set(table.fields.filter(({ type }) => type === 'string').map(({ name }) => name));
  // A row of only nulls is blank in a file, but not in a table. Values have their column's type already; only the format
  // of strings is to be checked.
  return (errors ?? [])
    .filter(({ code, field }) => code !== 'blank-row' && (code !== 'type-error' || texts.has(field ?? '')))
    .map(({ field, code }) => `${field} (${code})`);
}

/** PostgreSQL's words for what the dictionary writes INF. */
function asNumber(text: string | null | undefined): string | null | undefined {
  if (text === 'Infinity') return 'INF';
  return text === '-Infinity' ? '-INF' : text;
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
