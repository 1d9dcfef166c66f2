import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type CryptoKey, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { createSigningKeys, dropOldSigningKeys, PERIOD_MS } from '../../src/keys/signing-keys.ts';
import { createTokens, looksLikeToken, TOKEN_SECONDS, type Tokens } from '../../src/keys/tokens.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { sqlOver } from '../support/sql.ts';

const MINUTE = 60_000;

describe('tokens', () => {
  let database: TestDatabase;
  let db: Database;
  let nowMs: number;
  let tokens: Tokens;

  before(async () => {
    database = await testDatabase();
    db = await openDatabase({ url: database.url });
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await db.query('truncate longshore.token_key');
    nowMs = Math.floor(Date.now() / PERIOD_MS) * PERIOD_MS + 60 * MINUTE;
    tokens = another();
  });

  /** What another process has. */
  const another = () => createTokens(db, () => nowMs);
  const signingKey = async () =>
    (
      await db.query<{ id: string; secret: Buffer }>(
        'select id, secret from longshore.token_key order by period',
      )
    )
      .map((row) => ({ id: row.id, secret: new Uint8Array(row.secret) }))
      .at(-1)!;

  interface Forged {
    readonly alg?: string;
    readonly kid?: string;
    readonly typ?: string;
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly secret?: Uint8Array | CryptoKey;
  }
  /** A token as we make them, but for what is changed; an undefined claim is left out. */
  async function forge({ alg = 'HS256', kid, typ = 'at+jwt', claims = {}, secret }: Forged): Promise<string> {
    const key = await signingKey();
    const seconds = Math.floor(nowMs / 1000);
    const own = { iss: 'longshore', aud: 'longshore-api', sub: 'k1', jti: 'j1', client_id: 'k1' };
    const all = { ...own, iat: seconds, exp: seconds + TOKEN_SECONDS, ...claims };
    return new SignJWT(all).setProtectedHeader({ alg, typ, kid: kid ?? key.id }).sign(secret ?? key.secret);
  }

  it('stand for their key for half an hour, in every process', async () => {
    const token = await tokens.issue('k1');
    assert.ok(looksLikeToken(token));
    assert.equal(await tokens.verify(token), 'k1');
    assert.equal(await another().verify(token), 'k1');
    nowMs += TOKEN_SECONDS * 1000 - 1000;
    assert.equal(await tokens.verify(token), 'k1');
    nowMs += 10_000;
    assert.equal(await tokens.verify(token), null);
    assert.equal(await another().verify(token), null);
  });

  it('end in time also where they were believed a moment before', async () => {
    const token = await tokens.issue('k1');
    nowMs += TOKEN_SECONDS * 1000 - 1;
    assert.equal(await tokens.verify(token), 'k1');
    nowMs += 6_001;
    assert.equal(await tokens.verify(token), null);
  });

  it('are not to be forged', async () => {
    const good = await tokens.issue('k1');
    // So that what follows fails for its own reason only.
    assert.equal(await tokens.verify(await forge({})), 'k1');

    const { privateKey } = await generateKeyPair('RS256');
    const [header, payload, signature] = good.split('.') as [string, string, string];
    const other = Buffer.from(payload, 'base64url').toString().replace('"sub":"k1"', '"sub":"k2"');
    const seconds = Math.floor(nowMs / 1000);
    const forged: Record<string, string> = {
      'alg none': new UnsecuredJWT({ sub: 'k1' }).setIssuer('longshore').encode(),
      'no signature': `${header}.${payload}.`,
      'another payload': `${header}.${Buffer.from(other).toString('base64url')}.${signature}`,
      'a changed signature': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      'another secret': await forge({ secret: new Uint8Array(32) }),
      'another hash': await forge({ alg: 'HS512', secret: new Uint8Array(64) }),
      'the right secret with another hash': await forge({ alg: 'HS384', secret: await stretched() }),
      'a public-key algorithm': await forge({ alg: 'RS256', secret: privateKey }),
      'an unknown kid': await forge({ kid: 'unknown' }),
      'an empty kid': await forge({ kid: '' }),
      'a kid of SQL': await forge({ kid: "' or true --" }),
      'another audience': await forge({ claims: { aud: 'elsewhere' } }),
      'another issuer': await forge({ claims: { iss: 'elsewhere' } }),
      'another type': await forge({ typ: 'JWT' }),
      'an end in the past': await forge({ claims: { iat: seconds - 100, exp: seconds - 10 } }),
      'a long life': await forge({ claims: { iat: seconds - TOKEN_SECONDS - 10, exp: seconds + 999_999 } }),
      'a birth in the future': await forge({ claims: { iat: seconds + 600, exp: seconds + 900 } }),
      'a start in the future': await forge({ claims: { nbf: seconds + 600 } }),
      'no end': await forge({ claims: { exp: undefined } }),
      'no subject': await forge({ claims: { sub: undefined } }),
      'no ID': await forge({ claims: { jti: undefined } }),
      'a huge token': `${good}${'A'.repeat(10_000)}`,
      nothing: '..',
    };
    for (const [what, token] of Object.entries(forged)) assert.equal(await tokens.verify(token), null, what);
    assert.equal(await tokens.verify(good), 'k1');
  });

  async function stretched(): Promise<Uint8Array> {
    const { secret } = await signingKey();
    return new Uint8Array([...secret, ...new Uint8Array(16)]);
  }

  it('are signed by a new key every day, and the old one verifies until its last token has ended', async () => {
    nowMs += PERIOD_MS - 70 * MINUTE;
    const late = await tokens.issue('k1');
    const old = await signingKey();
    nowMs += 20 * MINUTE;
    const next = await tokens.issue('k1');
    assert.notEqual((await signingKey()).id, old.id);
    for (const process of [tokens, another()]) {
      assert.equal(await process.verify(late), 'k1');
      assert.equal(await process.verify(next), 'k1');
    }
    nowMs += 60 * MINUTE;
    const stolen = await forge({ kid: old.id, secret: old.secret });
    for (const process of [tokens, another()]) assert.equal(await process.verify(stolen), null);
  });

  it('all have one signing key when many processes make the first of the day at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => another().issue('k1')));
    assert.equal((await db.query('select from longshore.token_key')).length, 1);
    for (const token of made) assert.equal(await tokens.verify(token), 'k1');
  });

  it('end with their signing key when that is deleted', async () => {
    const token = await tokens.issue('k1');
    assert.equal(await tokens.verify(token), 'k1');
    await db.query('delete from longshore.token_key');
    nowMs += 61_000;
    assert.equal(await tokens.verify(token), null);
    assert.equal(await tokens.verify(await tokens.issue('k1')), 'k1');
  });

  it('leave no old signing keys behind', async () => {
    const realDay = Math.floor(Date.now() / PERIOD_MS);
    for (const day of [realDay - 3, realDay - 2, realDay - 1, realDay]) {
      nowMs = day * PERIOD_MS + MINUTE;
      await tokens.issue('k1');
    }
    await dropOldSigningKeys(db);
    const left = await db.query<{ period: number }>('select period from longshore.token_key order by 1');
    assert.deepEqual(
      left.map(({ period }) => period),
      [realDay - 1, realDay],
    );
  });

  it('tokens with unknown signing keys query the database at most once a second', async () => {
    let asked = 0;
    const counting = sqlOver(async (text, values) => {
      asked += 1;
      const { rows, rowCount } = await db.run(text, values, {});
      return { rows, changed: rowCount };
    });
    const keys = createSigningKeys(counting, { now: () => nowMs, tokenMs: MINUTE });
    for (let n = 0; n < 100; n += 1) assert.equal(await keys.find(`unknown ${n}`), null);
    assert.equal(asked, 1);
    nowMs += 1001;
    await keys.find('unknown');
    assert.equal(asked, 2);
  });
});
