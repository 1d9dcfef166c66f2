import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type AuditLog, createAuditLog } from '../../src/audit/audit-log.ts';
import { insertAudit } from '../../src/audit/audit-rows.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { createApiKeyService } from '../../src/keys/key-service.ts';
import { createApiKeyStore } from '../../src/keys/key-store.ts';
import { parseApiKey } from '../../src/keys/key-text.ts';
import { createTokens } from '../../src/keys/tokens.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

const OPERATOR_KEY = 'a key that the operator chose';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API answers
  readonly body: any;
}

describe('keys, tokens and the audit log over HTTP', () => {
  let database: TestDatabase;
  let db: Database;
  let api: TestApi;
  let audit: AuditLog;
  before(async () => {
    database = await testDatabase();
    db = await openDatabase({ url: database.url });
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await db.query('truncate longshore.api_key, longshore.audit, longshore.token_key');
    const keys = createApiKeyStore(db);
    await keys.setOperatorKey(OPERATOR_KEY);
    audit = createAuditLog({ write: (entries) => insertAudit(db, entries), log: { warn, error: warn } });
    api = await startTestApi({
      keys,
      tokens: createTokens(db),
      keyService: createApiKeyService({ db, store: keys, operatorKeySet: true }),
      audit,
    });
  });
  afterEach(async () => {
    await audit.stop();
    await api[Symbol.asyncDispose]();
  });

  const warn = (error: unknown, message?: string) => assert.fail(`${message}: ${error}`);
  async function ask(path: string, init: RequestInit & { key?: string | null } = {}): Promise<Answer> {
    const answer = await api.call(path, { key: OPERATOR_KEY, ...init });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
  }
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, key = OPERATOR_KEY) =>
    ask(path, {
      ...{ method: 'POST', key, body: JSON.stringify(body) },
      headers: { 'content-type': 'application/json', ...headers },
    });
  async function create(change: object = {}): Promise<{ id: string; key: string }> {
    const made = await post('/v1/keys', { name: 'loader', scopes: ['write'], ...change });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
  }
  const revoke = (id: string, key = OPERATOR_KEY) => ask(`/v1/keys/${id}`, { method: 'DELETE', key });
  const tokenFor = (id: string, password: string) =>
    ask('/v1/tokens', {
      ...{ method: 'POST', key: null },
      headers: { authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}` },
    });
  const loadsWith = (token: string) =>
    ask('/v1/loads', { key: null, headers: { authorization: `Bearer ${token}` } });
  const entries = async (query = '') => {
    await audit.stop();
    return (await ask(`/v1/audit${query}`)).body.entries;
  };

  it('makes a key that works at once, and shows its text this once', async () => {
    const rate = { perSecond: 5, burst: 7 };
    const made = await post('/v1/keys', {
      name: 'nightly',
      scopes: ['write', 'write'],
      tables: ['jobs'],
      rate,
    });
    assert.equal(made.status, 201);
    const { key, ...shown } = made.body;
    assert.equal(made.headers.get('location'), `/v1/keys/${shown.id}`);
    assert.equal(made.headers.get('cache-control'), 'no-store');
    assert.deepEqual(
      { ...shown, createdAt: typeof shown.createdAt },
      {
        ...{ id: parseApiKey(key)!.id, name: 'nightly', scopes: ['write'], tables: ['jobs'], rate },
        ...{ createdAt: 'string', createdBy: 'operator', lastUsedAt: null, revokedAt: null },
      },
    );
    const used = await ask('/v1/loads', { key });
    assert.equal(used.status, 200);
    assert.equal(used.headers.get('ratelimit-policy'), '"default";q=7;w=2');
    assert.equal((await ask('/v1/loads?table=notes', { key })).status, 403);
    const seen = await ask(`/v1/keys/${shown.id}`);
    assert.deepEqual({ ...seen.body, lastUsedAt: null }, shown);
    assert.ok(!JSON.stringify((await ask('/v1/keys')).body).includes(parseApiKey(key)!.secret));
  });

  it('refuses keys that would be wrong, and says where', async () => {
    const good = { name: 'x', scopes: ['read'] };
    for (const [change, pointer] of [
      [{ tables: ['jobs', 'nothing'] }, '#/tables/1'],
      [{ tables: [] }, '#/tables'],
      [{ scopes: ['admin'], tables: ['jobs'] }, '#/tables'],
      [{ scopes: [] }, '#/scopes'],
      [{ scopes: ['root'] }, '#/scopes/0'],
      [{ name: '' }, '#/name'],
      [{ name: 'a\u0000b' }, '#/name'],
      [{ rate: { perSecond: 0, burst: 1 } }, '#/rate/perSecond'],
      [{ rate: { perSecond: 1 } }, '#/rate/burst'],
      [{ more: 1 }, '#/more'],
    ] as const) {
      const { status, body } = await post('/v1/keys', { ...good, ...change });
      assert.deepEqual([status, body.errors?.[0]?.pointer], [400, pointer], JSON.stringify(body));
    }
    assert.equal((await ask('/v1/keys', { method: 'POST', body: 'x' })).status, 415);
    assert.equal((await ask('/v1/keys')).body.keys.length, 1);
  });

  it('lets only admin keys at keys and the audit log', async () => {
    const { key, id } = await create({ scopes: ['read', 'write'] });
    for (const path of ['/v1/keys', `/v1/keys/${id}`, '/v1/audit']) {
      assert.equal((await ask(path, { key })).status, 403, path);
    }
    assert.equal((await post('/v1/keys', { name: 'x', scopes: ['admin'] }, {}, key)).status, 403);
    assert.equal((await revoke(id, key)).status, 403);
    assert.equal((await ask('/v1/loads', { key })).status, 200);
  });

  it('revokes a key at once, for good, and keeps it in the list', async () => {
    const { key, id } = await create();
    assert.equal((await ask('/v1/loads', { key })).status, 200);
    assert.equal((await revoke(id)).status, 204);
    const refused = await ask('/v1/loads', { key });
    assert.equal(refused.status, 401);
    assert.match(
      refused.headers.get('www-authenticate')!,
      /^Bearer realm="longshore", error="invalid_token"$/,
    );
    const { revokedAt } = (await ask(`/v1/keys/${id}`)).body;
    assert.equal((await revoke(id)).status, 204);
    assert.equal((await ask(`/v1/keys/${id}`)).body.revokedAt, revokedAt);
    assert.equal((await revoke('ffff')).body.code, 'unknown-key');
    assert.equal((await revoke('A%00')).status, 400);
  });

  it("keeps the operator's key and the last admin key", async () => {
    assert.deepEqual((await revoke('operator')).body.code, 'key-protected');
    await db.query('delete from longshore.api_key');
    const store = createApiKeyStore(db);
    const keyService = createApiKeyService({ db, store, operatorKeySet: false });
    const texts = await Promise.all(
      ['a', 'b', 'c'].map((name) => store.create({ name, scopes: ['admin'], tables: null })),
    );
    const entry = { ...{ keyId: 'k', keyName: 'k', action: 'key.revoke', target: null, table: null } };
    const ended = await Promise.allSettled(
      texts.map((text, n) =>
        keyService.revoke(parseApiKey(text)!.id, {
          ...{ ...entry, id: `0190163d-8694-7000-8000-00000000000${n}`, at: new Date().toISOString() },
          ...{ status: 204, requestId: 'r' },
        }),
      ),
    );
    const refused = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []));
    assert.deepEqual(refused, ['key-protected']);
    assert.equal((await db.query('select from longshore.api_key where revoked_at is null')).length, 1);
    // The refused one changed nothing, so there is no line of it. What HTTP refused above is written in its own time.
    assert.equal((await db.query(`select from longshore.audit where key_id = 'k'`)).length, 2);
  });

  it('lists keys page by page', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) made.unshift((await create()).id);
    const seen: string[] = [];
    let path: string | null = '/v1/keys?limit=2';
    while (path !== null) {
      const { body }: Answer = await ask(path);
      seen.push(...body.keys.map(({ id }: { id: string }) => id));
      path = body.next;
    }
    assert.deepEqual(seen, [...made, 'operator']);
  });

  it('gives a token for an ID and its secret, or the whole key', async () => {
    const { id, key } = await create({ scopes: ['write', 'read'] });
    for (const password of [parseApiKey(key)!.secret, key]) {
      const { status, headers, body } = await tokenFor(id, password);
      assert.equal(status, 200);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'scope']);
      assert.deepEqual([body.token_type, body.expires_in, body.scope], ['Bearer', 1800, 'write read']);
      assert.equal((await loadsWith(body.access_token)).status, 200);
    }
    const own = (await tokenFor('operator', OPERATOR_KEY)).body.access_token;
    const asAdmin = await ask('/v1/keys', { key: null, headers: { authorization: `Bearer ${own}` } });
    assert.equal(asAdmin.status, 200);
  });

  it('gives no token for anything else', async () => {
    const [one, other] = [await create(), await create()];
    for (const [id, password] of [
      [one.id, parseApiKey(other.key)!.secret],
      [one.id, other.key],
      [one.id, ''],
      ['', one.key],
      ['operator', one.key],
      [one.id, OPERATOR_KEY],
    ] as const) {
      const { status, headers } = await tokenFor(id, password);
      assert.equal(status, 401, id);
      assert.equal(headers.get('www-authenticate'), 'Basic realm="longshore", charset="UTF-8"');
    }
    for (const authorization of ['Basic', 'Basic !', 'Basic Og==', `Bearer ${one.key}`]) {
      const init = { method: 'POST', key: null, headers: { authorization } };
      assert.equal((await ask('/v1/tokens', init)).status, 401, authorization);
    }
    assert.ok(!api.log.join().includes(parseApiKey(other.key)!.secret));
    assert.ok(api.log.some((line) => line.includes('refused') && line.includes(one.id)));
  });

  it('ends tokens with their key, and lets them do no more than it may', async () => {
    const { id, key } = await create({ tables: ['jobs'] });
    const token = (await tokenFor(id, key)).body.access_token;
    const asToken = (path: string) => ask(path, { key: null, headers: { authorization: `Bearer ${token}` } });
    assert.equal((await asToken('/v1/loads?table=jobs')).status, 200);
    assert.equal((await asToken('/v1/loads?table=notes')).status, 403);
    assert.equal((await asToken('/v1/tables/jobs/rows')).status, 403);
    await revoke(id);
    assert.equal((await asToken('/v1/loads')).status, 401);
    assert.equal((await tokenFor(id, key)).status, 401);
  });

  it('records who did what, with which end, and nothing that only reads', async () => {
    const { id, key } = await create({ name: 'loader', tables: ['jobs'] });
    const csv = { method: 'POST', key, headers: { 'content-type': 'text/csv', 'x-request-id': 'mine-1' } };
    await ask('/v1/tables/jobs/loads', { ...csv, body: '1,Secret job\n' });
    await ask('/v1/tables/notes/loads', { ...csv, body: '1,x\n' });
    await ask('/v1/tables/%00/loads', { ...csv, body: '1,x\n' });
    await ask('/v1/loads/1/cancel', { method: 'POST', key });
    await ask('/v1/loads', { key });
    await ask('/v1/tables/jobs/loads', { ...csv, key: 'nobody', body: '1,x\n' });
    await tokenFor(id, key);
    await revoke(id);
    const all = await entries();
    const told = all.map((e: Record<string, unknown>) => [e.keyId, e.action, e.target, e.table, e.status]);
    assert.deepEqual(told, [
      ['operator', 'key.revoke', id, null, 204],
      [id, 'token.create', id, null, 200],
      [id, 'load.cancel', '1', 'jobs', 202],
      [id, 'load.start', null, null, 403],
      [id, 'load.start', null, 'notes', 403],
      [id, 'load.start', '1', 'jobs', 202],
      ['operator', 'key.create', id, null, 201],
    ]);
    assert.deepEqual([all[5].keyName, all[5].requestId], ['loader', 'mine-1']);
    assert.ok(!JSON.stringify(await db.query('select * from longshore.audit')).includes('Secret'));
    assert.ok(!JSON.stringify(all).includes(parseApiKey(key)!.secret));
  });

  it('finds entries by key, action, table and time, page by page', async () => {
    const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
    const made = Array.from({ length: 6 }, (_, n) => ({
      ...{ id: `0190163d-8694-7000-8000-00000000000${n}`, at: at(n), keyId: `k${n % 2}`, keyName: 'k' },
      ...{ action: n < 4 ? 'load.start' : 'load.cancel', target: String(n), table: n === 2 ? 'jobs' : null },
      ...{ status: 202, requestId: 'r' },
    }));
    await insertAudit(db, made);
    await insertAudit(db, made);
    const found = async (query: string) =>
      (await entries(query)).map(({ target }: { target: string }) => Number(target));
    assert.deepEqual(await found(''), [5, 4, 3, 2, 1, 0]);
    assert.deepEqual(await found('?key=k1'), [5, 3, 1]);
    assert.deepEqual(await found('?action=load.cancel'), [5, 4]);
    assert.deepEqual(await found('?table=jobs'), [2]);
    assert.deepEqual(await found(`?since=${at(1)}&until=2026-01-01T01:00:03%2B01:00`), [2, 1]);
    const first = (await ask('/v1/audit?limit=2&key=k0')).body;
    assert.equal(first.next, `/v1/audit?key=k0&limit=2&before=${made[2]!.id}`);
    assert.deepEqual((await ask(first.next)).body.entries[0].target, '0');
    assert.equal((await ask('/v1/audit?since=yesterday')).status, 400);
    const misspelt = await ask('/v1/audit?action=load.strat');
    assert.equal(misspelt.status, 400);
    assert.deepEqual(misspelt.body.errors[0].parameter, 'action');
    assert.match(misspelt.body.errors[0].detail, /expected one of .*"load\.start"/);
    assert.equal((await ask('/v1/audit?before=1')).status, 400);
  });
});
