import { isAscii, isUtf8 } from 'node:buffer';
import { LongshoreError } from '../errors.ts';
import type { Dialect } from '../types.ts';
import type { InferOverrides, InferSource } from './contract.ts';
import {
  eachRecord,
  type GuessedDialect,
  guessDialect,
  type Sample,
  separatorLine,
} from './guess-dialect.ts';
import { cellTexts, type GuessedHeader, guessHeader } from './guess-header.ts';
import { guessWide } from './guess-wide.ts';
import { notCsv, openText, type TextForm, type TextOptions } from './open-text.ts';
import { MOST_CELLS, RecordSplitter } from './split-record.ts';

/** The sample that dialect and header are found from; larger only while it has no whole line. */
const SAMPLE_BYTES = 1024 * 1024;
const MOST_SAMPLE_BYTES = 16 * 1024 * 1024;
/** As src/dictionary/parse-table.ts has it. */
const MOST_FIELDS = 1_500;
/** Of the sample's bytes, control characters that no text has. */
const MOST_CONTROLS = 0.01;

/** A file's beginning, and what it says of the whole. */
export interface Beginning {
  readonly source: InferSource;
  readonly form: TextForm;
  /** To be given to `openText` again. */
  readonly encoding: string | undefined;
  /** Without the lines above the table. */
  readonly sample: Sample;
  readonly dialect: Dialect;
  readonly guessed: GuessedDialect;
  readonly header: GuessedHeader;
  /** The header's record as it is, and its cells, a character a byte; null: there is none. */
  readonly headerBytes: Buffer | null;
  /** Of the sample, up to the first row. */
  readonly headerEnd: number;
  readonly headings: readonly string[] | null;
  readonly width: number;
  readonly skip: { readonly bytes: number; readonly lines: number };
}

/** @throws LongshoreError `file-not-csv`, `file-empty` */
export async function readBeginning(
  source: InferSource,
  overrides: InferOverrides,
  options: TextOptions,
): Promise<Beginning> {
  let { form, sample } = await takeSample(source, { ...options, encoding: overrides.encoding });
  let { encoding } = overrides;
  if (
    encoding === undefined &&
    form.encoding === null &&
    !isUtf8(sample.bytes.subarray(0, lastLineEnd(sample.bytes)))
  ) {
    const wide = isMostlyUtf8(sample.bytes) ? null : guessWide(sample.bytes);
    if (wide !== null) {
      encoding = wide;
      ({ form, sample } = await takeSample(source, { ...options, encoding }));
    }
  }
  checkText(sample);
  const guessed = guessDialect(sample, overrides);
  const skip = titleLines(sample, guessed);
  const rest: Sample = { ...sample, bytes: sample.bytes.subarray(skip.bytes) };
  const mostCells = Math.max(guessed.reading.width, ...guessed.reading.first);
  if (
    mostCells > MOST_FIELDS &&
    (guessed.reading.width > MOST_FIELDS || (guessed.reading.first[0] ?? 0) > MOST_FIELDS)
  ) {
    throw new LongshoreError(
      'file-not-csv',
      `${source.name} has ${mostCells} columns, and a table can have ${MOST_FIELDS} (PostgreSQL's limit is 1600): ` +
        'cut it into files of fewer columns',
    );
  }
  const found = firstRecord(rest, guessed.dialect);
  if (found === null) throw new LongshoreError('file-empty', `${source.name} holds no rows`);
  const header: GuessedHeader =
    overrides.header === undefined
      ? guessHeader(rest, guessed.dialect, Math.max(guessed.reading.width, found.cells.length))
      : { header: overrides.header, note: 'as it was asked for' };
  return {
    source,
    form,
    encoding,
    sample: rest,
    dialect: { ...guessed.dialect, header: header.header },
    guessed,
    header,
    headerBytes: header.header ? found.bytes : null,
    headerEnd: header.header ? found.next : 0,
    headings: header.header ? found.cells : null,
    width: header.header ? found.cells.length : Math.max(1, guessed.reading.width),
    skip,
  };
}

async function takeSample(
  source: InferSource,
  options: TextOptions,
): Promise<{ readonly form: TextForm; readonly sample: Sample }> {
  const { form, pieces } = await openText(source, options);
  const taken: Buffer[] = [];
  let length = 0;
  let hasLine = false;
  let whole = true;
  for await (const piece of pieces) {
    taken.push(piece);
    length += piece.length;
    hasLine ||= piece.includes(10) || piece.includes(13);
    if (length >= MOST_SAMPLE_BYTES || (length >= SAMPLE_BYTES && hasLine)) {
      whole = false;
      break;
    }
  }
  return { form, sample: { bytes: Buffer.concat(taken), whole, name: source.name } };
}

function checkText({ bytes, name }: Sample): void {
  if (bytes.length === 0) throw new LongshoreError('file-empty', `${name} is empty`);
  const looked = Math.min(bytes.length, 64 * 1024);
  let controls = 0;
  let solid = false;
  for (let i = 0; i < looked; i++) {
    const byte = bytes[i]!;
    if (byte > 32) solid = true;
    else if (
      byte < 32 &&
      byte !== 9 &&
      byte !== 10 &&
      byte !== 13 &&
      byte !== 12 &&
      byte !== 0x1f &&
      byte !== 0x1e &&
      byte !== 1
    )
      controls++;
  }
  if (controls > looked * MOST_CONTROLS) throw notCsv(name, 'binary data');
  if (!solid && looked === bytes.length)
    throw new LongshoreError('file-empty', `${name} holds nothing but blank lines`);
}

/** More of the lines beyond ASCII are UTF-8 than not: the others were put in by a mistake. */
function isMostlyUtf8(bytes: Buffer): boolean {
  let [valid, invalid] = [0, 0];
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(10, at);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(at, end);
    if (!isAscii(line)) {
      if (isUtf8(line)) valid++;
      else invalid++;
    }
    at = end + 1;
  }
  return valid > invalid;
}

function lastLineEnd(bytes: Buffer): number {
  return Math.max(bytes.lastIndexOf(10), bytes.lastIndexOf(13)) + 1 || bytes.length;
}

/** Lines above the table: a title, facts about an account, what says to Excel how to read it, blank lines. */
function titleLines(
  sample: Sample,
  { reading, dialect }: GuessedDialect,
): { readonly bytes: number; readonly lines: number } {
  const said = separatorLine(sample);
  const table = said === null ? sample : { ...sample, bytes: sample.bytes.subarray(said.bytes) };
  const before = { bytes: said?.bytes ?? 0, lines: said === null ? 0 : 1 };
  let solid = 0;
  let records = 0;
  for (const width of reading.first) {
    if (width > 0 && solid++ === reading.lead) break;
    records++;
  }
  if (records === 0 || records === reading.first.length) return before;
  let seen = 0;
  let found = { bytes: 0, lines: 0 };
  eachRecord(table, dialect, (_kind, start, _end, _quoted, line) => {
    if (seen++ === records) found = { bytes: start, lines: line - 1 };
  });
  return { bytes: before.bytes + found.bytes, lines: before.lines + found.lines };
}

interface FirstRecord {
  readonly bytes: Buffer;
  readonly cells: string[];
  /** Where the next one begins. */
  readonly next: number;
}

function firstRecord(sample: Sample, dialect: Dialect): FirstRecord | null {
  const splitter = new RecordSplitter(dialect);
  let found: FirstRecord | null = null;
  eachRecord(sample, dialect, (_kind, start, end, quoted, _line, next) => {
    if (found !== null) return;
    const cells = splitter.split(sample.bytes, start, end, quoted);
    found = {
      bytes: Buffer.from(sample.bytes.subarray(start, end)),
      cells: cellTexts(splitter, Math.min(cells, MOST_CELLS)),
      next,
    };
  });
  return found;
}
