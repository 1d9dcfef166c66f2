import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Sql } from '../db/sql.ts';

/**
 * The secrets that sign tokens, in `longshore.token_key`: one a day (UTC), made for the first token of that day. It is
 * unique by its day, so of several processes that race to make it one wins, and all sign with that one. It verifies
 * until the last token of its day has expired, and is deleted after that.
 */
export interface SigningKey {
  /** `kid` (RFC 7515, 4.1.4). */
  readonly id: string;
  /** Days since the epoch. */
  readonly period: number;
  /** 256 bits, as long as the hash of HS256 (RFC 7518, 3.2). */
  readonly secret: Uint8Array;
}

export interface SigningKeys {
  /** The signing key of this day. */
  current(): Promise<SigningKey>;
  /** The signing key with this ID, while its tokens may be valid; else null. */
  find(id: string): Promise<SigningKey | null>;
}

export const PERIOD_MS = 24 * 3_600_000;
const SECRET_BYTES = 32;
/** Deleting a row ends its tokens in every process within this time. */
const REFRESH_MS = 60_000;
/** Least time between two queries for unknown IDs, of which an attacker may send any number. */
const LOOK_AGAIN_MS = 1_000;

export interface SigningKeysOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The lifetime of a token, clock skew included. */
  readonly tokenMs: number;
}

export function createSigningKeys({ ledger }: Sql, { now, tokenMs }: SigningKeysOptions): SigningKeys {
  let known = new Map<string, SigningKey>();
  let knownSinceMs = Number.NEGATIVE_INFINITY;

  const periodOf = (ms: number) => Math.floor(ms / PERIOD_MS);
  /** The oldest day whose tokens may be valid. */
  const oldest = () => periodOf(now() - tokenMs);

  async function read(): Promise<void> {
    const askedAtMs = now();
    const rows = await ledger
      .selectFrom('token_key')
      .select(['id', 'period', 'secret'])
      .where('period', '>=', oldest())
      .execute();
    known = new Map(rows.map((row) => [row.id, { ...row, secret: new Uint8Array(row.secret) }]));
    knownSinceMs = askedAtMs;
  }

  /** A clock that was set back makes the cache expire, too. */
  const ageMs = () => Math.abs(now() - knownSinceMs);
  const ofPeriod = (period: number) => [...known.values()].find((key) => key.period === period);

  return {
    async current() {
      const period = periodOf(now());
      if (ageMs() > REFRESH_MS || ofPeriod(period) === undefined) {
        await ledger
          .insertInto('token_key')
          .values({ id: randomBytes(8).toString('hex'), period, secret: randomBytes(SECRET_BYTES) })
          .onConflict((conflict) => conflict.column('period').doNothing())
          .execute();
        await read();
      }
      return ofPeriod(period)!;
    },

    async find(id) {
      if (ageMs() > (known.has(id) ? REFRESH_MS : LOOK_AGAIN_MS)) await read();
      const key = known.get(id);
      return key !== undefined && key.period >= oldest() ? key : null;
    },
  };
}

/** Yesterday by the database's clock. */
const YESTERDAY = sql<number>`floor(extract(epoch from now()) * 1000 / ${PERIOD_MS}::float8) - 1`;

/** Deletes the signing keys of days whose tokens have all expired, with a day's margin for clock skew. */
export async function dropOldSigningKeys(db: Sql): Promise<void> {
  await db.ledger.deleteFrom('token_key').where('period', '<', YESTERDAY).execute();
}
