import { Parser } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import type { Steps } from '../in-slices.ts';
import type { Dialect } from '../types.ts';
import { parseOptions } from './dialect-options.ts';
import { encodingOf } from './encoding.ts';

/** A record beyond this is parsed a piece at a time, where others may go first in between. */
export const PIECE_BYTES = 256 * 1024;

/** What csv-parse's stream is made of: it takes pieces as they come, and works at once. */
interface PieceParser {
  parse(
    piece: Buffer | undefined,
    end: boolean,
    record: (cells: string[]) => void,
    close: () => void,
  ): Error | undefined;
}

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

/** The same in steps: a quoted cell of some MiB keeps csv-parse busy for a good part of a second. */
export function* parseRecordInSteps(
  raw: Buffer,
  dialect: Dialect,
  encoding: string,
  pieceBytes = PIECE_BYTES,
): Steps<string[]> {
  if (raw.length <= pieceBytes) return parseRecord(raw, dialect, encoding);
  const { decode, utf8 } = encodingOf(encoding);
  const bytes = utf8 ? raw : Buffer.from(decode(raw));
  const { api } = new Parser(parseOptions(dialect)) as unknown as { readonly api: PieceParser };
  const records: string[][] = [];
  const take = (piece: Buffer, end = false) =>
    api.parse(
      piece,
      end,
      (cells) => void records.push(cells),
      () => undefined,
    ) === undefined;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (!take(bytes.subarray(at, at + pieceBytes)) || records.length > 0)
      return decode(raw).split(dialect.delimiter);
    yield;
  }
  if (take(Buffer.from('\n'), true) && records.length === 1) return records[0]!;
  return decode(raw).split(dialect.delimiter);
}
