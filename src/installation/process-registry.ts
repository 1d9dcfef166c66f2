import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Sql } from '../db/sql.ts';

/**
 * Each process that works for an installation says so in the ledger, again and again, and carries the same token as
 * its identity in Temporal: who polls there, but does not say so here, works on another database.
 */
export interface RegisteredProcess extends AsyncDisposable {
  /** What Temporal shows of the process; ends with the token. */
  readonly identity: string;
  readonly token: string;
}

export const SEEN_EVERY_MS = 10_000;
/** Of processes that died; what Temporal shows of them is gone after five minutes. */
const KEPT = '1 day';

export async function registerProcess(db: Sql, name: string): Promise<RegisteredProcess> {
  const token = randomBytes(16).toString('hex');
  const host = hostname();
  const seen = async () => {
    await db.query(
      `insert into longshore.process (token, name, host, pid) values ($1, $2, $3, $4)
       on conflict (token) do update set seen_at = clock_timestamp()`,
      [token, name, host, process.pid],
    );
  };
  await seen();
  await db.query(`delete from longshore.process where seen_at < now() - $1::interval`, [KEPT]);
  // PostgreSQL may be away: the next time tells.
  const timer = setInterval(() => void seen().catch(() => undefined), SEEN_EVERY_MS);
  return {
    token,
    identity: `${process.pid}@${host} ${name} ${token}`,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
    },
  };
}

/** The token at the end of an identity, if it has one. */
export function tokenOf(identity: string): string | null {
  return /(?:^| )([0-9a-f]{32})$/.exec(identity)?.[1] ?? null;
}
