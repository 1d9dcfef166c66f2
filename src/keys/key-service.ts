import type { AuditEntry } from '../audit/audit-entry.ts';
import type { AuditFilter } from '../audit/audit-rows.ts';
import { listAudit } from '../audit/audit-rows.ts';
import type { Database } from '../db/database.ts';
import { type KeyView, listKeys, type NewKey, viewKey } from './key-rows.ts';
import type { KeyStore } from './key-store.ts';
import { createKey, revokeKey } from './manage-keys.ts';

/** What the API asks about keys and of the audit log. Every call may throw a `LongshoreError`. */
export interface KeyService {
  /** `text` is told this once. `audit` makes the entry for the new key's ID, which is written with the key. */
  create(
    key: NewKey,
    audit: (id: string) => AuditEntry,
  ): Promise<{ readonly text: string; readonly key: KeyView }>;
  get(id: string): Promise<KeyView | null>;
  /** Newest first, revoked ones included. */
  list(page: { readonly before?: string; readonly limit: number }): Promise<readonly KeyView[]>;
  /** @throws `unknown-key key-protected` */
  revoke(id: string, audit: AuditEntry): Promise<void>;
  /** Newest first. */
  audit(filter: AuditFilter): Promise<readonly AuditEntry[]>;
}

export interface KeyServiceDeps {
  readonly db: Database;
  readonly store: KeyStore;
  /** Whether `LONGSHORE_ADMIN_KEY` is set. */
  readonly operatorKeySet: boolean;
}

/** Keys and audit log in PostgreSQL. */
export function createKeyService({ db, store, operatorKeySet }: KeyServiceDeps): KeyService {
  return {
    create: (key, audit) => createKey(db, key, audit),
    get: (id) => viewKey(db, id),
    list: (page) => listKeys(db, page),
    async revoke(id, audit) {
      await revokeKey(db, id, { operatorKeySet, audit });
      store.forget(id);
    },
    audit: (filter) => listAudit(db, filter),
  };
}
