import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Dictionary, Table } from '../types.ts';
import { within } from '../within.ts';
import { type LedgerDictionary, newestNo, readNewest } from './dictionary-versions.ts';

/**
 * The dictionary of a running process. It changes while the process runs, so whoever needs it asks for it at that
 * moment; what belongs together (a request, a group of batches) keeps the one that it has asked for.
 */
export interface DictionaryBook {
  now(): Dictionary & Partial<LedgerDictionary>;

  /**
   * Looks into the ledger, and gives the dictionary as it is there; where PostgreSQL has no answer in time, the one that
   * is known. For what another process may have changed a moment ago.
   */
  look(): Promise<Dictionary & Partial<LedgerDictionary>>;

  /** The table of this name, also where it has come a moment ago. @throws LongshoreError `unknown-table` */
  table(name: string): Promise<Table>;
}

/** How often a process looks for a change that another one made. */
const LOOK_EVERY_MS = 500;
/** A question to the ledger that hangs for so long is given up. */
const GIVE_UP_MS = 5_000;
/** A request that asks for a table that is not known waits no longer than this for the ledger. */
const PATIENCE_MS = 1_000;

export interface OpenBookOptions {
  readonly db: Pick<Sql, 'query'>;
  readonly first: LedgerDictionary;
  readonly log: Logger;
  /** Called after each change; must be quick and not throw. */
  readonly onChange?: (dictionary: LedgerDictionary) => void;
  readonly everyMs?: number;
}

/**
 * Follows the dictionary of the ledger: it looks twice a second, by the primary key. Unlike a notification of
 * PostgreSQL's, that needs no connection of its own, goes through a pooler, and finds after an outage what was missed.
 */
export function followDictionary(options: OpenBookOptions): DictionaryBook & AsyncDisposable {
  const { db, log, onChange, everyMs = LOOK_EVERY_MS } = options;
  const ended = new AbortController();
  let known = options.first;
  let underWay: Promise<void> | undefined;

  async function follow(): Promise<void> {
    const no = await newestNo(db);
    if (no === null || no === known.no) return;
    const found = await readNewest(db, known);
    // A ledger that was brought back from an older copy counts from there again.
    if (found === null || found.no === known.no) return;
    known = found;
    log.info({ dictionary: found.version, no: found.no }, 'The dictionary has changed');
    onChange?.(found);
  }

  /** One question at a time; it fails when PostgreSQL does. */
  function ask(): Promise<void> {
    underWay ??= within(GIVE_UP_MS, follow(), () => undefined).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  async function look(): Promise<LedgerDictionary> {
    // One that is under way may have asked before what is looked for had come.
    await within(
      PATIENCE_MS,
      (underWay ?? Promise.resolve()).catch(() => undefined).then(ask),
      () => undefined,
    ).catch((error) => log.debug({ err: error }, 'The dictionary could not be read'));
    return known;
  }

  const following = (async () => {
    while (!ended.signal.aborted) {
      await sleep(everyMs, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
      if (ended.signal.aborted) return;
      await ask().catch((error) => log.debug({ err: error }, 'The dictionary could not be read'));
    }
  })();

  return {
    now: () => known,
    look,
    async table(name) {
      const find = (dictionary: Dictionary) => dictionary.tables.find((one) => one.name === name);
      const found = find(known) ?? find(await look());
      if (found !== undefined) return found;
      throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await following;
    },
  };
}
