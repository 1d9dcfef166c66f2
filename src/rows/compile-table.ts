import { shorten } from '../shorten.ts';
import type { CellError, Table } from '../types.ts';
import { compileField, type FieldRules, type KeyRules } from './compile-field.ts';
import type { CheckedRow, CompiledTable } from './contract.ts';

/**
 * PostgreSQL's B-tree takes rows of 2704 bytes; this leaves room for the headers of a key of several fields. A
 * longer key is refused here, or building the index would fail a whole load.
 */
const INDEX_ROW_BYTES = 2_600;

/** Extra or missing cells of a row that are reported one by one. */
const MOST_WIDTH_ERRORS = 100;

/** Compiles a table's rules, once per process. Pure: holds no state between rows. */
export function compileTable(table: Table): CompiledTable {
  const fields = table.fields.map((field) => compileField(field, keyRules(table, field.name)));
  const isFilled = fields.some((field) => field.isFilled);
  return {
    table,
    fields,
    checkRow: (cells, columns, width) => checkRow(fields, cells, columns, width, isFilled),
  };
}

function keyRules(table: Table, name: string): KeyRules {
  const field = table.fields.find((one) => one.name === name)!;
  const keys = [table.primaryKey, ...table.uniqueKeys, ...table.foreignKeys.map((key) => key.fields)];
  if (field.constraints.unique) keys.push([name]);
  const longest = Math.max(0, ...keys.filter((key) => key.includes(name)).map((key) => key.length));
  const long = field.type === 'string' || field.type === 'any' || field.type === 'number';
  return {
    primary: table.primaryKey.includes(name),
    maxBytes: longest > 0 && long ? Math.floor(INDEX_ROW_BYTES / longest) : Number.POSITIVE_INFINITY,
  };
}

/** Errors come in Frictionless's order: the cells', field by field, then extra cells, then missing ones. */
function checkRow(
  fields: readonly FieldRules[],
  cells: readonly string[],
  columns: readonly number[],
  width: number,
  isFilled: boolean,
): CheckedRow {
  const values: (string | null)[] = new Array(fields.length);
  let errors: CellError[] | null = null;
  for (let at = 0; at < fields.length; at++) {
    const column = columns[at]!;
    const field = fields[at]!;
    const cell = column < 0 ? undefined : cells[column];
    const checked = cell === undefined ? field.checkAbsent() : field.check(cell);
    if (typeof checked === 'string' || checked === null) values[at] = checked;
    else errors = errors ? errors.concat(checked) : [...checked];
  }
  if (cells.length !== width) errors = [...(errors ?? []), ...wrongWidth(fields, cells, columns, width)];
  if (
    (errors || isFilled || values.every((value) => value === null)) &&
    isBlank(fields, cells, columns, width)
  ) {
    return { values: null, errors: [{ code: 'blank-row', field: null, message: 'the row is blank' }] };
  }
  return errors ? { values: null, errors } : { values, errors: null };
}

/** A cell each, as Frictionless has it, but no endless list: a line of 16 MiB may be nothing but delimiters. */
function wrongWidth(
  fields: readonly FieldRules[],
  cells: readonly string[],
  columns: readonly number[],
  width: number,
): CellError[] {
  const errors: CellError[] = [];
  const all = `expected ${width} cells, received ${cells.length}`;
  for (let column = width; column < cells.length; column++) {
    const last = errors.length === MOST_WIDTH_ERRORS - 1;
    const received = JSON.stringify(shorten(cells[column]!, 60));
    const message = last ? all : `expected ${width} cells, received one more: ${received}`;
    errors.push({ code: 'extra-cell', field: null, message });
    if (last) return errors;
  }
  for (let column = cells.length; column < width && errors.length < MOST_WIDTH_ERRORS; column++) {
    const field = fields[columns.indexOf(column)]?.name ?? null;
    errors.push({ code: 'missing-cell', field, message: all });
  }
  return errors;
}

/** Every cell that the header promises is missing or null; what stands beyond them does not count. */
function isBlank(
  fields: readonly FieldRules[],
  cells: readonly string[],
  columns: readonly number[],
  width: number,
): boolean {
  for (let at = 0; at < fields.length; at++) {
    const cell = columns[at]! < 0 ? undefined : cells[columns[at]!];
    if (cell !== undefined && !fields[at]!.isNull(cell)) return false;
  }
  return cells.every((cell, column) => column >= width || cell === '' || columns.includes(column));
}
