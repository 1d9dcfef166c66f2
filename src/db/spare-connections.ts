import type { Client } from 'pg';

/** Longer than the pause between two parts of a backup, also on a busy machine. */
const SPARE_MS = 10_000;

/**
 * Connections outside the pool for work in many short pieces: one that is given back serves the next piece, instead of a
 * new one, which costs a process of PostgreSQL each. Unused ones end after moments.
 */
export class SpareConnections {
  readonly #connect: () => Promise<Client>;
  readonly #spare = new Map<Client, NodeJS.Timeout>();

  constructor(connect: () => Promise<Client>) {
    this.#connect = connect;
  }

  async take(): Promise<Client> {
    // The one that was given back last.
    const client = [...this.#spare.keys()].at(-1);
    if (client !== undefined) {
      this.#drop(client);
      return client;
    }
    const made = await this.#connect();
    made.once('end', () => this.#drop(made));
    return made;
  }

  /** The client must be in no transaction. */
  giveBack(client: Client): void {
    const end = () => {
      this.#drop(client);
      void client.end().catch(() => undefined);
    };
    this.#spare.set(client, setTimeout(end, SPARE_MS).unref());
  }

  #drop(client: Client): void {
    clearTimeout(this.#spare.get(client));
    this.#spare.delete(client);
  }
}
