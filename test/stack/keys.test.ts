import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import pg from 'pg';
import { ensureAdminKey } from '../../src/keys/ensure-admin-key.ts';
import { type ApiKeyStore, CACHE_MS, createApiKeyStore } from '../../src/keys/key-store.ts';
import { parseApiKey } from '../../src/keys/key-text.ts';
import { adminKeyPath } from '../../src/runtime/home.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { sqlOver } from '../support/sql.ts';

describe('keys', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let home: string;
  let nowMs: number;
  let asked: string[];
  /** Whether PostgreSQL answers. */
  let away: boolean;
  let keys: ApiKeyStore;

  before(async () => {
    database = await testDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 2 });
  });
  after(async () => {
    await pool.end();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async (t) => {
    await pool.query('truncate longshore.api_key');
    home = await mkdtemp(join(tmpdir(), 'longshore-keys-'));
    (t as unknown as { after(fn: () => Promise<void>): void }).after(() => rm(home, { recursive: true }));
    nowMs = Date.now();
    asked = [];
    away = false;
    keys = createApiKeyStore(
      sqlOver(async (text, values) => {
        if (away) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
        asked.push(text.trim().split(' ')[0]!);
        const { rows, rowCount } = await pool.query(text, [...values]);
        return { rows, changed: rowCount };
      }),
      { now: () => nowMs },
    );
  });

  const ensure = (adminKey?: string) => ensureAdminKey({ home, adminKey, store: keys });
  const stored = async () => (await pool.query('select * from longshore.api_key order by id')).rows;

  it('knows a key by its text, and nothing else by it', async () => {
    const text = await keys.create({ name: 'loader', scopes: ['write'], tables: ['jobs'] });
    assert.match(text, /^lsk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    const { id, secret } = parseApiKey(text)!;
    assert.deepEqual(await keys.verify(text), {
      ...{ id, name: 'loader', scopes: ['write'], tables: ['jobs'] },
      rate: null,
    });
    const flipped = secret.startsWith('A') ? `B${secret.slice(1)}` : `A${secret.slice(1)}`;
    for (const wrong of [
      '',
      'lsk',
      `lsk_${id}_`,
      `lsk_${id}_${flipped}`,
      `lsk_other_${secret}`,
      `${text} `,
      secret,
    ]) {
      assert.equal(await keys.verify(wrong), null, wrong);
    }
  });

  it('stores nothing that a key could be made from', async () => {
    const text = await keys.create({ name: 'loader', scopes: ['read'], tables: null });
    const row = (await stored())[0];
    assert.equal(row.secret_hash.length, 32);
    assert.ok(!JSON.stringify(row).includes(parseApiKey(text)!.secret));
  });

  it('believes a key for a short time only, so that revoking works soon', async () => {
    const text = await keys.create({ name: 'loader', scopes: ['read'], tables: null });
    await keys.verify(text);
    asked = [];
    assert.notEqual(await keys.verify(text), null);
    assert.deepEqual(asked, []);
    await pool.query('update longshore.api_key set revoked_at = now()');
    nowMs += CACHE_MS + 1;
    assert.equal(await keys.verify(text), null);
  });

  it('knows without the ledger who was confirmed lately, and nobody else', async () => {
    const make = () => keys.create({ name: 'scraper', scopes: ['read'], tables: null });
    const [scraper, idle, revoked, elsewhere, never] = await Promise.all(Array.from({ length: 5 }, make));
    const holder = await keys.verify(scraper!);
    for (const key of [idle, revoked, elsewhere]) await keys.verify(key!);
    const revoke = (key: string) =>
      pool.query('update longshore.api_key set revoked_at = now() where id = $1', [parseApiKey(key)!.id]);
    await revoke(revoked!);
    keys.forget(parseApiKey(revoked!)!.id);
    await revoke(elsewhere!);
    nowMs += CACHE_MS + 1;
    assert.equal(await keys.verifyOrRecall(elsewhere!), null);
    for (let minute = 0; minute <= 11; minute++) {
      assert.deepEqual(await keys.verifyOrRecall(scraper!), holder);
      nowMs += 60_000;
    }

    away = true;
    await assert.rejects(keys.verify(scraper!), { code: 'ECONNREFUSED' });
    nowMs += 24 * 3_600_000;
    assert.deepEqual(await keys.verifyOrRecall(scraper!), holder, 'however long the ledger is away');
    for (const other of [idle, revoked, elsewhere, never, `${scraper} `, 'a guess']) {
      await assert.rejects(keys.verifyOrRecall(other!), { code: 'ECONNREFUSED' });
    }
  });

  it('knows the configured admin key without the ledger, and not the one before', async () => {
    await ensure('the text of 16 chars before this');
    await ensure('any text of 16 chars or more');
    away = true;
    assert.deepEqual((await keys.verifyOrRecall('any text of 16 chars or more'))?.scopes, ['admin']);
    await assert.rejects(keys.verifyOrRecall('the text of 16 chars before this'));
    away = false;
    await ensure();
    away = true;
    await assert.rejects(keys.verifyOrRecall('any text of 16 chars or more'));
  });

  it('notes the last use at most once a minute', async () => {
    const text = await keys.create({ name: 'loader', scopes: ['read'], tables: null });
    const updates = () => asked.filter((verb) => verb === 'update').length;
    for (let second = 0; second < 59; second += 1) {
      await keys.verify(text);
      nowMs += 1000;
    }
    assert.equal(updates(), 1);
    nowMs += 2000;
    await keys.verify(text);
    assert.equal(updates(), 2);
    await pool.query('select 1');
    assert.ok((await stored())[0].last_used_at instanceof Date);
  });

  it('makes the first admin key once, in a file for its owner only', async () => {
    assert.equal((await ensure()).origin, 'made');
    const path = adminKeyPath(home);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const text = await readFile(path, 'utf8');
    assert.equal((await ensure()).origin, 'kept');
    assert.equal(await readFile(path, 'utf8'), text);
    assert.equal((await stored()).length, 1);
    assert.deepEqual((await keys.verify(text.trim()))?.scopes, ['admin']);
  });

  it('takes the key of the file up again when the database is new', async () => {
    await ensure();
    const text = (await readFile(adminKeyPath(home), 'utf8')).trim();
    await pool.query('truncate longshore.api_key');
    assert.equal((await ensure()).origin, 'kept');
    assert.notEqual(await keys.verify(text), null);
  });

  it('replaces a key file that is lost, damaged or revoked', async () => {
    const path = adminKeyPath(home);
    const works = async () => (await keys.verify((await readFile(path, 'utf8')).trim())) !== null;
    await ensure();
    await rm(path);
    assert.equal((await ensure()).origin, 'made');
    assert.ok(await works());
    await writeFile(path, 'garbage\n');
    assert.equal((await ensure()).origin, 'made');
    assert.ok(await works());
    await pool.query('update longshore.api_key set revoked_at = now()');
    nowMs += CACHE_MS + 1;
    assert.equal((await ensure()).origin, 'made');
    assert.ok(await works());
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it("takes the operator's key as it is, keeps it off the disk, and ends the one before", async () => {
    await mkdir(dirname(adminKeyPath(home)), { recursive: true });
    await chmod(home, 0o700);
    assert.deepEqual(await ensure('any text of 16 chars or more\n'), {
      origin: 'given',
      path: null,
      operatorEnded: false,
      besides: null,
    });
    await assert.rejects(readFile(adminKeyPath(home)), { code: 'ENOENT' });
    assert.deepEqual((await keys.verify('any text of 16 chars or more'))?.scopes, ['admin']);
    const looksLikeOurs = `lsk_abc_${'x'.repeat(43)}`;
    await ensure(looksLikeOurs);
    assert.notEqual(await keys.verify(looksLikeOurs), null);
    assert.equal(await keys.verify('any text of 16 chars or more'), null);
    assert.equal((await stored()).length, 1);
  });

  it("ends the operator's key at the first start without it, once there is another", async () => {
    const chosen = 'any text of 16 chars or more';
    await ensure(chosen);
    assert.notEqual(await keys.verify(chosen), null);
    assert.deepEqual(await ensure(), {
      ...{ origin: 'made', path: adminKeyPath(home), operatorEnded: true, besides: null },
    });
    assert.equal(await keys.verify(chosen), null);
    assert.notEqual(await keys.verify((await readFile(adminKeyPath(home), 'utf8')).trim()), null);
    assert.equal((await ensure()).operatorEnded, false);
    // Set again, the same text is good again. The file's key stays good, until somebody revokes it.
    const [, inFile] = (await readFile(adminKeyPath(home), 'utf8')).split('_');
    assert.equal((await ensure(chosen)).besides, inFile);
    await pool.query('update longshore.api_key set revoked_at = now() where id = $1', [inFile]);
    keys.forget(inFile!);
    assert.equal((await ensure(chosen)).besides, null);
    assert.notEqual(await keys.verify(chosen), null);
  });
});
