import { randomBytes } from 'node:crypto';
import type { ApiDeps } from '../../api/http/deps.ts';
import { createRateLimiter } from '../../api/http/rate-limit.ts';
import type { AuditEntry } from '../../src/audit/audit-entry.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { ApiKeyHolder, ApiKeyView } from '../../src/keys/key-rows.ts';
import type { ApiKeyService } from '../../src/keys/key-service.ts';
import { formatApiKey, newApiKeyText } from '../../src/keys/key-text.ts';
import { UploadSlots } from '../../src/loads/upload-slots.ts';

/** Keys, tokens and the audit log in memory. The five keys below are known by their text. */
export class FakeKeys {
  readonly #holders = new Map<string, ApiKeyHolder>(
    [
      { text: 'admin-key-of-the-tests', id: 'a1', name: 'admin', scopes: ['admin'] as const, tables: null },
      { text: 'write-key-of-the-tests', id: 'w1', name: 'writer', scopes: ['write'] as const, tables: null },
      { text: 'read-key-of-the-tests', id: 'r1', name: 'reader', scopes: ['read'] as const, tables: null },
      {
        text: 'ключ of an operator, with spaces',
        id: 'operator',
        name: 'operator',
        scopes: ['admin'] as const,
        tables: null,
      },
      {
        text: 'jobs-key-of-the-tests',
        id: 'j1',
        name: 'jobs only',
        scopes: ['write', 'read'] as const,
        tables: ['jobs'],
      },
    ].map(({ text, ...holder }) => [text, { ...holder, rate: null }]),
  );
  readonly #tokens = new Map<string, string>();
  /** Oldest first. */
  readonly views: ApiKeyView[] = [];
  /** Oldest first. */
  readonly audit: AuditEntry[] = [];

  deps(): Pick<ApiDeps, 'keys' | 'tokens' | 'keyService' | 'limiter' | 'uploads' | 'inferences' | 'audit'> {
    const unused = async () => assertUnused();
    return {
      keys: {
        verify: async (text) => this.#holders.get(text) ?? null,
        verifyOrRecall: async (text) => this.#holders.get(text) ?? null,
        holder: async (id) => [...this.#holders.values()].find((holder) => holder.id === id) ?? null,
        forget: () => undefined,
        create: unused,
        adopt: unused,
        endOperatorKey: unused,
        setOperatorKey: unused,
      },
      tokens: {
        issue: async (keyId) => {
          const token = `eyJ${randomBytes(9).toString('base64url')}.e30.x`;
          this.#tokens.set(token, keyId);
          return token;
        },
        verify: async (token) => this.#tokens.get(token) ?? null,
      },
      keyService: this.#service(),
      limiter: createRateLimiter(),
      uploads: new UploadSlots(64),
      inferences: new UploadSlots(2, 'requests are being inferred'),
      audit: { record: (entry) => void this.audit.push(entry), stop: async () => undefined },
    };
  }

  #service(): ApiKeyService {
    return {
      create: async (wanted, audit) => {
        const text = newApiKeyText();
        const key: ApiKeyView = {
          ...{ rate: null, createdBy: null },
          ...wanted,
          id: text.id,
          createdAt: new Date().toISOString(),
          lastUsedAt: null,
          revokedAt: null,
        } as ApiKeyView;
        this.views.push(key);
        this.#holders.set(formatApiKey(text), key);
        this.audit.push(audit(text.id));
        return { text: formatApiKey(text), key };
      },
      get: async (id) => this.views.find((view) => view.id === id) ?? null,
      list: async ({ before, limit }) => {
        const end =
          before === undefined ? this.views.length : this.views.findIndex(({ id }) => id === before);
        return this.views.slice(0, end).reverse().slice(0, limit);
      },
      revoke: async (id, audit) => {
        const index = this.views.findIndex((view) => view.id === id);
        if (index < 0) throw new LongshoreError('unknown-key', `there is no key "${id}"`);
        this.views[index] = { ...this.views[index]!, revokedAt: new Date().toISOString() };
        for (const [text, holder] of this.#holders) if (holder.id === id) this.#holders.delete(text);
        this.audit.push(audit);
      },
      audit: async ({ limit, before }) => {
        const older = this.audit.filter(({ id }) => before === undefined || id < before);
        return older.reverse().slice(0, limit);
      },
    };
  }
}

function assertUnused(): never {
  throw new Error('the API does not make keys through the key store');
}
