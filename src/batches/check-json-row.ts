import { partialTable } from '../dictionary/partial-table.ts';
import { FALSE_VALUES, TRUE_VALUES } from '../rows/cast-boolean.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { CheckedCell, CheckedRow, CompiledField, CompiledTable } from '../rows/contract.ts';
import { shorten } from '../shorten.ts';
import type { CellError, Field } from '../types.ts';
import type { BatchMode } from './batch.ts';
import { LongNumber } from './parse-json.ts';

/** Unknown names of one row that are reported one by one. */
const MOST_UNKNOWN = 100;

/** A checked row, and which fields it has (see `GoodRow.given`). */
export type CheckedEntry = CheckedRow & { readonly given?: string };

/**
 * Checks rows that are JSON objects. Each value becomes the cell that a file would have, and obeys the same rules:
 *
 * - null: no cell, so null, where the field may be null; a field that is left out as well, but in a merge the row of
 *   the table keeps what it has there, so that only the primary key is needed of all that is required;
 * - a string: the cell;
 * - a number: its shortest decimal text, with the field's `decimalChar`; 1, 1.0 and 1e0 are one number;
 * - true and false: the first of the field's `trueValues` and `falseValues`;
 * - a number or a boolean in a field of type string: a `type-error`, since its text would be ambiguous (1.0 or 1);
 * - an object or an array: a `type-error`. Half of a surrogate pair is no text: an `encoding-error`.
 *
 * A field with a default has it where it is null, or left out unless the row is of a merge; one with a constant always has
 * that, whatever the row says.
 *
 * A name that is no field is an `extra-cell`. What is no object is a `type-error` of the row.
 */
export function rowChecker(compiled: CompiledTable, mode: BatchMode): (entry: unknown) => CheckedEntry {
  const { fields, primaryKey } = compiled.table;
  const merges = mode === 'merge';
  const rules = merges ? partialRules(compiled) : compiled;
  const at = new Map(fields.map((field, index) => [field.name, index]));
  // For each required field, the texts that mean null: a merge may leave the field out, but not set it to null.
  const constants = fields.filter(({ constant }) => constant !== undefined);
  const nulls = fields.map(({ constraints, missingValues, default: otherwise }) =>
    constraints.required && otherwise === undefined ? new Set(missingValues) : null,
  );
  return (entry) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry) || entry instanceof LongNumber) {
      const message = `expected an object, received ${kindOf(entry)}`;
      return { values: null, errors: [{ code: 'type-error', field: null, message }] };
    }
    const cells: string[] = new Array(fields.length).fill('');
    const columns: number[] = new Array(fields.length).fill(-1);
    let faults: CellError[] | null = null;
    let [unknown, known] = [0, 0];
    let refused = false;
    for (const [name, value] of Object.entries(entry)) {
      const index = at.get(name);
      if (index === undefined && ++unknown > MOST_UNKNOWN) continue;
      const field = index === undefined ? undefined : fields[index]!;
      if (field?.constant !== undefined) continue;
      if (field !== undefined) known++;
      const cell = field === undefined ? unknownField(name) : (cellOf(field, value) ?? field.default ?? null);
      if (cell === null) {
        if (merges) refused ||= compiled.fields[index!]!.checkNull() !== null;
        continue;
      }
      if (typeof cell !== 'string') {
        faults ??= [];
        faults.push(cell);
        continue;
      }
      const text = field?.trim ? cell.trim() : cell;
      if (merges) refused ||= nulls[index!]?.has(text) ?? false;
      cells[index!] = text;
      columns[index!] = index!;
    }
    if (faults === null) {
      const checked = rules.checkRow(cells, columns, cells.length);
      if (checked.errors?.[0]?.code === 'blank-row') return checked;
      if (checked.errors === null && !refused) {
        if (!merges || known + constants.length === fields.length) return checked;
        return {
          ...checked,
          given: fields
            .map(({ name, constant }) => (constant !== undefined || Object.hasOwn(entry, name) ? '1' : '0'))
            .join(''),
        };
      }
    }
    // Checked again for the messages, which differ between null and a field that is left out.
    const sent = entry as Readonly<Record<string, unknown>>;
    const check = (field: CompiledField, index: number) => {
      if (columns[index]! >= 0) return field.check(cells[index]!);
      if (sent[field.name] === null) return field.checkNull();
      if (constants.some(({ name }) => name === field.name)) return field.checkAbsent();
      return merges && !primaryKey.includes(field.name) ? null : field.checkAbsent();
    };
    return { values: null, errors: allErrors(compiled, check, faults ?? []) };
  };
}

const partial = new WeakMap<CompiledTable, CompiledTable>();

/** The table's rules with only the primary key required. */
function partialRules(compiled: CompiledTable): CompiledTable {
  let rules = partial.get(compiled);
  if (rules === undefined) {
    const { table } = compiled;
    const names = table.fields.map(({ name }) => name);
    rules = table.fields.some((field) => field.constraints.required || field.default !== undefined)
      ? compileTable(partialTable(table, names))
      : compiled;
    partial.set(compiled, rules);
  }
  return rules;
}

/** Errors in Frictionless's order: field by field, then extra cells. */
function allErrors(
  { fields }: CompiledTable,
  check: (field: CompiledField, index: number) => CheckedCell,
  faults: readonly CellError[],
): CellError[] {
  const errors = fields.flatMap((field, index) => {
    const own = faults.filter((fault) => fault.code !== 'extra-cell' && fault.field === field.name);
    if (own.length > 0) return own;
    const checked = check(field, index);
    return typeof checked === 'object' && checked !== null ? [...checked] : [];
  });
  const unknown = faults.filter((fault) => fault.code === 'extra-cell');
  return [...errors, ...unknown];
}

function unknownField(name: string): CellError {
  const message = `the table has no field ${JSON.stringify(shorten(name, 60).toWellFormed())}`;
  return { code: 'extra-cell', field: null, message };
}

/** @returns the cell's text, null where there is none, or the error why it has none */
function cellOf(field: Field, value: unknown): string | null | CellError {
  if (value === null) return null;
  if (typeof value === 'string') return value.isWellFormed() ? value : halfPair(field);
  if (typeof value === 'number') return numberCell(field, String(value));
  if (value instanceof LongNumber) return numberCell(field, value.source);
  if (typeof value === 'boolean') return booleanCell(field, value);
  return typeError(field, `expected one value, received ${kindOf(value)}`);
}

function numberCell(field: Field, text: string): string | CellError {
  if (field.type === 'string') {
    return typeError(field, `expected a string, received the number ${shorten(text, 60)}`);
  }
  const { decimalChar = '.' } = field;
  const plain = field.type === 'integer' ? wholeNumber(text) : text;
  return decimalChar === '.' || field.type !== 'number' ? plain : plain.replace('.', decimalChar);
}

/** `12.00` becomes `12`, as a double would print it, had it been short enough. */
function wholeNumber(text: string): string {
  return /^-?\d+\.0+$/.test(text) ? text.slice(0, text.indexOf('.')) : text;
}

function booleanCell(field: Field, value: boolean): string | CellError {
  if (field.type === 'string') return typeError(field, `expected a string, received the boolean ${value}`);
  if (field.type !== 'boolean') return String(value);
  const [first] = value ? (field.trueValues ?? TRUE_VALUES) : (field.falseValues ?? FALSE_VALUES);
  return first ?? String(value);
}

function halfPair(field: Field): CellError {
  const message = 'expected text, received half of a surrogate pair';
  return { code: 'encoding-error', field: field.name, message };
}

function typeError(field: Field, message: string): CellError {
  return { code: 'type-error', field: field.name, message };
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number' || value instanceof LongNumber) return 'a number';
  return `a${typeof value === 'object' ? 'n object' : ` ${typeof value}`}`;
}
