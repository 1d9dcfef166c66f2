import type { AuditEntry } from '../audit/audit-entry.ts';
import type { AuditFilter } from '../audit/audit-rows.ts';
import { listAudit } from '../audit/audit-rows.ts';
import type { Database } from '../db/database.ts';
import { type ApiKeyView, listApiKeys, type NewApiKey, viewApiKey } from './key-rows.ts';
import type { ApiKeyStore } from './key-store.ts';
import { createApiKey, revokeApiKey } from './manage-keys.ts';

/** API keys and the audit log as the API sees them. Every call may throw a `LongshoreError`. */
export interface ApiKeyService {
  /** `text` is returned only here. `audit` makes the entry for the new key's ID, which is written with the key. */
  create(
    key: NewApiKey,
    audit: (id: string) => AuditEntry,
  ): Promise<{ readonly text: string; readonly key: ApiKeyView }>;
  get(id: string): Promise<ApiKeyView | null>;
  /** Newest first, revoked ones included. */
  list(page: { readonly before?: string; readonly limit: number }): Promise<readonly ApiKeyView[]>;
  /** @throws `unknown-key key-protected` */
  revoke(id: string, audit: AuditEntry): Promise<void>;
  /** Newest first. */
  audit(filter: AuditFilter): Promise<readonly AuditEntry[]>;
}

export interface ApiKeyServiceDeps {
  readonly db: Database;
  readonly store: ApiKeyStore;
  /** Whether `LONGSHORE_ADMIN_KEY` is set. */
  readonly operatorKeySet: boolean;
}

/** Keys and audit log in PostgreSQL. */
export function createApiKeyService({ db, store, operatorKeySet }: ApiKeyServiceDeps): ApiKeyService {
  return {
    create: (key, audit) => createApiKey(db, key, audit),
    get: (id) => viewApiKey(db, id),
    list: (page) => listApiKeys(db, page),
    async revoke(id, audit) {
      await revokeApiKey(db, id, { operatorKeySet, audit });
      store.forget(id);
    },
    audit: (filter) => listAudit(db, filter),
  };
}
