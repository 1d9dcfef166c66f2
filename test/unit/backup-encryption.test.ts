import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { type BackupKey, type BackupKeys, NO_KEYS, readBackupKeys } from '../../src/backups/backup-keys.ts';
import { decryptPart, encryptPart, partAad } from '../../src/backups/encryption.ts';
import { SEGMENT_BYTES, TAG_BYTES } from '../../src/backups/segments.ts';
import { readConfig } from '../../src/config.ts';
import { LongshoreError } from '../../src/errors.ts';
import { drain, piecesOf } from '../support/copy-tuples.ts';

const HEADER_BYTES = 50;
const SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES;
const aad = partAad('b1', 'hires-1.avro.enc');

const keysOf = async (env: Record<string, string>): Promise<BackupKeys> => readBackupKeys(readConfig(env));
const keysOfText = (text: string) => keysOf({ LONGSHORE_BACKUP_KEY: text });
const keyOf = async (text: string): Promise<BackupKey> => (await keysOfText(text)).current!;
const keys = await keysOfText('00'.repeat(32));
const key = keys.current!;
const encrypt = async (plain: Buffer) => (await drain(encryptPart(piecesOf(plain), key, aad))).bytes;
const decrypt = async (sealed: Buffer, by: BackupKeys = keys, of = aad, cuts?: readonly number[]) =>
  (await drain(decryptPart(piecesOf(sealed, cuts), by, of))).bytes;

const fails = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LongshoreError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};
const isDamaged = fails('backup-damaged', /at byte \d+ of the file/);

describe('An encrypted part', () => {
  const lengths = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES, 700_001];
  for (const length of lengths) {
    test(`gives ${length} bytes back, whatever the pieces`, async () => {
      const plain = randomBytes(length);
      const sealed = await encrypt(plain);
      const segments = Math.max(1, Math.ceil(length / SEGMENT_BYTES));
      assert.equal(sealed.length, HEADER_BYTES + length + segments * TAG_BYTES);
      assert.ok((await decrypt(sealed, keys, aad, [7, 100_000, 1])).equals(plain));
    });
  }

  test('shows nothing of its content, and is another each time', async () => {
    const plain = Buffer.alloc(1000, 'secret ');
    const [one, two] = [await encrypt(plain), await encrypt(plain)];
    assert.equal(one.includes('secret'), false);
    assert.notDeepEqual(one.subarray(HEADER_BYTES), two.subarray(HEADER_BYTES));
  });

  test('detects a flipped bit anywhere', async () => {
    const sealed = await encrypt(randomBytes(SEGMENT_BYTES + 500));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat(HEADER_BYTES - 1), fc.nat(sealed.length - 1)),
        fc.nat(7),
        async (at, bit) => {
          const flipped = Buffer.from(sealed);
          flipped[at]! ^= 1 << bit;
          await assert.rejects(decrypt(flipped), isDamaged);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('detects truncation at every place', async () => {
    const sealed = await encrypt(randomBytes(2 * SEGMENT_BYTES));
    const ends = [0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + SEALED_BYTES, sealed.length - 1];
    for (const end of ends) await assert.rejects(decrypt(sealed.subarray(0, end)), isDamaged, String(end));
    await assert.rejects(decrypt(Buffer.concat([sealed, Buffer.of(0)])), isDamaged);
  });

  test('detects segments that were swapped, repeated or left out', async () => {
    const sealed = await encrypt(randomBytes(3 * SEGMENT_BYTES));
    const header = sealed.subarray(0, HEADER_BYTES);
    const segment = (no: number) =>
      sealed.subarray(HEADER_BYTES + no * SEALED_BYTES, HEADER_BYTES + (no + 1) * SEALED_BYTES);
    for (const order of [
      [1, 0, 2],
      [0, 0, 1, 2],
      [0, 2],
      [1, 2],
      [0, 1],
    ]) {
      await assert.rejects(decrypt(Buffer.concat([header, ...order.map(segment)])), isDamaged, String(order));
    }
  });

  test('gives out nothing of a segment whose tag does not agree', async () => {
    const sealed = await encrypt(randomBytes(SEGMENT_BYTES + 10));
    sealed[sealed.length - TAG_BYTES - 1]! ^= 1;
    let released = 0;
    await assert.rejects(async () => {
      for await (const piece of decryptPart(piecesOf(sealed), keys, aad)) released += piece.length;
    }, isDamaged);
    assert.equal(released, SEGMENT_BYTES);
  });

  test("can't take another part's place", async () => {
    const sealed = await encrypt(Buffer.from('rows'));
    for (const other of [partAad('b2', 'hires-1.avro.enc'), partAad('b1', 'hires-2.avro.enc')]) {
      await assert.rejects(decrypt(sealed, keys, other), isDamaged);
    }
  });

  test('names the key that it needs, and those that are here', async () => {
    const sealed = await encrypt(Buffer.from('rows'));
    const others = await keysOf({
      LONGSHORE_BACKUP_KEY: '11'.repeat(32),
      LONGSHORE_BACKUP_KEYS_OLD: '22'.repeat(32),
    });
    const ids = [...others.byId.keys()].join(', ');
    await assert.rejects(
      decrypt(sealed, others),
      fails('backup-key-missing', new RegExp(`needs the key ${key.id}; the keys here are ${ids}`)),
    );
    await assert.rejects(decrypt(sealed, NO_KEYS), fails('backup-key-missing', /there is no key here/));
  });

  test('is read with an old key when another one is the current', async () => {
    const sealed = await encrypt(Buffer.from('rows'));
    const rotated = await keysOf({
      LONGSHORE_BACKUP_KEY: '11'.repeat(32),
      LONGSHORE_BACKUP_KEYS_OLD: `${'22'.repeat(32)}, ${'00'.repeat(32)}`,
    });
    assert.equal((await decrypt(sealed, rotated)).toString(), 'rows');
  });
});

describe('The backup key', async () => {
  const bytes = randomBytes(32);
  const folder = await mkdtemp(join(tmpdir(), 'longshore-key-'));
  after(() => rm(folder, { recursive: true, force: true }));
  const fileOf = async (content: string | Buffer) => {
    const file = join(folder, randomBytes(8).toString('hex'));
    await writeFile(file, content);
    return file;
  };

  test('is read from hex, base64 or a file of either or of the bytes, and is not shown', async () => {
    const texts = [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
    const found = await Promise.all(texts.map(keyOf));
    for (const content of [bytes, `${texts[0]}\n`, `${texts[1]}\n`]) {
      const file = await fileOf(content);
      found.push((await keysOf({ LONGSHORE_BACKUP_KEY_FILE: file })).current!);
      const { byId, current } = await keysOf({ LONGSHORE_BACKUP_KEYS_OLD_FILE: file });
      assert.equal(current, null);
      found.push(...byId.values());
    }
    assert.equal(found.length, 9);
    assert.equal(new Set(found.map(({ id }) => id)).size, 1);
    for (const one of found) assert.ok(one.secret.export().equals(bytes));
    const shown = inspect(found, { depth: 9 });
    for (const text of texts) assert.equal(shown.includes(text), false);
    assert.deepEqual(await keysOf({}), NO_KEYS);
  });

  test('is one of many, of which old ones are listed with commas, spaces or a line each', async () => {
    const old = ['22', '33', '44'].map((digits) => digits.repeat(32));
    const file = await fileOf(`${old[0]}\n\n${Buffer.from(old[1]!, 'hex').toString('base64')}\n${old[2]}\n`);
    const env = { LONGSHORE_BACKUP_KEY: bytes.toString('hex') };
    const listed = await keysOf({ ...env, LONGSHORE_BACKUP_KEYS_OLD: `${old[0]},${old[1]} ${old[2]}` });
    const filed = await keysOf({ ...env, LONGSHORE_BACKUP_KEYS_OLD_FILE: file });
    const ids = await Promise.all(
      [env.LONGSHORE_BACKUP_KEY, ...old].map(async (text) => (await keyOf(text)).id),
    );
    for (const { byId, current } of [listed, filed]) {
      assert.deepEqual([...byId.keys()], ids);
      assert.equal(current?.id, ids[0]);
    }
  });

  test('is refused in any other form, without being shown', async () => {
    const wrong = ['tooshort', 'g'.repeat(64), `${'0'.repeat(64)}0`, bytes.toString('base64').slice(0, 40)];
    for (const text of wrong) {
      for (const name of ['LONGSHORE_BACKUP_KEY', 'LONGSHORE_BACKUP_KEYS_OLD']) {
        const file = await fileOf(text);
        for (const env of [{ [name]: text }, { [`${name}_FILE`]: file }]) {
          await assert.rejects(keysOf(env), (error) => {
            assert.equal((error as Error).message.includes(text), false);
            return fails('config-invalid', new RegExp(`${name}.*: expected 32 bytes`))(error);
          });
        }
      }
    }
    const several = `${'0'.repeat(64)} tooshort`;
    await assert.rejects(
      keysOf({ LONGSHORE_BACKUP_KEYS_OLD: several }),
      fails('config-invalid', /LONGSHORE_BACKUP_KEYS_OLD: key 2 of 2: expected/),
    );
    await assert.rejects(
      keysOf({ LONGSHORE_BACKUP_KEY_FILE: '/nowhere/key' }),
      fails('config-invalid', /^LONGSHORE_BACKUP_KEY_FILE: \/nowhere\/key can not be read \(ENOENT\)$/),
    );
  });
});
