import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Database } from '../db/database.ts';
import { backendOf } from '../db/session.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { liveName } from '../tables/table-state.ts';

/** Longest run of ANALYZE, which reads a sample only; slower tables are left to autovacuum. */
const LONGEST_MS = 10 * 60_000;
/** Interval of the check whether another session waits for ANALYZE's lock. */
const LOOK_EVERY_MS = 250;

export interface AnalyzeQueueOptions {
  readonly db: Pick<Database, 'query' | 'connect'>;
  /** Called with a table that could not be analyzed; that is harmless. */
  readonly onError: (table: string, error: unknown) => void;
}

/**
 * Refreshes the statistics of changed tables: without them PostgreSQL guesses until autovacuum runs. Nobody waits for
 * it: tables are analyzed one by one in the background, and repeated requests for a table are coalesced. ANALYZE's lock
 * conflicts with changes of the table's keys and with swaps, so it is cancelled when another session waits for it, and
 * skipped where another session has the table locked.
 */
export class AnalyzeQueue implements AsyncDisposable {
  readonly #options: AnalyzeQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: AnalyzeQueueOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  readonly ask = (tables: readonly string[]): void => {
    if (this.#stopped.signal.aborted) return;
    for (const table of tables) this.#waiting.add(table);
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  };

  /** Cancels the running ANALYZE, and drops the waiting ones. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.clear();
    this.#stopped.abort();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    for (;;) {
      const [table] = this.#waiting;
      if (table === undefined) return;
      this.#waiting.delete(table);
      await this.#analyze(table).catch((error) => {
        if (!this.#stopped.signal.aborted) this.#options.onError(table, error);
      });
    }
  }

  async #analyze(table: string): Promise<void> {
    const live = liveName({ name: table });
    const client = await this.#options.db.connect();
    const over = new AbortController();
    try {
      await client.query(`set statement_timeout = ${LONGEST_MS}; set application_name = 'longshore analyze'`);
      // A table that was dropped meanwhile is skipped.
      const there = await client.query('select from pg_class where oid = to_regclass($1)', [live]);
      if (there.rowCount === 0) return;
      const watched = this.#giveWay(client, over.signal);
      try {
        await client.query(`analyze (skip_locked) ${live}`);
      } finally {
        over.abort();
        await watched;
      }
    } catch (error) {
      // It was cancelled for a waiting session.
      if (sqlstateOf(error) !== SQLSTATE.queryCanceled) throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** While it runs: cancels the statement when a session waits for it, or when its result is no longer needed. */
  async #giveWay(client: Client, over: AbortSignal): Promise<void> {
    const pid = backendOf(client);
    const either = AbortSignal.any([over, this.#stopped.signal]);
    while (!over.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: either }).catch(() => undefined);
      if (over.aborted) return;
      try {
        await this.#options.db.query(
          `select pg_cancel_backend($1) where $2 or exists (
             select from pg_locks where not granted and $1 = any (pg_blocking_pids(pid)))`,
          [pid, this.#stopped.signal.aborted],
        );
      } catch {
        // PostgreSQL is away, or has no connection left: it is looked again. A stop waits for none of that: without its
        // client the statement ends within seconds.
        if (this.#stopped.signal.aborted) await client.end().catch(() => undefined);
      }
    }
  }
}
