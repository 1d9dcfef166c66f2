import { isAscii, isUtf8 } from 'node:buffer';
import { parseReadAs, readTableAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import type { Steps } from '../in-slices.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { LoadMode, ReadAs, Table } from '../types.ts';
import { type Fit, fitOf } from './fit.ts';
import { guessSingleByte } from './guess-encoding.ts';
import { guessHeader } from './guess-header.ts';
import { guessWide } from './guess-wide.ts';

/** A file, or a body, that went wrong when it was read as `table` has it. */
export interface Misread {
  /** Its first bytes. */
  readonly beginning: Buffer;
  /** They are all of it. */
  readonly whole: boolean;
  readonly table: Table;
  readonly mode: LoadMode;
  /** Records further on, as they are, that are no text in the encoding. */
  readonly broken?: readonly Buffer[];
  /** It is text already: only its dialect can be another one. */
  readonly isText?: boolean;
}

/** Bytes of a file that are looked at. */
export const BEGINNING_BYTES = 256 * 1024;
/** Bytes that are read in each way. */
const JUDGED_BYTES = 32 * 1024;
/** Bytes that an encoding is told from, all at once. */
const GUESSED_BYTES = 16 * 1024;
const STRONG = [',', ';', '\t', '|'];
/** These are also a part of values: they need a stronger case. */
const WEAK = [':', '~', '^', ' ', '\x1f', '\x01'];
const QUOTES = ['"', "'"];
/** By so much more of the rows have to be good. */
const CLEARLY = 0.2;
const UTF8_MARK = Buffer.from('\ufeff');
const LF = 10;
const CR = 13;

/**
 * Finds how a file seems to be written whose rows or header were refused: its beginning is judged as a load would judge
 * it, read in every way that the bytes give a reason for. Nothing is said unless another way clearly fits the table
 * better: its header then names the fields, or many more of its rows are good.
 *
 * @returns the members that would have to be otherwise; null: none of the ways is clearly better
 */
export function* findReading(misread: Misread): Steps<ReadAs | null> {
  const { table, mode } = misread;
  const all = textOf(misread);
  const bytes = firstRecords(all, misread.whole);
  const compiled = compileTable(table);
  const start = { bytes, mode };
  const encoding = misread.isText ? null : otherEncoding(all, table.encoding);
  const present = yield* fitOf(start, table, compiled);
  let best: { readonly change: ReadAs; readonly fit: Fit } | null = null;
  for (const change of changesFor(bytes, table, encoding)) {
    yield;
    const other = readTableAs(table, change);
    const fit = yield* fitOf(start, other, compiled);
    if (fit === null || !isBetter(present, fit, change, table)) continue;
    if (change.header === false && looksHeaded(bytes, other)) continue;
    // Of those that do as well, the first one has the fewest members.
    if (best === null || quality(fit) > quality(best.fit) + 0.02) best = { change, fit };
  }
  if (best !== null) {
    // Bytes that are UTF-8 beyond ASCII are so by no chance, also where no row was refused for them.
    return encoding === 'utf-8' ? { ...best.change, encoding } : best.change;
  }
  const late = otherEncodingOf(misread.broken ?? [], all, table.encoding);
  return late === null ? null : { encoding: late };
}

/** Without the mark of UTF-8, which is no part of the text. */
function textOf({ beginning }: Misread): Buffer {
  const isMarked = beginning.subarray(0, UTF8_MARK.length).equals(UTF8_MARK);
  return (isMarked ? beginning.subarray(UTF8_MARK.length) : beginning).subarray(0, BEGINNING_BYTES);
}

/** To the end of a line, so that the last record is not cut off. */
function firstRecords(bytes: Buffer, whole: boolean): Buffer {
  if (whole && bytes.length <= JUDGED_BYTES) return bytes;
  const end = lastLineEnd(bytes.subarray(0, JUDGED_BYTES)) || lastLineEnd(bytes);
  return end === 0 ? bytes : bytes.subarray(0, end);
}

function lastLineEnd(bytes: Buffer): number {
  return Math.max(bytes.lastIndexOf(LF), bytes.lastIndexOf(CR)) + 1;
}

/** Every other way that the bytes give a reason for, those with few changes first. */
function changesFor(bytes: Buffer, table: Table, encoding: string | null): ReadAs[] {
  const { dialect } = table;
  const has = (character: string) => bytes.includes(character);
  const other = <T>(now: T, choices: readonly T[]): (T | undefined)[] => [
    undefined,
    ...choices.filter((choice) => choice !== now),
  ];
  const quotes = QUOTES.filter(has);
  const now = dialect.quoteChar;
  const members = {
    delimiter: other(dialect.delimiter, [...STRONG, ...WEAK].filter(has)),
    header: [undefined, !dialect.header],
    quoteChar: other(now, now !== null && has(now) ? [...quotes, null] : quotes),
    escapeChar: other(dialect.escapeChar, has('\\"') || has("\\'") ? ['\\'] : []),
    skipInitialSpace: other(dialect.skipInitialSpace, STRONG.some((one) => has(`${one} `)) ? [true] : []),
    commentChar: other(dialect.commentChar, bytes[0] === 35 || has('\n#') ? ['#'] : []),
    encoding: other(table.encoding, encoding === null ? [] : [encoding]),
  };
  let changes: ReadAs[] = [{}];
  for (const [member, values] of Object.entries(members)) {
    changes = changes.flatMap((change) =>
      values.map((value) => (value === undefined ? change : { ...change, [member]: value })),
    );
  }
  return changes
    .filter((change) => Object.keys(change).length > 0 && isPossible(change, table))
    .sort((a, b) => Object.keys(a).length - Object.keys(b).length);
}

/** Years as headings, for one, are numbers as cells are. */
function looksHeaded(bytes: Buffer, { dialect, fields }: Table): boolean {
  return guessHeader({ bytes, whole: true, name: '' }, dialect, fields.length).header;
}

function isPossible(change: ReadAs, table: Table): boolean {
  try {
    parseReadAs(table, change);
    return true;
  } catch (error) {
    if (error instanceof LongshoreError) return false;
    throw error;
  }
}

/** Rows of the right width count a little, so that a delimiter is found though no row is good. */
function quality({ rows, sound, good }: Fit): number {
  return rows === 0 ? 0 : (good + 0.1 * sound) / rows;
}

/** @param present null: the header is not the table's */
function isBetter(present: Fit | null, fit: Fit, change: ReadAs, table: Table): boolean {
  const { rows, sound, good, firstGood, firstTyped } = fit;
  if (rows === 0) return false;
  const header = change.header ?? table.dialect.header;
  if (present === null) {
    // The header names the fields: there is no better reason.
    if (header) return sound >= 0.5 * rows;
    return firstGood && firstTyped && sound >= 0.8 * rows && good >= 0.5 * rows;
  }
  // A header that names the fields is one.
  if (table.dialect.header && !header) return false;
  if (present.rows === 0) return false;
  const [before, now] = [present.good / present.rows, good / rows];
  if (change.header === true) return !present.firstGood && now >= before && sound >= 0.5 * rows;
  // Without quotes more rows may seem good, as texts that are cut to pieces.
  if (change.quoteChar === null && present.unclosed === 0) return false;
  const changed = Object.keys(change);
  if (changed.length === 1 && change.encoding !== undefined) {
    return present.broken > 0 && fit.broken === 0 && good > present.good;
  }
  if (changed.length === 1 && change.commentChar !== undefined) {
    return !present.firstGood && firstGood && now > before;
  }
  if (change.delimiter !== undefined && !header) {
    if (sound < 0.8 * rows || (WEAK.includes(change.delimiter) && !firstTyped)) return false;
  }
  return now >= before + CLEARLY;
}

/** The encoding that the bytes seem to be in; null: the present one, or none that a table can have. */
export function otherEncoding(bytes: Buffer, present: string): string | null {
  const whole = bytes.subarray(0, lastLineEnd(bytes) || bytes.length);
  if (isAscii(whole)) return null;
  if (isUtf8(whole)) return present === 'utf-8' ? null : 'utf-8';
  if (guessWide(whole.subarray(0, GUESSED_BYTES)) !== null) return null;
  const { valid, invalid } = foreignLines(whole);
  // Of several encodings in one file no one reads it.
  if (valid > invalid.length / 10) return null;
  const { encoding } = guessSingleByte(Buffer.concat(invalid).subarray(0, GUESSED_BYTES));
  return encoding === present ? null : encoding;
}

function otherEncodingOf(broken: readonly Buffer[], beginning: Buffer, present: string): string | null {
  if (broken.length === 0 || present !== 'utf-8') return null;
  const lines = broken.flatMap((record) => [record, Buffer.from('\n')]);
  const whole = beginning.subarray(0, lastLineEnd(beginning) || beginning.length);
  return otherEncoding(Buffer.concat([whole, ...lines]), present);
}

/** The lines that are more than ASCII: how many are UTF-8, and those that are not. */
function foreignLines(bytes: Buffer): { readonly valid: number; readonly invalid: readonly Buffer[] } {
  const invalid: Buffer[] = [];
  let valid = 0;
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(LF, at);
    const end = found === -1 ? bytes.length : found + 1;
    const line = bytes.subarray(at, end);
    if (!isAscii(line)) {
      if (isUtf8(line)) valid++;
      else invalid.push(line);
    }
    at = end;
  }
  return { valid, invalid };
}
