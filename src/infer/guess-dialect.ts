import { RecordScanner } from '../csv/scan.ts';
import { DEFAULT_DIALECT } from '../dictionary/parse-dialect.ts';
import { unpackedName } from '../file-endings.ts';
import type { Dialect } from '../types.ts';
import { cellShape } from './cell-shape.ts';
import type { InferOverrides } from './contract.ts';
import { kindOf, TEXT } from './shapes.ts';
import { MOST_CELLS, RecordSplitter } from './split-record.ts';

/** The beginning of a file's text. */
export interface Sample {
  readonly bytes: Buffer;
  /** It is all of the file. */
  readonly whole: boolean;
  /** The file's name, whose ending is a hint. */
  readonly name: string;
}

/** What a dialect makes of the sample. */
export interface Reading {
  readonly dialect: Dialect;
  /** Records that are not blank and no comments. */
  readonly records: number;
  /** How many cells most of them have, and what share of them has so many. */
  readonly width: number;
  readonly share: number;
  /** The widths of the first records, blank ones included as 0. */
  readonly first: readonly number[];
  /** Records above the table, blank ones aside: a title, facts about an account. */
  readonly lead: number;
  /** Share of the records with several cells. */
  readonly several: number;
  /** Share of the cells that are numbers, moments or the like, empty, or texts without other delimiters in them. */
  readonly clean: number;
  /** Share of the records that would be of use as they are, as one cell: numbers, moments. */
  readonly strays: number;
  readonly irregular: number;
  readonly escaped: number;
  readonly quoted: number;
  /** Share of the cells behind a delimiter that begin with a space. */
  readonly spaced: number;
  /** Records that begin with `#`, and how many of them have another width than most. */
  readonly hashes: number;
  readonly oddHashes: number;
  readonly score: number;
}

const DELIMITERS = [',', ';', '\t', '|', ':', '~', '^', '\x1f', '\x01', ' '];
/** These are also a part of values: they need a stronger case. */
const WEAK: ReadonlySet<string> = new Set([':', ' ', '~', '^']);
const MOST_RECORDS = 1_000;
const MOST_LOOKED_AT = 60;
/** Lines above the table that are taken for a title. */
const MOST_LEAD = 20;
const HASH = 35;

export interface GuessedDialect {
  readonly dialect: Dialect;
  readonly reading: Reading;
  /** The other delimiters that were close, best first. */
  readonly close: readonly string[];
}

/** Finds the dialect (all but whether there is a header) by what each makes of the sample. */
export function guessDialect(given: Sample, asked: InferOverrides = {}): GuessedDialect {
  const said = separatorLine(given);
  const sample = said === null ? given : { ...given, bytes: given.bytes.subarray(said.bytes) };
  const overrides = said === null ? asked : { delimiter: said.delimiter, ...asked };
  const base = baseOf(overrides);
  const candidates =
    overrides.delimiter === undefined
      ? DELIMITERS.filter((delimiter) => sample.bytes.includes(delimiter))
      : [overrides.delimiter];
  const readings = candidates
    .map((delimiter) => readAs(sample, { ...base, delimiter }))
    .sort((a, b) => b.score - a.score);
  const best = readings[0];
  const alone = readAs(sample, { ...base, delimiter: candidates.includes(',') ? '\x1f' : ',' });
  if (best === undefined || (overrides.delimiter === undefined && !isBetter(best, alone, sample))) {
    const dialect = { ...base, delimiter: ',' };
    // A comma inside of cells has to be quoted where it is the delimiter: another one leaves such texts whole.
    const free = sample.bytes.includes(',')
      ? ['\t', '|', ';', '\x1f'].find((one) => !sample.bytes.includes(one))
      : ',';
    const single = readAs(sample, { ...dialect, delimiter: free ?? ',' });
    return { ...refined(sample, single, overrides), close: [] };
  }
  const close = readings
    .slice(1)
    .filter(({ score }) => score > 0.5 * best.score && score > 0.2)
    .map(({ dialect }) => dialect.delimiter);
  return { ...refined(sample, best, overrides), close };
}

function baseOf({
  quoteChar,
  doubleQuote,
  escapeChar,
  skipInitialSpace,
  commentChar,
}: InferOverrides): Dialect {
  return {
    ...DEFAULT_DIALECT,
    ...(quoteChar !== undefined && { quoteChar }),
    // One of the two means that a quote is part of a cell.
    ...(escapeChar !== undefined && { escapeChar, doubleQuote: escapeChar === null }),
    ...(doubleQuote !== undefined && { doubleQuote }),
    ...(skipInitialSpace !== undefined && { skipInitialSpace }),
    ...(commentChar !== undefined && { commentChar }),
  };
}

/** `sep=;` as the first line is for Excel: it says what separates the cells, and is no row. */
export function separatorLine({
  bytes,
}: Sample): { readonly delimiter: string; readonly bytes: number } | null {
  const match = /^"?sep=([\t -~])"?(?:\r\n|\n|\r)/i.exec(bytes.toString('latin1', 0, 12));
  return match === null ? null : { delimiter: match[1]!, bytes: match[0].length };
}

/** Several columns are better than one, if the records agree. */
function isBetter(best: Reading, alone: Reading, sample: Sample): boolean {
  if (best.width < 2) return best.several >= 0.5 && !WEAK.has(best.dialect.delimiter) && best.records > 2;
  const { delimiter } = best.dialect;
  if (WEAK.has(delimiter)) {
    return best.share >= 0.98 && best.records >= 2 && (delimiter !== ' ' || best.clean > 0.6);
  }
  const rows = wholeRecordShare(sample, alone);
  // `12,50` in each line below a heading without a comma is one column of numbers.
  if (rows >= 0.95 && best.first[0] === 1 && best.records > 1) return false;
  return best.share >= 0.5 || best.several >= 0.8;
}

/** The share of the lines below the first that are a number or a moment as they are. */
function wholeRecordShare({ bytes }: Sample, { records }: Reading): number {
  if (records < 2) return 0;
  let typed = 0;
  let rows = 0;
  let at = bytes.indexOf(10) + 1;
  while (at > 0 && at < bytes.length && rows < MOST_RECORDS) {
    let end = bytes.indexOf(10, at);
    if (end === -1) end = bytes.length;
    const stop = bytes[end - 1] === 13 ? end - 1 : end;
    if (stop > at) {
      rows++;
      if (kindOf(cellShape(bytes, at, stop)) !== TEXT) typed++;
    }
    at = end + 1;
  }
  return rows === 0 ? 0 : typed / rows;
}

/** Quotes, escapes, spaces and comments, once the delimiter is known. */
function refined(sample: Sample, first: Reading, overrides: InferOverrides): Omit<GuessedDialect, 'close'> {
  let best = first;
  const consider = (changes: Partial<Dialect>, isWanted: (other: Reading) => boolean): void => {
    const other = readAs(sample, { ...best.dialect, ...changes });
    if (isWanted(other)) best = other;
  };
  const faults = ({ strays, irregular }: Reading) => strays + irregular;
  if (overrides.skipInitialSpace === undefined && best.spaced >= 0.9 && !isWhite(best.dialect.delimiter)) {
    consider(
      { skipInitialSpace: true },
      (other) => other.share >= best.share && faults(other) <= faults(best),
    );
  }
  if (overrides.quoteChar === undefined) {
    const isEscapeOpen = overrides.escapeChar === undefined && overrides.doubleQuote === undefined;
    if (isEscapeOpen && sample.bytes.includes('\\"')) {
      consider(
        { escapeChar: '\\', doubleQuote: false },
        (other) => faults(other) < faults(best) && other.share >= best.share,
      );
    }
    if (sample.bytes.includes("'") && best.quoted === 0) {
      consider({ quoteChar: "'" }, (other) => isQuotedBy(other, best));
    }
    if (faults(best) > 0 && best.dialect.quoteChar !== null) {
      consider(
        { quoteChar: null },
        (other) => best.strays > 0 && other.share > best.share && other.records >= best.records,
      );
    }
  }
  if (overrides.quoteChar === undefined && sample.whole && best.quoted === 0 && sample.bytes.includes('"')) {
    consider({ quoteChar: null }, (other) => other.share >= best.share && other.records >= best.records);
  }
  if (overrides.commentChar === undefined && best.oddHashes > 0 && best.oddHashes === best.hashes)
    consider({ commentChar: '#' }, () => true);
  return { dialect: best.dialect, reading: best };
}

/** Single quotes: many cells are in them, and none is spoilt by it. */
function isQuotedBy(other: Reading, best: Reading): boolean {
  return (
    other.quoted >= Math.max(2, other.records * 0.3) &&
    other.strays === 0 &&
    other.irregular === 0 &&
    other.share >= best.share
  );
}

function isWhite(character: string): boolean {
  return character === ' ' || character === '\t';
}

/** @returns what the dialect makes of the sample's first records */
function readAs(sample: Sample, dialect: Dialect): Reading {
  const splitter = new RecordSplitter(dialect);
  const others = DELIMITERS.filter((one) => one !== dialect.delimiter && one !== ' ' && one !== ':').map(
    (one) => one.charCodeAt(0),
  );
  const all: number[] = [];
  const first: number[] = [];
  const hashWidths: number[] = [];
  let [records, strays, several, cells, clean, quoted, spaced, behind] = [0, 0, 0, 0, 0, 0, 0, 0];
  const bytes = sample.bytes;
  eachRecord(sample, dialect, (kind, start, end, hasQuote) => {
    if (kind === 'stray' || kind === 'oversize') strays++;
    const width = splitter.split(bytes, start, end, hasQuote);
    const blank = isBlank(splitter, width);
    if (first.length < MOST_LOOKED_AT) first.push(blank ? 0 : width);
    if (blank) return;
    if (bytes[start] === HASH) hashWidths.push(width);
    records++;
    all.push(width);
    if (width > 1) several++;
    if (hasQuote && hasQuotedCell(bytes, start, end, dialect)) quoted++;
    for (let i = 0; i < Math.min(width, MOST_LOOKED_AT); i++) {
      const [from, to] = [splitter.starts[i]!, splitter.ends[i]!];
      cells++;
      if (isClean(splitter.bytes, from, to, others)) clean++;
      if (i === 0 || from === to) continue;
      behind++;
      if (splitter.bytes[from] === 32) spaced++;
    }
  });
  const width = commonest(all);
  const lead = leadOf(all, width);
  const rows = all.slice(lead).filter((one) => one === width).length;
  const share = records === 0 ? 0 : rows / (records - lead);
  const severalShare = records === 0 ? 0 : several / records;
  const cleanShare = cells === 0 ? 0 : clean / cells;
  const hint = /\.(?:tsv|tab)$/i.test(unpackedName(sample.name)) && dialect.delimiter === '\t' ? 1.3 : 1;
  const weak = WEAK.has(dialect.delimiter) ? 0.5 : 1;
  const heading = all[lead] === width ? 1 : 0.8;
  const score =
    width < 2
      ? 0.1 * severalShare * weak
      : (0.15 * severalShare + 0.85 * share * share) *
        (0.4 + 0.6 * cleanShare) *
        (1 - 1 / (width + 1)) *
        (records === 0 ? 0 : 1 - Math.min(1, strays / records)) *
        hint *
        weak *
        heading;
  return {
    dialect,
    records,
    width,
    share,
    first,
    lead,
    several: severalShare,
    clean: cleanShare,
    strays,
    irregular: splitter.irregular,
    escaped: splitter.escaped,
    quoted,
    spaced: behind === 0 ? 0 : spaced / behind,
    hashes: hashWidths.length,
    oddHashes: hashWidths.filter((one) => one !== width).length,
    score,
  };
}

function commonest(all: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const width of all) counts.set(width, (counts.get(width) ?? 0) + 1);
  let best = 0;
  for (const [width, count] of counts) {
    const most = counts.get(best) ?? 0;
    if (count > most || (count === most && width > best)) best = width;
  }
  return best;
}

/** Records of fewer cells above a table whose records have all one width; 0: there are none. */
function leadOf(all: readonly number[], width: number): number {
  const lead = all.indexOf(width);
  if (lead < 1 || lead > MOST_LEAD || width < 2) return 0;
  const rest = all.slice(lead);
  if (rest.length < 2 || rest.filter((one) => one === width).length < 0.95 * rest.length) return 0;
  const widest = Math.max(...all.slice(0, lead));
  // A single line of one cell less than the rows may be a header without a name for the first column.
  return widest < width - 1 || (widest < width && lead > 1) ? lead : 0;
}

/** The first records of the sample, blank ones included. One that the sample's end cuts off is left out. */
export function eachRecord(
  { bytes, whole }: Sample,
  dialect: Dialect,
  take: (kind: string, start: number, end: number, quoted: boolean, line: number, next: number) => void,
): void {
  let records = 0;
  const scanner = new RecordScanner(
    { dialect, encoding: 'utf-8' },
    {
      record(kind, start, end, next, line, quoted) {
        if (kind === 'comment' || records >= MOST_RECORDS) return;
        records++;
        take(kind, start, end, quoted, line, next);
      },
      skipped() {},
    },
  );
  scanner.keepRecords = true;
  const STEP = 64 * 1024;
  for (let at = 0; at < bytes.length && records < MOST_RECORDS; at += STEP)
    scanner.push(bytes.subarray(at, at + STEP));
  if (whole && records < MOST_RECORDS) scanner.end();
}

function isBlank({ starts, ends, bytes }: RecordSplitter, width: number): boolean {
  for (let i = 0; i < Math.min(width, MOST_CELLS); i++) {
    for (let at = starts[i]!; at < ends[i]!; at++) if (bytes[at] !== 32 && bytes[at] !== 9) return false;
  }
  return width <= MOST_CELLS;
}

/** A quote stands where a cell begins. */
function hasQuotedCell(
  bytes: Buffer,
  start: number,
  end: number,
  { quoteChar, delimiter }: Dialect,
): boolean {
  const quote = quoteChar?.charCodeAt(0);
  const separator = delimiter.charCodeAt(0);
  for (let at = start; at < end; at++) {
    if (bytes[at] === quote && (at === start || bytes[at - 1] === separator)) return true;
  }
  return false;
}

function isClean(bytes: Uint8Array, from: number, to: number, others: readonly number[]): boolean {
  if (from === to || kindOf(cellShape(bytes, from, to)) !== TEXT) return true;
  for (let at = from; at < to; at++) if (others.includes(bytes[at]!)) return false;
  return true;
}
