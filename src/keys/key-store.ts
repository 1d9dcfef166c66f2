import { timingSafeEqual } from 'node:crypto';
import { formatKey, hashSecret, type KeyText, newKeyText, parseKey } from './key-text.ts';

/** The least that keys need of a database; `pg.Pool` is one. */
export interface Sql {
  query(text: string, params: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

export type Scope = 'read' | 'write' | 'admin';

/** Who asks: what a verified key stands for. Safe to log. */
export interface KeyHolder {
  readonly id: string;
  readonly name: string;
  /** `admin` includes the others. */
  readonly scopes: readonly Scope[];
  /** The tables the key is limited to; null: every table. */
  readonly tables: readonly string[] | null;
}

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly tables: readonly string[] | null;
}

/**
 * Keys in `longshore.api_key`: `id text primary key, secret_hash bytea, scopes text[], tables text[] null,
 * name text, created_at, last_used_at, revoked_at`. The secrets themselves are nowhere but with their owners.
 */
export interface KeyStore {
  /** null: no such key, a wrong secret, or revoked. A revoked key may pass for up to `CACHE_MS` more. */
  verify(text: string): Promise<KeyHolder | null>;
  /** Makes a key and returns its text, this once. */
  create(key: NewKey): Promise<string>;
  /** Makes a key whose text is already known. False when its ID is taken: nothing changes then. */
  adopt(text: KeyText, key: NewKey): Promise<boolean>;
  /** Makes this text the operator's admin key, and the only one: the operator's key before it ends. */
  setOperatorKey(text: string): Promise<void>;
}

/** How long a verified key is believed without asking the database. */
export const CACHE_MS = 10_000;
const CACHE_ENTRIES = 1_000;
/** `last_used_at` is written at most this often for a key. */
const TOUCH_MS = 60_000;
/** The row of the key that the operator chose (`LONGSHORE_ADMIN_KEY`); random IDs are hex and never meet it. */
const OPERATOR_ID = 'operator';

interface Believed {
  readonly holder: KeyHolder;
  readonly untilMs: number;
}

export interface KeyStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Told when `last_used_at` could not be written; the request goes on. */
  readonly onTouchError?: (error: unknown) => void;
}

/** The key store of one process. */
export function createKeyStore(sql: Sql, options: KeyStoreOptions = {}): KeyStore {
  const now = options.now ?? Date.now;
  const believed = new Map<string, Believed>();
  const touchedAtMs = new Map<string, number>();

  async function find(id: string, secret: string): Promise<KeyHolder | null> {
    const { rows } = await sql.query(
      'select id, name, scopes, tables, secret_hash from longshore.api_key where id = $1 and revoked_at is null',
      [id],
    );
    const row = rows[0];
    if (row === undefined) return null;
    const stored = row.secret_hash as Buffer;
    const given = hashSecret(secret);
    if (stored.length !== given.length || !timingSafeEqual(stored, given)) return null;
    return {
      id: row.id as string,
      name: row.name as string,
      scopes: row.scopes as Scope[],
      tables: row.tables as string[] | null,
    };
  }

  function touch(id: string): void {
    const last = touchedAtMs.get(id);
    if (last !== undefined && now() - last < TOUCH_MS) return;
    touchedAtMs.set(id, now());
    sql
      .query('update longshore.api_key set last_used_at = now() where id = $1', [id])
      .catch((error: unknown) => options.onTouchError?.(error));
  }

  function believe(cacheKey: string, holder: KeyHolder): void {
    if (believed.size >= CACHE_ENTRIES) believed.delete(believed.keys().next().value!);
    believed.set(cacheKey, { holder, untilMs: now() + CACHE_MS });
  }

  return {
    async verify(text) {
      // Keyed by hash, so that a dump of the heap shows no key that is not in use at that moment.
      const cacheKey = hashSecret(text).toString('base64');
      const known = believed.get(cacheKey);
      if (known !== undefined && known.untilMs > now()) {
        touch(known.holder.id);
        return known.holder;
      }
      believed.delete(cacheKey);
      const parsed = parseKey(text);
      // An operator may have chosen a text that looks like one of ours, so the operator's row is asked as well.
      const holder =
        (parsed === null ? null : await find(parsed.id, parsed.secret)) ?? (await find(OPERATOR_ID, text));
      if (holder === null) return null;
      believe(cacheKey, holder);
      touch(holder.id);
      return holder;
    },

    async create(key) {
      const text = newKeyText();
      if (!(await this.adopt(text, key))) return this.create(key);
      return formatKey(text);
    },

    async adopt(text, key) {
      const { rows } = await sql.query(
        `insert into longshore.api_key (id, secret_hash, scopes, tables, name, created_at)
         values ($1, $2, $3, $4, $5, now()) on conflict (id) do nothing returning id`,
        [text.id, hashSecret(text.secret), key.scopes, key.tables, key.name],
      );
      return rows.length === 1;
    },

    async setOperatorKey(text) {
      believed.clear();
      await sql.query(
        `insert into longshore.api_key (id, secret_hash, scopes, tables, name, created_at)
         values ($1, $2, '{admin}', null, 'LONGSHORE_ADMIN_KEY', now())
         on conflict (id) do update set secret_hash = excluded.secret_hash, revoked_at = null`,
        // An HTTP header can't carry spaces at its ends, and a file often ends in a newline.
        [OPERATOR_ID, hashSecret(text.trim())],
      );
    },
  };
}
