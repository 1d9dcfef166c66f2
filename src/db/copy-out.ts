import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

/** Messages of the protocol (PostgreSQL, "Message Formats"): a type, the length of the rest with itself, the rest. */
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
/** What may come between the rows (PostgreSQL, "COPY Operations"): the answer to COPY, notices, settings. */
const BETWEEN: ReadonlySet<number> = new Set([0x48, 0x4e, 0x53, 0x41]);
const ERROR_RESPONSE = 0x45;

/** The part of pg's connection that this needs; its types don't tell of it. */
interface RawConnection {
  readonly stream: Socket;
  query(text: string): void;
}

/**
 * What `copy … to stdout` sends, for `client.query`, in pieces of the socket's size.
 *
 * A message holds one row. `pg-copy-streams` handles each of them as an object, which costs as much as PostgreSQL's own
 * work; this moves the rows of a piece together in place. As there, pg's own reader is taken off the socket from the
 * COPY's start to its end, and gets what comes after.
 */
export class CopyOut extends Readable {
  readonly #text: string;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  /** Bytes of a header that the last piece cut. */
  #headed = 0;
  /** Bytes of the present message that are still to come, and whether they are a row's. */
  #left = 0;
  #isData = false;
  #wanted = false;
  #ended = false;
  #connection: RawConnection | undefined;
  #reader: ((bytes: Buffer) => void) | undefined;
  readonly #onReadable = () => this.#forward();

  constructor(text: string) {
    super({ highWaterMark: 256 * 1024 });
    this.#text = text;
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: unknown): void {
    const raw = connection as RawConnection;
    this.#connection = raw;
    const [reader, ...others] = raw.stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (!reader || others.length > 0) throw new Error("the connection's socket has not one reader");
    this.#reader = reader;
    raw.stream.removeListener('data', reader);
    raw.stream.pause();
    raw.stream.on('readable', this.#onReadable);
    raw.query(this.#text);
    this.#forward();
  }

  override _read(): void {
    this.#wanted = true;
    this.#forward();
  }

  #forward(): void {
    while (this.#wanted && !this.#ended && this.#connection) {
      const piece: Buffer | null = this.#connection.stream.read();
      if (piece === null) return;
      this.#take(piece);
    }
  }

  /** Leaves only the rows' bytes in the piece, at its start, and passes them on. */
  #take(piece: Buffer): void {
    let from = 0;
    let to = 0;
    while (from < piece.length) {
      if (this.#left === 0) {
        const start = from;
        const before = this.#headed;
        let header = piece;
        let at = from;
        if (before === 0 && from + HEADER_BYTES <= piece.length) from += HEADER_BYTES;
        else {
          // It lies across two pieces.
          from += piece.copy(this.#header, before, from, from + HEADER_BYTES - before);
          this.#headed += from - start;
          if (this.#headed < HEADER_BYTES) break;
          this.#headed = 0;
          header = this.#header;
          at = 0;
        }
        const type = header[at]!;
        this.#isData = type === COPY_DATA;
        if (!this.#isData && !BETWEEN.has(type)) {
          this.#finish(piece, to, start, before, type);
          return;
        }
        this.#left = header.readUInt32BE(at + 1) - (HEADER_BYTES - 1);
      }
      const count = Math.min(this.#left, piece.length - from);
      if (this.#isData) {
        piece.copyWithin(to, from, from + count);
        to += count;
      }
      from += count;
      this.#left -= count;
    }
    if (to > 0) this.#wanted = this.push(piece.subarray(0, to));
  }

  /** The COPY is over: pg reads on from the message that says so (at `start`, or `before` bytes ahead of it). */
  #finish(piece: Buffer, to: number, start: number, before: number, type: number): void {
    const rest = Buffer.concat([this.#header.subarray(0, before), piece.subarray(start)]);
    if (to > 0) this.push(Buffer.from(piece.subarray(0, to)));
    this.#release(rest);
    // After an error pg calls `handleError`.
    if (type !== ERROR_RESPONSE) this.push(null);
  }

  #release(rest: Buffer): void {
    const { stream } = this.#connection!;
    this.#ended = true;
    stream.removeListener('readable', this.#onReadable);
    stream.on('data', this.#reader!);
    this.#reader!(rest);
    // Removing the listener above pauses the socket a tick later.
    process.nextTick(() => stream.resume());
  }

  /** Called by pg: the COPY failed, or the connection did. */
  handleError(error: Error): void {
    this.#ended = true;
    this.destroy(error);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {}
}
