import { isAscii, isUtf8 } from 'node:buffer';
import { RecordScanner } from '../csv/scan.ts';
import type { RecordKind } from '../csv/scan-contract.ts';
import type { Dialect } from '../types.ts';
import { Column, type Example, exampleOf } from './column.ts';
import type { SlotBudget } from './distinct-keys.ts';
import { RecordSplitter } from './split-record.ts';

const EXAMPLES = 3;
/** Of text in another encoding than UTF-8, from which that encoding is found. */
const MOST_FOREIGN_BYTES = 256 * 1024;

/** Rows of one kind, and the first lines that they are on. */
export class NotedRows {
  rows = 0;
  readonly lines: number[] = [];

  add(line: number): void {
    this.rows++;
    if (this.lines.length < EXAMPLES) this.lines.push(line);
  }
}

/** What one pass over a file found, besides what the columns hold. */
export class FileScan {
  /** Of the text. */
  bytes = 0;
  rows = 0;
  comments = 0;
  /** Rows that hold more than ASCII, in UTF-8 and in something else. */
  readonly utf8 = new NotedRows();
  readonly foreign = new NotedRows();
  readonly foreignBytes: Buffer[] = [];
  readonly otherWidth = new NotedRows();
  readonly widthExamples: Example[] = [];
  readonly strays = new NotedRows();
  readonly oversize = new NotedRows();
  readonly blanks = new NotedRows();
  readonly headerAgain = new NotedRows();
  trailingBlanks = 0;
  readonly lineEnds = { lf: 0, crlf: 0, cr: 0 };
}

export interface ScannedForm {
  readonly dialect: Dialect;
  readonly width: number;
  /** The header as it is in the file, without quotes where it has none; null: there is none. */
  readonly header: Buffer | null;
}

/** Takes a row's cells, as the splitter has them until the next one. */
export type TakeRow = (cells: RecordSplitter, line: number) => void;

/** All rows of one table, from one file or several of the same form, in one pass and bounded memory. */
export class TableScan {
  readonly columns: readonly Column[];
  readonly form: ScannedForm;

  constructor(form: ScannedForm, budget: SlotBudget) {
    this.form = form;
    this.columns = Array.from({ length: form.width }, () => new Column(budget));
  }

  /** @param skip bytes and lines at the file's begin that are no part of the table */
  async add(
    pieces: AsyncIterable<Buffer>,
    skip: { readonly bytes: number; readonly lines: number },
  ): Promise<FileScan> {
    const pass = new FilePass(this.form, this.columns, skip.lines + 1);
    let toSkip = skip.bytes;
    for await (const piece of pieces) {
      const dropped = Math.min(toSkip, piece.length);
      toSkip -= dropped;
      if (dropped < piece.length) pass.push(dropped === 0 ? piece : piece.subarray(dropped));
    }
    return pass.end();
  }

  /** Reads a file's rows once more. @param isDone called between pieces: no more rows are needed */
  async again(
    pieces: AsyncIterable<Buffer>,
    skip: { readonly bytes: number; readonly lines: number },
    take: TakeRow,
    isDone: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const pass = new FilePass(this.form, this.columns, skip.lines + 1, take);
    let toSkip = skip.bytes;
    for await (const piece of pieces) {
      const dropped = Math.min(toSkip, piece.length);
      toSkip -= dropped;
      if (dropped < piece.length) pass.push(dropped === 0 ? piece : piece.subarray(dropped));
      if (await isDone()) return;
    }
    pass.end();
  }

  end(): void {
    for (const column of this.columns) column.end();
  }
}

class FilePass {
  readonly #scan = new FileScan();
  readonly #columns: readonly Column[];
  readonly #width: number;
  readonly #header: Buffer | null;
  readonly #splitter: RecordSplitter;
  readonly #scanner: RecordScanner;
  #piece: Buffer = Buffer.alloc(0);
  #base = 0;
  #asciiPiece = true;
  /** The part of the piece that is UTF-8 for sure: without characters that its ends cut, or nothing. */
  #utf8From = 0;
  #utf8To = 0;
  /** Of `foreignBytes`, all together. */
  #foreignSize = 0;
  #awaitsHeader: boolean;
  #pendingBlanks: number[] = [];
  #pending = 0;

  readonly #take: TakeRow | null;

  constructor(form: ScannedForm, columns: readonly Column[], firstLine: number, take: TakeRow | null = null) {
    this.#take = take;
    this.#columns = columns;
    this.#width = form.width;
    this.#header = form.header;
    this.#awaitsHeader = form.dialect.header;
    this.#splitter = new RecordSplitter(form.dialect);
    this.#scanner = new RecordScanner(
      { dialect: form.dialect, encoding: 'utf-8', firstLine },
      {
        record: (kind, start, end, next, line, quoted) => this.#record(kind, start, end, next, line, quoted),
        skipped: () => undefined,
      },
    );
    this.#scanner.keepRecords = true;
  }

  push(piece: Buffer): void {
    this.#piece = piece;
    this.#asciiPiece = isAscii(piece);
    this.#findUtf8(piece);
    this.#scanner.push(piece);
    this.#base += piece.length;
    this.#scan.bytes += piece.length;
  }

  #findUtf8(piece: Buffer): void {
    const [from, to] = wholeCharacters(piece);
    this.#utf8From = from;
    this.#utf8To = this.#asciiPiece || isUtf8(piece.subarray(from, to)) ? to : 0;
  }

  end(): FileScan {
    this.#piece = Buffer.alloc(0);
    this.#asciiPiece = false;
    this.#scanner.end();
    this.#scan.trailingBlanks = this.#pending;
    return this.#scan;
  }

  #record(kind: RecordKind, start: number, end: number, next: number, line: number, quoted: boolean): void {
    const scan = this.#scan;
    if (kind === 'comment') {
      scan.comments++;
      return;
    }
    this.#lineEnd(end, next);
    if (this.#awaitsHeader) {
      this.#awaitsHeader = false;
      return;
    }
    if (kind === 'oversize') {
      this.#flushBlanks();
      scan.rows++;
      scan.oversize.add(line);
      return;
    }
    let bytes = this.#piece;
    let [from, to] = [start - this.#base, end - this.#base];
    let ascii = this.#asciiPiece;
    if (from < 0) {
      bytes = this.#scanner.recordBytes(start, end);
      [from, to] = [0, bytes.length];
      ascii = isAscii(bytes);
    }
    const width = this.#splitter.split(bytes, from, to, quoted);
    if (isBlankRecord(bytes, from, to) || (width === this.#width && isEmpty(this.#splitter, width))) {
      if (this.#pendingBlanks.length < EXAMPLES) this.#pendingBlanks.push(line);
      this.#pending++;
      return;
    }
    if (this.#pending > 0) this.#flushBlanks();
    scan.rows++;
    if (kind === 'stray') {
      scan.strays.add(line);
      return;
    }
    if (
      this.#header !== null &&
      to - from === this.#header.length &&
      this.#header.compare(bytes, from, to) === 0
    ) {
      scan.headerAgain.add(line);
      return;
    }
    if (!ascii) ascii = this.#encoding(bytes, from, to, line);
    if (width !== this.#width) {
      scan.otherWidth.add(line);
      if (scan.widthExamples.length < EXAMPLES) scan.widthExamples.push(exampleOf(bytes, from, to, line));
      return;
    }
    if (this.#take !== null) {
      this.#take(this.#splitter, line);
      return;
    }
    const { starts, ends } = this.#splitter;
    const cells = this.#splitter.bytes;
    const columns = this.#columns;
    for (let i = 0; i < width; i++) columns[i]!.add(cells, starts[i]!, ends[i]!, line, ascii);
  }

  /** @returns whether the record is ASCII after all */
  #encoding(bytes: Buffer, from: number, to: number, line: number): boolean {
    let first = from;
    while (first < to && bytes[first]! < 0x80) first++;
    if (first === to) return true;
    const scan = this.#scan;
    const record = () => bytes.subarray(from, to);
    // Mostly one look at the piece, or at two bytes, tells; a buffer for each record would cost more than all else here.
    const isOfPiece = bytes === this.#piece && from >= this.#utf8From && to <= this.#utf8To;
    if (isOfPiece || (continues(bytes, first, to) && isUtf8(record()))) scan.utf8.add(line);
    else {
      scan.foreign.add(line);
      if (this.#foreignSize < MOST_FOREIGN_BYTES && scan.foreignBytes.length < 2_000) {
        scan.foreignBytes.push(Buffer.from(record()));
        this.#foreignSize += to - from;
      }
    }
    return false;
  }

  #lineEnd(end: number, next: number): void {
    const { lineEnds } = this.#scan;
    if (next - end === 2) lineEnds.crlf++;
    else if (next - end === 1) {
      const at = end - this.#base;
      const byte =
        at >= 0 && at < this.#piece.length ? this.#piece[at] : this.#scanner.recordBytes(end, next)[0];
      if (byte === 13) lineEnds.cr++;
      else lineEnds.lf++;
    }
  }

  #flushBlanks(): void {
    for (const line of this.#pendingBlanks) this.#scan.blanks.add(line);
    this.#scan.blanks.rows += this.#pending - this.#pendingBlanks.length;
    this.#scan.rows += this.#pending;
    this.#pending = 0;
    this.#pendingBlanks = [];
  }
}

/** Whether what follows a first byte beyond ASCII may be the second one of a character of UTF-8. */
function continues(bytes: Uint8Array, first: number, to: number): boolean {
  return first + 1 < to && (bytes[first + 1]! & 0xc0) === 0x80;
}

/** Where a piece has no rest of a character at its begin, and no beginning of one at its end. */
function wholeCharacters(piece: Buffer): [from: number, to: number] {
  let start = 0;
  while (start < 3 && start < piece.length && (piece[start]! & 0xc0) === 0x80) start++;
  let end = piece.length;
  for (let back = 1; back <= 3 && back <= end; back++) {
    const byte = piece[end - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (length > back) end -= back;
    break;
  }
  return [start, Math.max(start, end)];
}

function isBlankRecord(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 32 && bytes[at] !== 9) return false;
  return true;
}

function isEmpty({ starts, ends }: RecordSplitter, width: number): boolean {
  for (let i = 0; i < width; i++) if (starts[i] !== ends[i]) return false;
  return true;
}
