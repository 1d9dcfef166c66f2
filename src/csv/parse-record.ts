import { parse } from 'csv-parse/sync';
import type { Dialect } from '../types.ts';
import { parseOptions } from './dialect-options.ts';
import { encodingOf } from './encoding.ts';

/**
 * The cells of one record's raw bytes, to show a reject as it was written. Never throws for what the bytes hold:
 * of a record that no parser takes (a quote that never closes), the text between delimiters is shown, quotes
 * and all; bytes that are not valid in the encoding become U+FFFD.
 */
export function parseRecord(raw: Buffer, dialect: Dialect, encoding: string): string[] {
  const text = encodingOf(encoding).decode(raw);
  try {
    // With its line end, or csv-parse would not take an empty line for a record.
    const records: string[][] = parse(`${text}\n`, parseOptions(dialect));
    if (records.length === 1) return records[0]!;
  } catch {
    // Not a record of this dialect: shown as plain text below.
  }
  return text.split(dialect.delimiter);
}
