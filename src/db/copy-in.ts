import type { ClientBase } from 'pg';
import { COPY_DATA, HEADER_BYTES, LENGTH_BYTES, type RawConnection, TYPE_BYTES } from './raw-connection.ts';

/**
 * Runs a `copy … from stdin` with these pieces of its data. A piece may be used again as soon as the next is asked for:
 * the socket has taken it then, which `pg-copy-streams` does not tell. When the pieces fail, or the signal aborts,
 * PostgreSQL is told, and forgets what it got; the connection is free again in any case.
 *
 * @returns the number of rows that PostgreSQL reports as copied
 * @throws what PostgreSQL or the connection failed with; what the pieces threw; the signal's reason
 */
export async function copyIn(
  client: ClientBase,
  text: string,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<number> {
  const copy = client.query(new CopyIn(text));
  try {
    await copy.ready;
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await copy.write(piece);
    }
    return await copy.end();
  } catch (error) {
    await copy.cancel();
    throw error;
  }
}

class CopyIn {
  readonly #text: string;
  /** PostgreSQL waits for data. */
  readonly #ready = Promise.withResolvers<void>();
  /** How many rows it took. */
  readonly #done = Promise.withResolvers<number>();
  #connection: RawConnection | undefined;
  #failure: Error | undefined;
  #rows = 0;

  constructor(text: string) {
    this.#text = text;
    // The writer gets the error.
    this.#done.promise.catch(() => undefined);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Called by pg when it is this query's turn. */
  submit(connection: unknown): void {
    this.#connection = connection as RawConnection;
    this.#connection.query(this.#text);
  }

  /** Resolves when the socket has taken the bytes. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { stream } = this.#connection!;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header[0] = COPY_DATA;
    header.writeUInt32BE(LENGTH_BYTES + bytes.length, TYPE_BYTES);
    const taken = Promise.withResolvers<void>();
    stream.cork();
    stream.write(header);
    stream.write(bytes, (error) => (error ? taken.reject(this.#failure ?? error) : taken.resolve()));
    stream.uncork();
    await taken.promise;
  }

  async end(): Promise<number> {
    if (this.#failure) throw this.#failure;
    this.#connection!.endCopyFrom();
    return this.#done.promise;
  }

  /** Resolves when PostgreSQL has answered. */
  async cancel(): Promise<void> {
    await this.ready.catch(() => undefined);
    if (this.#failure) return;
    this.#connection!.sendCopyFail('it was given up');
    await this.#done.promise.catch(() => undefined);
  }

  handleCopyInResponse(): void {
    this.#ready.resolve();
  }

  /** Called by pg: the COPY failed, or the connection did. */
  handleError(error: Error): void {
    this.#failure = error;
    this.#ready.reject(error);
    this.#done.reject(error);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(text)?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.#done.resolve(this.#rows);
  }
}
