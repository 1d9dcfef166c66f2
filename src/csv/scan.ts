/**
 * Where records begin and end: the one state machine behind both the surveyor and the reader, so that the two
 * can not disagree. It sees the same records as csv-parse with `parseOptions(dialect)` (a test says so for any
 * text), and adds recovery: csv-parse takes everything after a stray quote for one cell, or throws.
 *
 *   first, next   the start of a cell, the record's first or a further one:
 *                   quote → quoted · delimiter → next · line end → first · comment character in first → comment
 *                   white space with skipInitialSpace → stays · anything else → unquoted
 *   unquoted      delimiter → next · line end → first
 *   quoted        quote → quoteSeen · escape → escaped
 *   escaped       anything → quoted
 *   quoteSeen     quote, if doubled → quoted · delimiter, line end → as unquoted
 *                   anything else → unquoted (literal), or the opening quote was stray, see below
 *   comment       line end → first
 *
 * **Stray quotes.** A quoted cell that has crossed a line end and then proves malformed (its closing quote is
 * followed by something else, or the file ends or the record outgrows `maxRecordBytes` before it closes) was
 * opened by a stray quote. The record is ended at the first line end after that quote, reported as `stray`, and
 * scanning goes back to there. A malformed cell that crossed no line end is literal text, as in csv-parse,
 * except that at the end of the file it is `stray` too (csv-parse throws).
 *
 * **Going back stays linear**, whatever the input. A quote that opens a cell stands at the cell's start, so its
 * run of quotes begins there, and it stays open only if that run is odd (with an escape character: is a single
 * unescaped quote, as what precedes it is not an escape). Met inside quotes, that same quote closes the cell. So
 * a failed attempt that began at quote p and failed at f has passed no other quote that could open a cell: the
 * next attempt begins at f or later, attempts overlap in single bytes only, and every byte is read at most three
 * times. `scannedBytes` counts them.
 *
 * **Memory** is bounded by `maxRecordBytes`: pieces are kept back only while a quoted cell has crossed a line
 * end, from that line end on.
 */
import { countLines } from './count-lines.ts';
import { escapeOf } from './dialect-options.ts';
import { encodingOf } from './encoding.ts';
import { KeptBytes } from './kept-bytes.ts';
import { MAX_RECORD_BYTES, type RecordKind, type ScanOptions, type ScanSink } from './scan-contract.ts';
import { NO_SPACES, SPACE_PREFIX, type Spaces, spacesOf, WHOLE_SPACE } from './spaces.ts';

const FIRST = 0;
const NEXT = 1;
const UNQUOTED = 2;
const QUOTED = 3;
const ESCAPED = 4;
const QUOTE_SEEN = 5;
/** Inside a white-space character of several bytes, which `skipInitialSpace` may have to skip. */
const SPACE = 6;
const COMMENT = 7;
/** A comment after `""` at the start of a record: csv-parse makes a record of it. */
const QUOTED_COMMENT = 8;
const OVERSIZE = 9;
/** A record ended with CR; a LF may belong to it. */
const CR_SEEN = 10;

const LF = 10;
const CR = 13;
const NUL = 0;
const NONE = -1;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** A shorter stretch without quotes is not worth the calls that skipping it takes. */
const MIN_SKIP_BYTES = 1024;

const NEAR_BYTES = 64;

/** Finds records in a stream of bytes. Offsets are the stream's. */
export class RecordScanner {
  /** Records that end at or before this offset, and hold no quote, may be reported together (`skipped`). */
  skipTo = 0;
  /** While true, the current record's bytes are kept for `recordBytes`. */
  keepRecords = false;
  /** Bytes looked at so far, those that were read again included. */
  scannedBytes = 0;

  readonly #sink: ScanSink;
  readonly #maxRecordBytes: number;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #doubled: boolean;
  readonly #comment: number;
  readonly #spaces: Spaces;

  /** Unread bytes [#index, …) of #bytes, whose first byte is at offset #base. */
  #bytes = NO_BYTES;
  #base = 0;
  #index = 0;
  readonly #kept = new KeptBytes();

  #state = FIRST;
  #line: number;
  #recordStart = 0;
  #recordLine: number;
  /** The record holds a quote in a piece that is gone; and the index of the next quote in this one. */
  #quotedBefore = false;
  #nextQuote = 0;
  /** Up to this index there is no LF: looking for one again would make files with bare CR quadratic. */
  #noLfBefore = 0;

  /** The quote that opened the current cell, and whether that cell is its record's first. */
  #openedAt = NONE;
  #openedFirst = false;
  /** The first line end after that quote (NONE before it is met): where scanning goes back to. */
  #resumeAt = NONE;
  #resumeEnd = NONE;
  #resumeLine = 0;
  #lastCr = NONE;

  #endedAt = NONE;
  #endedKind: RecordKind = 'record';
  #space = 0;
  #spaceState = FIRST;

  constructor(options: ScanOptions, sink: ScanSink) {
    const { dialect } = options;
    const escapeChar = escapeOf(dialect);
    this.#sink = sink;
    this.#maxRecordBytes = options.maxRecordBytes ?? MAX_RECORD_BYTES;
    this.#delimiter = dialect.delimiter.charCodeAt(0);
    this.#quote = dialect.quoteChar?.charCodeAt(0) ?? NONE;
    this.#doubled = escapeChar !== null && escapeChar === dialect.quoteChar;
    this.#escape = this.#doubled ? NONE : (escapeChar?.charCodeAt(0) ?? NONE);
    this.#comment = dialect.commentChar?.charCodeAt(0) ?? NONE;
    this.#spaces = dialect.skipInitialSpace ? spacesOf(encodingOf(options.encoding)) : NO_SPACES;
    this.#line = options.firstLine ?? 1;
    this.#recordLine = this.#line;
  }

  /** The line on which the next record begins, valid within a sink's method. */
  get line(): number {
    return this.#line;
  }

  /** The record being read has outgrown `maxRecordBytes`. */
  get isOversize(): boolean {
    return this.#state === OVERSIZE;
  }

  /** Before the first piece: the stream begins with bytes that are no part of a record. */
  skipBytes(count: number): void {
    this.#base += count;
    this.#recordStart += count;
  }

  /** Takes the next piece of the stream, of any size; it may be reused afterwards. */
  push(piece: Uint8Array): void {
    this.#load(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength), this.#base);
    this.#scan();
    this.#keep();
  }

  /** Ends the stream: reports the record that is still open. */
  end(): void {
    for (;;) {
      const position = this.#base;
      switch (this.#state) {
        case QUOTED:
        case ESCAPED:
          if (this.#resumeAt === NONE) {
            this.#endRecord('stray', position, position);
            return;
          }
          this.#goBack();
          this.#scan();
          this.#keep();
          continue;
        case CR_SEEN:
          this.#endRecord(this.#endedKind, this.#endedAt, position);
          return;
        case FIRST:
          return;
        default:
          this.#endRecord(this.#kind(), position, position);
          return;
      }
    }
  }

  /** The bytes [start, end) of the record being reported, unless it is `oversize`; only with `keepRecords` set since it began. */
  recordBytes(start: number, end: number): Buffer {
    if (start >= this.#base) return this.#bytes.subarray(start - this.#base, end - this.#base);
    const before = this.#kept.from(start, Math.min(end, this.#base));
    return Buffer.concat([before, this.#bytes.subarray(0, Math.max(0, end - this.#base))]);
  }

  #load(bytes: Buffer, base: number): void {
    this.#bytes = bytes;
    this.#base = base;
    this.#index = 0;
    this.#noLfBefore = 0;
    this.scannedBytes += bytes.length;
    this.#findQuote();
  }

  #findQuote(): void {
    const { length } = this.#bytes;
    this.#nextQuote = length;
    if (this.#quote === NONE) return;
    // Where quotes are frequent, the next one is near, and a native call for every record would cost more.
    const near = Math.min(length, this.#index + NEAR_BYTES);
    for (let i = this.#index; i < near; i++) {
      if (this.#bytes[i] === this.#quote) {
        this.#nextQuote = i;
        return;
      }
    }
    const found = this.#bytes.indexOf(this.#quote, near);
    if (found !== NONE) this.#nextQuote = found;
  }

  /** At the end of a piece, which belongs to the caller: holds back a copy of what may be needed again. */
  #keep(): void {
    if (this.#nextQuote < this.#bytes.length) this.#quotedBefore = true;
    const from = this.#keptFrom();
    if (from === NONE) this.#kept.clear();
    else if (from >= this.#base) this.#kept.reset(from, this.#bytes.subarray(from - this.#base));
    else this.#kept.append(this.#bytes);
    this.#base += this.#bytes.length;
    this.#bytes = NO_BYTES;
    this.#index = 0;
    this.#nextQuote = 0;
  }

  /** Nobody asks for the bytes of a record that is too long, but perhaps for its line end. */
  #keptFrom(): number {
    if (!this.keepRecords) return this.#resumeAt;
    if (this.#state === OVERSIZE) return NONE;
    return this.#state === CR_SEEN && this.#endedKind === 'oversize' ? this.#endedAt : this.#recordStart;
  }

  #scan(): void {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const escaper = this.#escape;
    const comment = this.#comment;
    const spaceStart = this.#spaces.starts;
    if (this.#state === FIRST && this.#base + this.#index === this.#recordStart) this.#skip();
    let bytes = this.#bytes;
    let i = this.#index;
    let stop = this.#stop();
    for (;;) {
      if (i >= stop) {
        if (i >= bytes.length) break;
        stop = bytes.length;
        if (this.#state !== CR_SEEN && this.#state !== OVERSIZE) {
          this.#index = i;
          if (this.#resumeAt === NONE) {
            this.#state = OVERSIZE;
          } else {
            this.#goBack();
            bytes = this.#bytes;
            i = this.#index;
            stop = this.#stop();
          }
          continue;
        }
      }
      const byte = bytes[i] as number;
      switch (this.#state) {
        case FIRST:
        case NEXT:
          if (byte === quote) {
            this.#openedAt = this.#base + i++;
            this.#openedFirst = this.#state === FIRST;
            this.#state = QUOTED;
          } else if (byte === comment && this.#state === FIRST) {
            this.#state = COMMENT;
          } else if (byte === delimiter) {
            this.#state = NEXT;
            i++;
          } else if (spaceStart[byte] === WHOLE_SPACE) {
            i++;
          } else if (spaceStart[byte] === SPACE_PREFIX) {
            this.#space = byte;
            this.#spaceState = this.#state;
            this.#state = SPACE;
            i++;
          } else {
            this.#state = UNQUOTED;
          }
          break;

        case UNQUOTED: {
          let end = byte;
          while (end !== delimiter && end !== LF && end !== CR && ++i < stop) end = bytes[i] as number;
          if (i === stop) break;
          if (end === delimiter) {
            this.#state = NEXT;
            i++;
            break;
          }
          i = this.#endLine(i, 'record');
          stop = this.#stop();
          break;
        }

        case QUOTED: {
          let end = byte;
          while (end !== quote && end !== escaper && end !== LF && end !== CR && ++i < stop) {
            end = bytes[i] as number;
          }
          if (i === stop) break;
          if (end === quote) this.#state = QUOTE_SEEN;
          else if (end === escaper) this.#state = ESCAPED;
          else this.#crossLineEnd(end, this.#base + i);
          i++;
          break;
        }

        case ESCAPED:
          if (byte === LF || byte === CR) this.#crossLineEnd(byte, this.#base + i);
          this.#state = QUOTED;
          i++;
          break;

        case QUOTE_SEEN:
          if (byte === quote && this.#doubled) {
            this.#state = QUOTED;
            i++;
          } else if (byte === delimiter || byte === LF || byte === CR || byte === NUL || byte === comment) {
            // csv-parse takes NUL and the comment character for an end of the cell as well.
            const empty = this.#openedAt === this.#base + i - 2;
            this.#resumeAt = NONE;
            this.#state = byte === comment && this.#openedFirst && empty ? QUOTED_COMMENT : UNQUOTED;
          } else if (this.#resumeAt === NONE) {
            this.#state = UNQUOTED;
          } else {
            this.#index = i;
            this.#goBack();
            bytes = this.#bytes;
            i = this.#index;
            stop = this.#stop();
          }
          break;

        case SPACE:
          this.#space = (this.#space << 8) | byte;
          if (this.#spaces.whole.has(this.#space)) {
            this.#state = this.#spaceState;
            i++;
          } else if (this.#spaces.prefixes.has(this.#space)) {
            i++;
          } else {
            this.#state = UNQUOTED;
          }
          break;

        case CR_SEEN:
          this.#endRecord(this.#endedKind, this.#endedAt, this.#base + i + (byte === LF ? 1 : 0));
          i = this.#index;
          stop = this.#stop();
          break;

        default: {
          let end = byte;
          while (end !== LF && end !== CR && ++i < stop) end = bytes[i] as number;
          if (i === stop) break;
          const kind = this.#state === COMMENT ? 'comment' : this.#state === OVERSIZE ? 'oversize' : 'record';
          i = this.#endLine(i, kind);
          stop = this.#stop();
        }
      }
    }
    this.#index = i;
  }

  #kind(): RecordKind {
    return this.#state === COMMENT ? 'comment' : this.#state === OVERSIZE ? 'oversize' : 'record';
  }

  /** The index up to which the current record may go without being too long. */
  #stop(): number {
    const length = this.#bytes.length;
    if (this.#state === CR_SEEN || this.#state === OVERSIZE) return length;
    return Math.min(length, this.#recordStart + this.#maxRecordBytes + 1 - this.#base);
  }

  /** A record ends with the CR or LF at `index`; returns the index to go on from. */
  #endLine(index: number, kind: RecordKind): number {
    this.#line++;
    const end = this.#base + index;
    if (this.#bytes[index] === LF) {
      this.#endRecord(kind, end, end + 1);
      return this.#index;
    }
    this.#endedAt = end;
    this.#endedKind = kind;
    this.#state = CR_SEEN;
    return index + 1;
  }

  /** A quoted cell goes on after the CR or LF at `offset`. */
  #crossLineEnd(byte: number, offset: number): void {
    if (byte === LF && this.#lastCr === offset - 1) {
      if (this.#resumeAt === offset) this.#resumeAt++;
      return;
    }
    if (byte === CR) this.#lastCr = offset;
    this.#line++;
    if (this.#resumeAt !== NONE) return;
    this.#resumeAt = offset + 1;
    this.#resumeEnd = offset;
    this.#resumeLine = this.#line;
  }

  /** The quoted cell was opened by a stray quote: ends the record at the first line end after that quote. */
  #goBack(): void {
    let next = this.#resumeAt;
    // The record outgrew its limit just between the CR and the LF of that line end.
    if (next === this.#base + this.#index && next === this.#lastCr + 1 && this.#bytes[this.#index] === LF)
      next++;
    this.#line = this.#resumeLine;
    this.scannedBytes -= this.#bytes.length - this.#index;
    if (next >= this.#base) {
      this.#index = next - this.#base;
      this.scannedBytes += this.#bytes.length - this.#index;
    } else {
      this.#load(Buffer.concat([this.#kept.from(next, this.#base), this.#bytes]), next);
    }
    this.#endRecord('stray', this.#resumeEnd, next);
  }

  #endRecord(kind: RecordKind, end: number, next: number): void {
    const start = this.#recordStart;
    const line = this.#recordLine;
    this.#index = next - this.#base;
    const quoted = kind === 'stray' || this.#quotedBefore || this.#nextQuote < this.#index;
    if (kind === 'stray' || this.#nextQuote < this.#index) this.#findQuote();
    this.#recordStart = next;
    this.#recordLine = this.#line;
    this.#quotedBefore = false;
    this.#resumeAt = NONE;
    this.#lastCr = NONE;
    this.#state = FIRST;
    this.#sink.record(kind, start, end, next, line, quoted);
    this.#skip();
  }

  /** At the start of a record: passes over whole lines without a quote, as far as `skipTo` allows. */
  #skip(): void {
    const from = this.#index;
    const limit = Math.min(this.#bytes.length, this.#nextQuote, this.skipTo - this.#base);
    if (limit - from < MIN_SKIP_BYTES || limit <= this.#noLfBefore) return;
    const lastLf = this.#bytes.subarray(from, limit).lastIndexOf(LF);
    if (lastLf === -1) {
      this.#noLfBefore = limit;
      return;
    }
    this.#index = from + lastLf + 1;
    this.#line += countLines(this.#bytes, from, this.#index);
    this.#recordStart = this.#base + this.#index;
    this.#recordLine = this.#line;
    this.#sink.skipped(this.#recordStart);
  }
}
