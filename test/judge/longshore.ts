import Big from 'big.js';
import { Charter } from '../../src/csv/chart.ts';
import { readRecords } from '../../src/csv/read-records.ts';
import { columnsWithoutHeader, matchHeader } from '../../src/dictionary/match-header.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import type { CellError, Chart, Field, Table } from '../../src/types.ts';
import type { JudgeCase, OwnVerdict, RowError } from './verdict.ts';

/** Small, so that even the judges' files are read in several chunks. */
const CHUNK_BYTES = 4096;

interface Row {
  readonly line: number;
  /** Logical values by field name, written so that equal values are equal texts; null is null. */
  readonly keys: ReadonlyMap<string, string | null>;
}

/**
 * Longshore's verdict on a package: its charter, reader, header and row rules, and in place of the publishing
 * SQL the same checks of keys and references on plain maps (`src/publish/` states them).
 */
export function longshoreVerdicts(judged: JudgeCase): ReadonlyMap<string, OwnVerdict> {
  const { tables } = parseDictionary(judged.descriptor);
  const good = new Map<string, Row[]>();
  const verdicts = new Map<string, OwnVerdict>();
  for (const table of tables) {
    const bytes = judged.files[table.name];
    if (!bytes) throw new Error(`case "${judged.name}" has no file for ${table.name}`);
    const { verdict, rows, rejects } = checkFile(table, bytes);
    good.set(table.name, checkTable(table, rows, good, rejects));
    verdicts.set(table.name, verdict);
  }
  return verdicts;
}

function checkFile(table: Table, bytes: Buffer) {
  const rejects = new Map<number, RowError[]>();
  const cells = new Map<number, readonly string[]>();
  const rows: Row[] = [];
  const charter = new Charter({
    dialect: table.dialect,
    encoding: table.encoding,
    chunkBytes: () => CHUNK_BYTES,
  });
  charter.push(bytes);
  const chart = charter.end();
  const map = columnsOf(table, chart);
  const verdict = { file: map.file, rows: rejects, table, cells, columns: map.columns };
  if (map.file.length > 0) return { verdict, rows, rejects };
  const compiled = compileTable(table);
  for (const chunk of chart.chunks) {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    for (const record of readRecords(range, chunk, table.dialect, table.encoding)) {
      cells.set(record.line, record.cells);
      const checked = record.error
        ? { values: null, errors: [record.error] }
        : compiled.checkRow(record.cells, map.columns, map.width);
      if (checked.errors) rejects.set(record.line, checked.errors.map(withNote));
      else rows.push({ line: record.line, keys: keysOf(table.fields, checked.values) });
    }
  }
  return { verdict, rows, rejects };
}

function withNote({ code, field, message }: CellError): RowError {
  return { code, field, note: message };
}

function columnsOf(table: Table, chart: Chart) {
  try {
    return { file: [], ...(chart.header ? matchHeader(table, chart.header) : columnsWithoutHeader(table)) };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return { file: [error.code], columns: [], width: 0 };
  }
}

/** References first, each removing the rows that break it, then keys; again while a self reference can break. */
function checkTable(
  table: Table,
  rows: readonly Row[],
  good: ReadonlyMap<string, readonly Row[]>,
  rejects: Map<number, RowError[]>,
): Row[] {
  let kept = [...rows];
  for (let before = -1; before !== kept.length; ) {
    before = kept.length;
    kept = withGoodReferences(table, kept, good, rejects);
    kept = withFreeKeys(table, kept, rejects);
  }
  return kept;
}

function withGoodReferences(
  table: Table,
  rows: readonly Row[],
  good: ReadonlyMap<string, readonly Row[]>,
  rejects: Map<number, RowError[]>,
): Row[] {
  const broken = new Map<number, RowError[]>();
  for (const { fields, reference } of table.foreignKeys) {
    const target = reference.table === table.name ? rows : (good.get(reference.table) ?? []);
    const present = new Set(target.map((row) => tuple(row, reference.fields)));
    for (const row of rows) {
      const key = tuple(row, fields);
      if (key === null || present.has(key)) continue;
      const errors = broken.get(row.line) ?? [];
      broken.set(row.line, [...errors, { code: 'foreign-key', field: fields.join(',') }]);
    }
  }
  for (const [line, errors] of broken) rejects.set(line, errors);
  return rows.filter((row) => !broken.has(row.line));
}

function withFreeKeys(table: Table, rows: readonly Row[], rejects: Map<number, RowError[]>): Row[] {
  const unique = table.fields.filter((field) => field.constraints.unique).map((field) => [field.name]);
  const keys = [
    ...(table.primaryKey.length > 0 ? [{ code: 'primary-key', fields: table.primaryKey, field: null }] : []),
    ...[...unique, ...table.uniqueKeys].map((fields) => ({
      code: 'unique-error',
      fields,
      field: fields.join(','),
    })),
  ];
  let kept = [...rows];
  for (const { code, fields, field } of keys) {
    const taken = new Set<string>();
    kept = kept.filter((row) => {
      const key = tuple(row, fields);
      if (key === null) return true;
      if (taken.has(key)) rejects.set(row.line, [{ code, field }]);
      return !taken.has(key) && taken.add(key);
    });
  }
  return kept;
}

/** null when any part is null: SQL's MATCH SIMPLE, and its unique keys. */
function tuple(row: Row, fields: readonly string[]): string | null {
  const parts = fields.map((name) => row.keys.get(name) ?? null);
  return parts.includes(null) ? null : JSON.stringify(parts);
}

function keysOf(fields: readonly Field[], values: readonly (string | null)[]): Map<string, string | null> {
  return new Map(fields.map((field, index) => [field.name, canonical(field, values[index] ?? null)]));
}

function canonical(field: Field, value: string | null): string | null {
  if (value === null) return null;
  switch (field.type) {
    case 'integer':
      return String(BigInt(value.replace('+', '')));
    case 'number':
      return /^[-+]?[\d.]/.test(value) ? new Big(value.replace('+', '')).toFixed() : value;
    case 'datetime':
      return new Date(value).toISOString();
    case 'boolean':
      return String(['true', 't', 'yes', 'y', 'on', '1'].includes(value.toLowerCase()));
    default:
      return value;
  }
}
