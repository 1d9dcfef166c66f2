import { parse } from 'csv-parse/sync';
import type { CellError, Chunk, Dialect } from '../types.ts';
import { parseOptions } from './dialect-options.ts';
import { encodingOf } from './encoding.ts';
import { PIECE_BYTES, parseRecord, parseRecordInSteps } from './parse-record.ts';
import { RecordScanner } from './scan.ts';
import { MAX_RECORD_BYTES } from './scan-contract.ts';

/** One record of a chunk. */
export interface CsvRecord {
  /** The physical line of the file on which the record begins, from 1. */
  readonly line: number;
  /** Offsets of the raw record in the chunk's bytes, without the line end. */
  readonly start: number;
  readonly end: number;
  /** As text; where `error` is set, as well as they can be made out. */
  readonly cells: string[];
  /** What makes the record unreadable (`quote-error`, `encoding-error`), or null. */
  readonly error: CellError | null;
}

export interface ReadOptions {
  /** Default `MAX_RECORD_BYTES`; must be what the file was surveyed with. */
  readonly maxRecordBytes?: number;
  /** Called with the position of each record, a stretch before it is parsed; an error that it throws ends the reading. */
  readonly admit?: (start: number, end: number) => void;
}

/** What is parsed at once: large enough for csv-parse's set-up not to show, small enough for little garbage. */
const STRETCH_BYTES = 256 * 1024;

const LF = 10;
const CR = 13;

const STRAY_QUOTE: CellError = {
  code: 'quote-error',
  field: null,
  message: 'expected every quoted cell to be closed, received a quote that opens one and is never closed',
};

const ENCODING_ERRORS = new Map<string, CellError>();

/** The reject of a record whose bytes are not text in the encoding. */
export function encodingError(encoding: string): CellError {
  let error = ENCODING_ERRORS.get(encoding);
  if (error === undefined) {
    const message = `expected text in ${encoding}, received bytes that are not valid in it`;
    error = { code: 'encoding-error', field: null, message };
    ENCODING_ERRORS.set(encoding, error);
  }
  return error;
}

interface Found {
  readonly start: number;
  readonly end: number;
  readonly next: number;
  readonly line: number;
  readonly stray: boolean;
}

/**
 * The records of one chunk, in order; comments are left out. `bytes` is exactly the chunk's range of the file,
 * except for an `oversize` chunk, of which the beginning is enough (`OVERSIZE_PREVIEW_BYTES`).
 *
 * The scanner finds where records begin, csv-parse takes them apart, a stretch of whole records at a time. That
 * a chunk's end may cut off what made the surveyor call a quote stray changes nothing: the quoted cell then
 * reaches the end of the chunk without closing, which is the same verdict.
 */
export function readRecords(
  bytes: Buffer,
  chunk: Pick<Chunk, 'firstLine' | 'oversize'>,
  dialect: Dialect,
  encoding: string,
  options: ReadOptions = {},
): Generator<CsvRecord, void, undefined> {
  // No record is so long that there would be a pause within it.
  const records = recordsOf(bytes, chunk, dialect, encoding, options, Number.POSITIVE_INFINITY);
  return records as Generator<CsvRecord, void, undefined>;
}

/** The same, with null wherever others may go first: within long records, and every stretch. */
export function readRecordsInSteps(
  ...[bytes, chunk, dialect, encoding, options = {}]: Parameters<typeof readRecords>
): Generator<CsvRecord | null, void, undefined> {
  return recordsOf(bytes, chunk, dialect, encoding, options, PIECE_BYTES);
}

function* recordsOf(
  bytes: Buffer,
  chunk: Pick<Chunk, 'firstLine' | 'oversize'>,
  dialect: Dialect,
  encoding: string,
  options: ReadOptions,
  longBytes: number,
): Generator<CsvRecord | null, void, undefined> {
  if (chunk.oversize) {
    yield oversizeRecord(bytes, chunk.firstLine, dialect, encoding, options);
    return;
  }
  let found: Found[] = [];
  const scanner = new RecordScanner(
    { dialect, encoding, firstLine: chunk.firstLine, maxRecordBytes: options.maxRecordBytes },
    {
      record(kind, start, end, next, line) {
        if (kind === 'comment') return;
        options.admit?.(start, end);
        found.push({ start, end, next, line, stray: kind === 'stray' });
      },
      skipped() {},
    },
  );
  const reader = new StretchReader(bytes, dialect, encoding, longBytes);
  for (let at = 0; at < bytes.length; at += STRETCH_BYTES) {
    scanner.push(bytes.subarray(at, at + STRETCH_BYTES));
    yield* reader.read(found);
    found = [];
    if (longBytes < bytes.length) yield null;
  }
  scanner.end();
  yield* reader.read(found);
}

/** Reads runs of records that the scanner found. */
class StretchReader {
  readonly #bytes: Buffer;
  readonly #dialect: Dialect;
  readonly #encodingLabel: string;
  readonly #encoding: ReturnType<typeof encodingOf>;
  readonly #parseOptions: ReturnType<typeof parseOptions>;
  readonly #allValid: boolean;
  /** A record longer than this is read alone, with pauses. */
  readonly #longBytes: number;

  constructor(bytes: Buffer, dialect: Dialect, encoding: string, longBytes: number) {
    this.#bytes = bytes;
    this.#dialect = dialect;
    this.#encodingLabel = encoding;
    this.#encoding = encodingOf(encoding);
    this.#parseOptions = parseOptions(dialect);
    this.#allValid = this.#encoding.isValid(bytes);
    this.#longBytes = longBytes;
  }

  *read(found: readonly Found[]): Generator<CsvRecord | null, void, undefined> {
    let from = 0;
    for (let i = 0; i <= found.length; i++) {
      const record = found[i];
      const long = record !== undefined && record.end - record.start > this.#longBytes;
      if (record !== undefined && !record.stray && !long) continue;
      if (i > from) yield* this.#readStretch(found, from, i);
      if (long) yield* this.#longRecord(record);
      else if (record !== undefined) yield this.#strayRecord(record);
      from = i + 1;
    }
  }

  *#longRecord(found: Found): Generator<CsvRecord | null, void, undefined> {
    const raw = this.#bytes.subarray(found.start, found.end);
    if (!found.stray && this.#isPlain(raw)) {
      yield* this.#splitStretch([found], 0, 1);
      return;
    }
    const steps = parseRecordInSteps(raw, this.#dialect, this.#encodingLabel);
    let step = steps.next();
    for (; !step.done; step = steps.next()) yield null;
    const record = this.#recordOf(found, step.value);
    yield found.stray ? { ...record, error: STRAY_QUOTE } : record;
  }

  /** found[from] to found[to - 1] lie one after the other, with nothing but comments between. */
  *#readStretch(found: readonly Found[], from: number, to: number): Generator<CsvRecord, void, undefined> {
    const stretch = this.#bytes.subarray(found[from]!.start, found[to - 1]!.next);
    if (this.#isPlain(stretch)) {
      yield* this.#splitStretch(found, from, to);
      return;
    }
    const records: string[][] = parse(
      this.#encoding.utf8 ? stretch : this.#encoding.decode(stretch),
      this.#parseOptions,
    );
    if (records.length !== to - from) {
      throw new Error(
        `csv-parse made ${records.length} records of the ${to - from} from line ${found[from]!.line}`,
      );
    }
    for (const [i, cells] of records.entries()) yield this.#recordOf(found[from + i]!, cells);
  }

  /** Without a quote, and without spaces to be skipped, the delimiter alone makes cells. */
  #isPlain(stretch: Buffer): boolean {
    const { quoteChar, skipInitialSpace } = this.#dialect;
    return this.#encoding.utf8 && !skipInitialSpace && (quoteChar === null || !stretch.includes(quoteChar));
  }

  /** What csv-parse would make of it, several times as quickly. */
  *#splitStretch(found: readonly Found[], from: number, to: number): Generator<CsvRecord, void, undefined> {
    for (const record of found.slice(from, to)) {
      const text = this.#bytes.toString('utf8', record.start, record.end);
      yield this.#recordOf(record, text.split(this.#dialect.delimiter));
    }
  }

  #recordOf({ line, start, end }: Found, cells: string[]): CsvRecord {
    const valid = this.#allValid || this.#encoding.isValid(this.#bytes.subarray(start, end));
    return { line, start, end, cells, error: valid ? null : encodingError(this.#encodingLabel) };
  }

  #strayRecord({ line, start, end }: Found): CsvRecord {
    const cells = parseRecord(this.#bytes.subarray(start, end), this.#dialect, this.#encodingLabel);
    return { line, start, end, cells, error: STRAY_QUOTE };
  }
}

function oversizeRecord(
  bytes: Buffer,
  line: number,
  dialect: Dialect,
  encoding: string,
  { maxRecordBytes = MAX_RECORD_BYTES }: ReadOptions,
): CsvRecord {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === LF) end--;
  if (end > 0 && bytes[end - 1] === CR) end--;
  const message = `expected a record of at most ${maxRecordBytes} bytes, received a longer one`;
  return {
    line,
    start: 0,
    end,
    cells: parseRecord(bytes.subarray(0, end), dialect, encoding),
    error: { code: 'quote-error', field: null, message },
  };
}
