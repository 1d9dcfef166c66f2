import { freeMemory } from '../free-memory.ts';
import { CopyInput, notCopy, type TupleSource } from './copy-binary.ts';
import { COPY_DATA, HEADER_BYTES, type RawConnection, TYPE_BYTES } from './raw-connection.ts';

/** What may come between the rows (PostgreSQL, "COPY Operations"): the answer to COPY, notices, settings. */
const BETWEEN: ReadonlySet<number> = new Set([0x48, 0x4e, 0x53, 0x41]);

/** The socket waits while so much is held that no one has read. */
const HELD_BYTES = 256 * 1024;

/**
 * The rows that `copy … to stdout (format binary)` sends, for `client.query`.
 *
 * A message holds one row ("always one per row": PostgreSQL, "COPY Operations"). `pg-copy-streams` handles each of them
 * as an object, which costs as much as PostgreSQL's own work; here they stay where they lie, and whoever reads the rows
 * steps over the messages' headers. As there, pg's own reader is taken off the socket from the COPY's start to its end,
 * and gets what comes after.
 */
export class CopyOut implements TupleSource {
  readonly input = new CopyMessages();

  readonly #text: string;
  #connection: RawConnection | undefined;
  /** pg's, while it is off the socket. */
  #reader: ((bytes: Buffer) => void) | undefined;
  /** Data has arrived since the last call of `more`. */
  #came = false;
  #closed = false;
  #done = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #onData = (piece: Buffer) => this.#take(piece);

  constructor(text: string) {
    this.#text = text;
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: unknown): void {
    const raw = connection as RawConnection;
    const [reader, ...others] = raw.stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (!reader || others.length > 0) throw new Error("the connection's socket has not one reader");
    this.#connection = raw;
    this.#reader = reader;
    raw.stream.removeListener('data', reader);
    raw.stream.on('data', this.#onData);
    raw.query(this.#text);
  }

  /** @throws what PostgreSQL or the connection failed with */
  async more(): Promise<boolean> {
    for (;;) {
      if (this.input.over) this.#release();
      if (this.#failure) throw this.#failure;
      if (this.#done) return false;
      if (this.#came) break;
      if (this.#reader) this.#connection!.stream.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#came = false;
    return true;
  }

  /** What is still to come is thrown away as it comes; the connection's next statement waits for that. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#reader) return;
    this.#drop();
    this.#connection!.stream.resume();
  }

  #take(piece: Buffer): void {
    const { input } = this;
    input.push(piece);
    // A socket reads into memory of its own each time.
    freeMemory(piece);
    this.#came = true;
    if (this.#closed) this.#drop();
    else if (input.end - input.start >= HELD_BYTES) this.#connection!.stream.pause();
    this.#wake?.();
  }

  #drop(): void {
    this.input.skip();
    if (this.input.over) this.#release();
  }

  /** Ends the COPY: pg continues reading at the message that ended it. */
  #release(): void {
    const reader = this.#reader;
    if (!reader) return;
    this.#reader = undefined;
    const { stream } = this.#connection!;
    const { bytes, start, end } = this.input;
    const rest = Buffer.from(bytes.subarray(start, end));
    this.input.start = end;
    stream.removeListener('data', this.#onData);
    stream.on('data', reader);
    reader(rest);
    stream.resume();
  }

  /** Called by pg: the COPY failed, or the connection did. */
  handleError(error: Error): void {
    this.#failure = error;
    this.#wake?.();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#done = true;
    this.#wake?.();
  }
}

/** A copy as its messages bring it. */
class CopyMessages extends CopyInput {
  /** What stands at `start` is the first message behind the rows. */
  over = false;

  override nextTuple(columns: number): boolean {
    for (let at = this.#nextMessage(); at >= 0; at = this.#nextMessage()) {
      const end = this.start;
      const tuple = this.readHeader(at, end);
      // The header, with the first row in its message or without.
      if (tuple === end) continue;
      if (tuple < 0 || tuple + 2 > end || this.ended) throw notCopy('a message that is no row');
      if (this.isTrailer(tuple, columns)) continue;
      this.tupleStart = tuple;
      this.tupleEnd = end;
      return true;
    }
    return false;
  }

  /** Steps over the messages that are there. */
  skip(): void {
    while (this.#nextMessage() >= 0);
  }

  /** Where the bytes of the next row's message begin, which end at `start` then; -1 if it is not whole, or `over`. */
  #nextMessage(): number {
    for (;;) {
      const { bytes, view, start, end } = this;
      if (start + HEADER_BYTES > end) return -1;
      const type = bytes[start]!;
      if (type !== COPY_DATA && !BETWEEN.has(type)) {
        this.over = true;
        return -1;
      }
      const messageEnd = start + TYPE_BYTES + view.getUint32(start + TYPE_BYTES);
      if (messageEnd > end) return -1;
      this.start = messageEnd;
      if (type === COPY_DATA) return start + HEADER_BYTES;
    }
  }
}
