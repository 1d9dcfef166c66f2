import { sql } from 'kysely';
import type { AuditEntry } from '../audit/audit-entry.ts';
import { insertAudit } from '../audit/audit-rows.ts';
import type { Database, Tx } from '../db/database.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import {
  type ApiKeyView,
  endKey,
  insertApiKey,
  type NewApiKey,
  OPERATOR_ID,
  viewApiKey,
} from './key-rows.ts';
import { formatApiKey, newApiKeyText } from './key-text.ts';
import type { Scope } from './scope.ts';

/** Changes of API keys. Each writes its entry of the audit log in the same transaction. */

/** Creates a key. `text` is returned only here, since only its hash is kept. `audit` makes the entry for its ID. */
export async function createApiKey(
  db: Database,
  key: NewApiKey,
  audit: (id: string) => AuditEntry,
): Promise<{ readonly text: string; readonly key: ApiKeyView }> {
  const text = newApiKeyText();
  const made = await db.transaction(async (tx) => {
    if (!(await insertApiKey(tx, text, key))) return null;
    await insertAudit(tx, [audit(text.id)]);
    return viewApiKey(tx, text.id);
  });
  // The ID was taken, which happens once in 2^48 keys.
  return made === null ? createApiKey(db, key, audit) : { text: formatApiKey(text), key: made };
}

export interface RevokeOptions {
  /** Whether `LONGSHORE_ADMIN_KEY` is set: it would make its key valid again at the next start. */
  readonly operatorKeySet: boolean;
  readonly audit: AuditEntry;
}

/**
 * Revokes a key. Idempotent. Other processes accept it for up to `CACHE_MS` more.
 *
 * @throws LongshoreError `unknown-key`, or `key-protected` for the operator's key while it is set, and for the last
 *   admin key, without which nobody could make another
 */
export async function revokeApiKey(db: Database, id: string, options: RevokeOptions): Promise<void> {
  if (id === OPERATOR_ID && options.operatorKeySet) {
    throw new LongshoreError('key-protected', 'this key is set by LONGSHORE_ADMIN_KEY');
  }
  await db.transaction(async (tx) => {
    // Locked, so that of two admin keys that revoke each other concurrently one stays.
    const admins = await lockAdminKeys(tx);
    const key = await viewApiKey(tx, id);
    if (key === null) throw new LongshoreError('unknown-key', `there is no key ${quoted(id)}`);
    if (admins.length === 1 && admins[0] === id) {
      throw new LongshoreError('key-protected', `${id} is the last admin key`);
    }
    await endKey(tx, id);
    await insertAudit(tx, [options.audit]);
  });
}

async function lockAdminKeys({ ledger }: Tx): Promise<string[]> {
  const rows = await ledger
    .selectFrom('api_key')
    .select('id')
    .where('revoked_at', 'is', null)
    .where(({ val, eb, ref }) => eb(val<Scope>('admin'), '=', sql<Scope>`any (${ref('scopes')})`))
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.map(({ id }) => id);
}
