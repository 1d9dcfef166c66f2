import { NOW } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { ApiKeyEntity } from '../ledger/key-entities.ts';
import { type ApiKeyText, hashSecret } from './key-text.ts';
import type { Scope } from './scope.ts';

/** A rate limit: requests a second on average, and the burst after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** The holder of a verified API key. Safe to log. */
export interface ApiKeyHolder {
  readonly id: string;
  readonly name: string;
  /** `admin` includes the others. */
  readonly scopes: readonly Scope[];
  /** The tables the key is limited to; null: every table. */
  readonly tables: readonly string[] | null;
  /** null: the configured one. */
  readonly rate: Rate | null;
}

export interface NewApiKey extends Omit<ApiKeyHolder, 'id' | 'rate'> {
  readonly rate?: Rate | null;
  /** ID of the API key that created it; null: the platform itself. */
  readonly createdBy?: string | null;
}

/** A key as it may be shown. Times are RFC 3339, UTC. */
export interface ApiKeyView extends ApiKeyHolder {
  readonly createdAt: string;
  /** ID of the API key that created it; null: the platform itself. */
  readonly createdBy: string | null;
  /** Precise to about a minute. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
}

/** ID of the key that the operator chose (`LONGSHORE_ADMIN_KEY`); random IDs are hex, so none equals it. */
export const OPERATOR_ID = 'operator';

/** Inserts a key whose text is known. @returns false when its ID is taken: nothing changes then */
export async function insertApiKey(sql: Sql, text: ApiKeyText, key: NewApiKey): Promise<boolean> {
  // Not by the entity manager, which has no parameters: not even a hash may be in a statement's text.
  const made = await sql.ledger
    .insertInto('api_key')
    .values({
      id: text.id,
      secret_hash: hashSecret(text.secret),
      scopes: key.scopes,
      tables: key.tables,
      name: key.name,
      rate_per_second: key.rate?.perSecond ?? null,
      burst: key.rate?.burst ?? null,
      created_by: key.createdBy ?? null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  return made.length === 1;
}

interface HolderRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly tables?: readonly string[] | null;
  readonly ratePerSecond?: number | null;
  readonly burst?: number | null;
  readonly secretHash: Buffer;
}

/** Runs for every request whose key is not cached. */
const FIND_HOLDERS = statement<{ [member in keyof HolderRow]: HolderRow[member] }>`
  select id, name, scopes, tables, rate_per_second as "ratePerSecond", burst, secret_hash as "secretHash"
    from longshore.api_key where id = any ($1) and revoked_at is null`;

/** Finds the unrevoked ones of these keys, with the hashes of their secrets. */
export async function findHolders(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly { readonly holder: ApiKeyHolder; readonly secretHash: Buffer }[]> {
  const rows = await sql.query(FIND_HOLDERS, [ids]);
  return rows.map((row) => ({ holder: toHolder(row), secretHash: row.secretHash }));
}

/** @returns null when there never was such a key */
export async function viewApiKey({ em }: Sql, id: string): Promise<ApiKeyView | null> {
  const key = await em.findOne(ApiKeyEntity, id, { disableIdentityMap: true });
  return key && toView(key);
}

/** Newest first, revoked ones included. `before`: the ID of the last key of the page before. */
export async function listApiKeys(
  { ledger }: Sql,
  { before, limit }: { readonly before?: string; readonly limit: number },
): Promise<ApiKeyView[]> {
  const place = ledger
    .selectFrom('api_key')
    .select(['created_at', 'id'])
    .where('id', '=', before ?? '');
  const keys = await ledger
    .selectFrom('api_key')
    .select(VIEW)
    .$if(before !== undefined, (page) =>
      page.where(({ eb, refTuple }) =>
        eb(refTuple('created_at', 'id'), '<', place.$asTuple('created_at', 'id')),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return keys.map(toView);
}

/** @returns false when there is no such key, or it was revoked before */
export async function endKey({ ledger }: Sql, id: string): Promise<boolean> {
  const { numUpdatedRows } = await ledger
    .updateTable('api_key')
    .set({ revoked_at: NOW })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

const VIEW = [
  'id',
  'name',
  'scopes',
  'tables',
  'rate_per_second as ratePerSecond',
  'burst',
  'created_at as createdAt',
  'created_by as createdBy',
  'last_used_at as lastUsedAt',
  'revoked_at as revokedAt',
] as const;

function toHolder({
  id,
  name,
  scopes,
  tables,
  ratePerSecond,
  burst,
}: Omit<HolderRow, 'secretHash'>): ApiKeyHolder {
  const rate = ratePerSecond == null || burst == null ? null : { perSecond: ratePerSecond, burst };
  return { id, name, scopes, tables: tables ?? null, rate };
}

interface KeyRow extends Omit<HolderRow, 'secretHash'> {
  readonly createdAt: Date;
  readonly createdBy?: string | null;
  readonly lastUsedAt?: Date | null;
  readonly revokedAt?: Date | null;
}

function toView(row: KeyRow): ApiKeyView {
  return {
    ...toHolder(row),
    createdAt: row.createdAt.toISOString(),
    createdBy: row.createdBy ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
