import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { asDatabaseError } from '../db/database-error.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { within } from '../within.ts';
import {
  type ApiKeyHolder,
  endKey,
  findHolders,
  insertApiKey,
  type NewApiKey,
  OPERATOR_ID,
} from './key-rows.ts';
import { type ApiKeyText, formatApiKey, hashSecret, newApiKeyText, parseApiKey } from './key-text.ts';
import { SeenKeys } from './seen-keys.ts';

/**
 * Verifies API keys. Secrets are 256 random bits, which can't be guessed: wrong ones are logged and cost one look-up by
 * ID, and there is no lock-out, which would let attackers shut out the owner. The only text that may be guessable is the
 * operator's own (`LONGSHORE_ADMIN_KEY`).
 */
export interface ApiKeyStore {
  /** null: unknown, wrong or revoked. A key that another process revoked may pass for `CACHE_MS` more. */
  verify(text: string): Promise<ApiKeyHolder | null>;
  /**
   * As `verify`; while the ledger does not answer, a key that this process was configured with, or that the ledger has
   * confirmed lately, is believed. Only for reading what says that the ledger is away.
   */
  verifyOrRecall(text: string): Promise<ApiKeyHolder | null>;
  /** The holder of the key with this ID; null when there is none or it is revoked. Cached as in `verify`. */
  holder(id: string): Promise<ApiKeyHolder | null>;
  /** Invalidates the cache for this key. To be called after it was revoked. */
  forget(id: string): void;
  /** Creates a key. @returns its text, which is not stored */
  create(key: NewApiKey): Promise<string>;
  /** Creates a key whose text is known. @returns false when its ID is taken: nothing changes then */
  adopt(text: ApiKeyText, key: NewApiKey): Promise<boolean>;
  /** Makes this text the operator's admin key, and ends the operator's previous one. */
  setOperatorKey(text: string): Promise<void>;
  /** Ends the operator's key. @returns false when there is none, or it has ended before */
  endOperatorKey(): Promise<boolean>;
}

/** How long a verified key is cached. */
export const CACHE_MS = 10_000;
const CACHE_ENTRIES = 1_000;
/** `last_used_at` is written at most this often for a key. */
const TOUCH_MS = 60_000;
/** How long a request waits for the ledger that can do without: scrapers give up after ten seconds. */
const PATIENCE_MS = 2_000;
const OPERATOR = { id: OPERATOR_ID, name: 'LONGSHORE_ADMIN_KEY', scopes: ['admin'] } as const;

export interface ApiKeyStoreOptions {
  /** Milliseconds of any clock; only differences are used. The default never jumps. */
  readonly now?: () => number;
  /** Called when `last_used_at` could not be written; the request goes on. */
  readonly onTouchError?: (error: unknown) => void;
}

const TOUCH = statement`update longshore.api_key set last_used_at = now() where id = $1`;

/** The key store of one process. */
export function createApiKeyStore(sql: Sql, options: ApiKeyStoreOptions = {}): ApiKeyStore {
  const now = options.now ?? (() => performance.now());
  const believed = createBelief(now);
  const seen = new SeenKeys(now);
  /** Of the operator's key, if this process has one. */
  let operatorHash: Buffer | undefined;
  const touchedAtMs = new Map<string, number>();

  function touch(id: string): void {
    const last = touchedAtMs.get(id);
    if (last !== undefined && now() - last < TOUCH_MS) return;
    touchedAtMs.set(id, now());
    sql.query(TOUCH, [id]).catch((error: unknown) => options.onTouchError?.(error));
  }

  /** The holder from the cache, else from the database. */
  async function recall(name: string, ask: () => Promise<ApiKeyHolder | null>): Promise<ApiKeyHolder | null> {
    const known = believed.get(name);
    const asked = believed.asOf();
    const holder = known ?? (await ask());
    if (holder === null) return null;
    if (known === null) believed.set(name, holder, asked);
    touch(holder.id);
    return holder;
  }

  // Cached by hash, so that a heap dump shows no key that is not in use at that moment.
  const verify = (text: string) =>
    recall(nameOf(text), async () => {
      const holder = await findByText(sql, text);
      seen.answered(nameOf(text), holder);
      return holder;
    });

  /** Without the ledger. */
  function remembered(text: string): ApiKeyHolder | null {
    const isOperator = sameHash(operatorHash, hashSecret(text));
    return isOperator ? { ...OPERATOR, tables: null, rate: null } : seen.find(nameOf(text));
  }

  return {
    verify,

    async verifyOrRecall(text) {
      const asked = verify(text);
      try {
        const late = Symbol('late');
        const answer = await within<ApiKeyHolder | null | typeof late>(PATIENCE_MS, asked, () => late);
        return answer === late ? (remembered(text) ?? (await asked)) : answer;
      } catch (error) {
        const holder = asDatabaseError(error) === null ? null : remembered(text);
        if (holder === null) throw error;
        return holder;
      }
    },

    holder: (id) => recall(`id ${id}`, async () => (await findHolders(sql, [id]))[0]?.holder ?? null),

    forget(id) {
      believed.forget(id);
      seen.forget(id);
    },

    async create(key) {
      const text = newApiKeyText();
      if (!(await this.adopt(text, key))) return this.create(key);
      return formatApiKey(text);
    },

    adopt: (text, key) => insertApiKey(sql, text, key),

    async setOperatorKey(text) {
      // An HTTP header can't carry spaces at its ends, and a file often ends in a newline.
      const secret_hash = hashSecret(text.trim());
      await sql.ledger
        .insertInto('api_key')
        .values({ ...OPERATOR, scopes: ['admin'], secret_hash })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ secret_hash, revoked_at: null }))
        .execute();
      operatorHash = secret_hash;
      this.forget(OPERATOR_ID);
    },

    async endOperatorKey() {
      const ended = await endKey(sql, OPERATOR_ID);
      operatorHash = undefined;
      this.forget(OPERATOR_ID);
      return ended;
    },
  };
}

function nameOf(text: string): string {
  return hashSecret(text).toString('base64');
}

/**
 * An operator may have chosen a text that looks like one of ours, so the operator's row is read as well. Hashing and
 * comparison are the same whether or not there is such a key.
 */
async function findByText(sql: Sql, text: string): Promise<ApiKeyHolder | null> {
  const parsed = parseApiKey(text);
  const given = { own: hashSecret(parsed?.secret ?? text), operator: hashSecret(text) };
  const found = await findHolders(sql, [parsed?.id ?? '', OPERATOR_ID]);
  const own = found.find(({ holder }) => holder.id === parsed?.id && holder.id !== OPERATOR_ID);
  const operator = found.find(({ holder }) => holder.id === OPERATOR_ID);
  const isOwn = sameHash(own?.secretHash, given.own);
  const isOperator = sameHash(operator?.secretHash, given.operator);
  if (isOwn) return own!.holder;
  return isOperator ? operator!.holder : null;
}

function sameHash(stored: Buffer | undefined, given: Buffer): boolean {
  // Without a stored hash it is compared with zeros, so that both cases take the same time.
  const equal = timingSafeEqual(stored?.length === given.length ? stored : Buffer.alloc(given.length), given);
  return equal && stored?.length === given.length;
}

/** Holders by name, each for `CACHE_MS` after it was read from the database; the least recently used go first. */
function createBelief(now: () => number) {
  const holders = new LRUCache<string, ApiKeyHolder>({
    max: CACHE_ENTRIES,
    ttl: CACHE_MS,
    ttlResolution: 0,
    perf: { now },
  });
  /** Counts calls of `forget`: the result of an earlier query may be out of date. */
  let forgotten = 0;
  return {
    get: (name: string): ApiKeyHolder | null => holders.get(name) ?? null,
    asOf: () => forgotten,
    set(name: string, holder: ApiKeyHolder, asOf: number): void {
      if (asOf === forgotten) holders.set(name, holder);
    },
    forget(id: string): void {
      forgotten += 1;
      for (const [name, holder] of [...holders.entries()]) if (holder.id === id) holders.delete(name);
    },
  };
}
