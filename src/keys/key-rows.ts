import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { hashSecret, type KeyText } from './key-text.ts';
import type { Scope } from './scope.ts';

/** Requests a second in the long run, and at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Who asks: what a verified key stands for. Safe to log. */
export interface KeyHolder {
  readonly id: string;
  readonly name: string;
  /** `admin` includes the others. */
  readonly scopes: readonly Scope[];
  /** The tables the key is limited to; null: every table. */
  readonly tables: readonly string[] | null;
  /** null: the configured one. */
  readonly rate: Rate | null;
}

export interface NewKey extends Omit<KeyHolder, 'id' | 'rate'> {
  readonly rate?: Rate | null;
  /** ID of the key that asked for it; null: the platform itself. */
  readonly createdBy?: string | null;
}

/** A key as it may be shown. Times are RFC 3339, UTC. */
export interface KeyView extends KeyHolder {
  readonly createdAt: string;
  /** ID of the key that asked for it; null: the platform itself. */
  readonly createdBy: string | null;
  /** About a minute exact. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
}

/** The row of the key that the operator chose (`LONGSHORE_ADMIN_KEY`); random IDs are hex and never meet it. */
export const OPERATOR_ID = 'operator';

const HOLDER = 'id, name, scopes, tables, rate_per_second, burst';

interface HolderRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: Scope[];
  readonly tables: string[] | null;
  readonly rate_per_second: number | null;
  readonly burst: number | null;
}

interface KeyRow extends HolderRow {
  readonly created_at: Date;
  readonly created_by: string | null;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
}

const INSERT_KEY = statement`
  insert into longshore.api_key
    (id, secret_hash, scopes, tables, name, rate_per_second, burst, created_by, created_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, now()) on conflict (id) do nothing returning id`;

/** Makes a key whose text is known. False when its ID is taken: nothing changes then. */
export async function insertKey(sql: Sql, text: KeyText, key: NewKey): Promise<boolean> {
  const made = await sql.query(INSERT_KEY, [
    text.id,
    hashSecret(text.secret),
    key.scopes,
    key.tables,
    key.name,
    key.rate?.perSecond ?? null,
    key.rate?.burst ?? null,
    key.createdBy ?? null,
  ]);
  return made.length === 1;
}

const FIND_HOLDERS = statement<
  HolderRow & { secret_hash: Buffer }
>`select ${HOLDER}, secret_hash from longshore.api_key where id = any ($1) and revoked_at is null`;

/** Those of these keys that are not revoked, with the hashes of their secrets. */
export async function findHolders(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly { readonly holder: KeyHolder; readonly secretHash: Buffer }[]> {
  const rows = await sql.query(FIND_HOLDERS, [ids]);
  return rows.map((row) => ({ holder: toHolder(row), secretHash: row.secret_hash }));
}

/** null when there never was such a key. */
export async function viewKey(sql: Sql, id: string): Promise<KeyView | null> {
  const [row] = await sql.query(VIEW_KEY, [id]);
  return row === undefined ? null : toView(row);
}

/** Newest first, revoked ones included. `before`: the ID of the last key of the page before. */
export async function listKeys(
  sql: Sql,
  page: { readonly before?: string; readonly limit: number },
): Promise<KeyView[]> {
  const rows = await sql.query(LIST_KEYS, [page.before ?? null, page.limit]);
  return rows.map(toView);
}

const VIEW = part`select ${HOLDER}, created_at, created_by, last_used_at, revoked_at from longshore.api_key`;

const VIEW_KEY = statement<KeyRow>`${VIEW} where id = $1`;

const LIST_KEYS = statement<KeyRow>`
  ${VIEW} where $1::text is null
     or (created_at, id) < (select created_at, id from longshore.api_key where id = $1)
   order by created_at desc, id desc limit $2`;

function toHolder(row: HolderRow): KeyHolder {
  const { id, name, scopes, tables, rate_per_second: perSecond, burst } = row;
  return {
    id,
    name,
    scopes,
    tables,
    rate: perSecond === null || burst === null ? null : { perSecond, burst },
  };
}

function toView(row: KeyRow): KeyView {
  return {
    ...toHolder(row),
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
