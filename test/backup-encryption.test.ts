import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import {
  type BackupKey,
  decryptPart,
  encryptPart,
  partAad,
  readBackupKey,
} from '../src/backups/encryption.ts';
import { SEGMENT_BYTES, TAG_BYTES } from '../src/backups/segments.ts';
import { LongshoreError } from '../src/errors.ts';
import { drain, piecesOf } from './support/copy-tuples.ts';

const HEADER_BYTES = 50;
const SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES;
const aad = partAad('b1', 'hires-1.avro.enc');

const keyOf = async (text: string): Promise<BackupKey> => (await readBackupKey({ backupKey: { text } }))!;
const key = await keyOf('00'.repeat(32));
const encrypt = async (plain: Buffer) => (await drain(encryptPart(piecesOf(plain), key, aad))).bytes;
const decrypt = async (sealed: Buffer, by: BackupKey | null = key, of = aad, cuts?: readonly number[]) =>
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
      assert.ok((await decrypt(sealed, key, aad, [7, 100_000, 1])).equals(plain));
    });
  }

  test('shows nothing of its content, and is another each time', async () => {
    const plain = Buffer.alloc(1000, 'secret ');
    const [one, two] = [await encrypt(plain), await encrypt(plain)];
    assert.equal(one.includes('secret'), false);
    assert.notDeepEqual(one.subarray(HEADER_BYTES), two.subarray(HEADER_BYTES));
  });

  test('tells a flipped bit anywhere', async () => {
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

  test('tells that it was cut off, at every place', async () => {
    const sealed = await encrypt(randomBytes(2 * SEGMENT_BYTES));
    const ends = [0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + SEALED_BYTES, sealed.length - 1];
    for (const end of ends) await assert.rejects(decrypt(sealed.subarray(0, end)), isDamaged, String(end));
    await assert.rejects(decrypt(Buffer.concat([sealed, Buffer.of(0)])), isDamaged);
  });

  test('tells segments that were swapped, repeated or left out', async () => {
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
      for await (const piece of decryptPart(piecesOf(sealed), key, aad)) released += piece.length;
    }, isDamaged);
    assert.equal(released, SEGMENT_BYTES);
  });

  test("can't take another part's place", async () => {
    const sealed = await encrypt(Buffer.from('rows'));
    for (const other of [partAad('b2', 'hires-1.avro.enc'), partAad('b1', 'hires-2.avro.enc')]) {
      await assert.rejects(decrypt(sealed, key, other), isDamaged);
    }
  });

  test('names the key that it needs', async () => {
    const sealed = await encrypt(Buffer.from('rows'));
    const other = await keyOf('11'.repeat(32));
    await assert.rejects(
      decrypt(sealed, other),
      fails('backup-key-missing', new RegExp(`with the key ${key.id}; the key here is ${other.id}`)),
    );
    await assert.rejects(decrypt(sealed, null), fails('backup-key-missing', /there is no key here/));
  });
});

describe('The backup key', () => {
  const bytes = randomBytes(32);

  test('is read from hex, base64 or a file of either or of the bytes, and is not shown', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-key-'));
    try {
      const texts = [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
      const keys = await Promise.all(texts.map(keyOf));
      for (const content of [bytes, `${texts[0]}\n`, `${texts[1]}\n`]) {
        const file = join(folder, 'key');
        await writeFile(file, content);
        keys.push((await readBackupKey({ backupKey: { file } }))!);
      }
      assert.equal(new Set(keys.map(({ id }) => id)).size, 1);
      for (const one of keys) assert.ok(one.secret.export().equals(bytes));
      const shown = inspect(keys, { depth: 9 });
      for (const text of texts) assert.equal(shown.includes(text), false);
      assert.equal(await readBackupKey({ backupKey: undefined }), null);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('is refused in any other form, without being shown', async () => {
    for (const text of [
      '',
      'tooshort',
      '0g'.repeat(32),
      '00'.repeat(31),
      randomBytes(33).toString('base64'),
    ]) {
      await assert.rejects(readBackupKey({ backupKey: { text } }), (error) => {
        assert.ok(text === '' || !String(error).includes(text));
        return fails('config-invalid', /LONGSHORE_BACKUP_KEY: expected 32 bytes/)(error);
      });
    }
    const file = join(tmpdir(), 'longshore-no-such-key');
    await assert.rejects(
      readBackupKey({ backupKey: { file } }),
      fails('config-invalid', /KEY_FILE: .*ENOENT/),
    );
  });
});
