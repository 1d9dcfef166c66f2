import assert from 'node:assert/strict';
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Manifest } from '../../src/backups/backup.ts';
import { type BackupKeys, NO_KEYS, readBackupKeys } from '../../src/backups/backup-keys.ts';
import { CLOCK_SKEW_MS, judgeManifest } from '../../src/backups/judge-manifest.ts';
import { checkMac, encodeManifest } from '../../src/backups/manifest-mac.ts';
import { readConfig } from '../../src/config.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';

const ID = '20261121T112233Z-3f9a2c';
const NOW = Date.parse('2026-11-21T12:00:00.000Z');
const keysOf = (env: Record<string, string>): Promise<BackupKeys> => readBackupKeys(readConfig(env));
const TEXT = randomBytes(32).toString('hex');
const keys = await keysOf({ LONGSHORE_BACKUP_KEY: TEXT });
const other = await keysOf({ LONGSHORE_BACKUP_KEY: randomBytes(32).toString('hex') });

const dictionary = parseDictionary({
  name: 'one',
  resources: [{ name: 'jobs', schema: { fields: [{ name: 'id', type: 'integer' }], primaryKey: ['id'] } }],
});
const part = { name: 'jobs-0.aa.avro', rows: 2, bytes: 10, sha256: 'a'.repeat(64), checksum: '0'.repeat(15) };
const manifest = (change: Partial<Manifest> = {}): Manifest => ({
  format: 1,
  id: ID,
  origin: '6f3b1c52-8a54-4a54-9a54-0a54f3b1c528',
  purpose: 'manual',
  scheduleId: null,
  snapshotAt: '2026-11-21T11:22:33.000Z',
  dictionary: { name: 'one', version: '1' },
  codec: 'null',
  encryption: null,
  lastGroupId: null,
  tables: [
    {
      table: 'jobs',
      definition: dictionary.tables[0]!,
      rows: 2,
      checksum: `${'0'.repeat(15)}7`,
      lastLoadId: 1,
      parts: [{ ...part, checksum: `${part.checksum}7` }],
    },
  ],
  ...change,
});
const fileOf = (bytes: Buffer, id = ID) => ({
  id,
  bytes,
  sidecar: createHash('sha256').update(bytes).digest('hex'),
});
const reasonsOf = (bytes: Buffer, by = keys, id = ID) =>
  judgeManifest(fileOf(bytes, id), by, NOW).doubts.map(({ reason }) => reason);
const plain = (of: object) => Buffer.from(`${JSON.stringify(of, null, 1)}\n`);

describe('a manifest with a MAC', () => {
  const bytes = encodeManifest(manifest(), keys.current);

  it('is one that anybody with the key can check, by what docs/backups.md says of it', () => {
    const { mac } = JSON.parse(bytes.toString()) as Manifest;
    assert.equal(mac?.keyId, keys.current?.id);
    const key = hkdfSync('sha256', Buffer.from(TEXT, 'hex'), '', 'longshore backup manifest', 32);
    const before = bytes.subarray(0, bytes.indexOf(mac!.value));
    assert.equal(mac?.value, createHmac('sha256', Buffer.from(key)).update(before).digest('hex'));
  });

  it('is believed with its key, as an old one too, and with no other', async () => {
    assert.deepEqual(reasonsOf(bytes), []);
    const env = { LONGSHORE_BACKUP_KEY: '0'.repeat(64), LONGSHORE_BACKUP_KEYS_OLD: TEXT };
    assert.deepEqual(reasonsOf(bytes, await keysOf(env)), []);
    assert.deepEqual(reasonsOf(bytes, other), ['key-unknown']);
    assert.deepEqual(reasonsOf(bytes, NO_KEYS), ['no-key']);
  });

  it('is not believed when a byte of it is another, wherever, nor when one is missing or more', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(bytes.length - 1), fc.integer({ min: bytes.length - 220, max: bytes.length - 1 })),
        fc.integer({ min: 1, max: 255 }),
        (at, change) => {
          const changed = Buffer.from(bytes);
          changed[at]! ^= change;
          assert.notEqual(checkMac(changed, keys).state, 'good');
          assert.notDeepEqual(reasonsOf(changed), []);
          assert.notEqual(checkMac(bytes.subarray(0, at), keys).state, 'good');
          const longer = Buffer.concat([bytes.subarray(0, at), Buffer.of(change), bytes.subarray(at)]);
          assert.notEqual(checkMac(longer, keys).state, 'good');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not believed in another form, or with the MAC of another manifest', () => {
    const parsed = JSON.parse(bytes.toString()) as Manifest;
    assert.deepEqual(reasonsOf(Buffer.from(JSON.stringify(parsed))), ['mac-wrong']);
    assert.deepEqual(reasonsOf(plain({ ...parsed, lastGroupId: 7 })), ['mac-wrong']);
    const newer = JSON.parse(
      encodeManifest(manifest({ lastGroupId: 7 }), keys.current).toString(),
    ) as Manifest;
    assert.deepEqual(reasonsOf(plain({ ...parsed, mac: newer.mac })), ['mac-wrong']);
    const { mac: _, ...bare } = parsed;
    assert.deepEqual(reasonsOf(plain(bare)), ['mac-missing']);
    assert.deepEqual(reasonsOf(encodeManifest(manifest(), other.current)), ['key-unknown']);
  });

  it('is not believed under another ID, or of the future, but for the difference of clocks', () => {
    assert.deepEqual(reasonsOf(bytes, keys, '20261121T112233Z-000000'), ['moved']);
    const at = (ms: number) =>
      reasonsOf(encodeManifest(manifest({ snapshotAt: new Date(NOW + ms).toISOString() }), keys.current));
    assert.deepEqual([at(CLOCK_SKEW_MS), at(CLOCK_SKEW_MS + 1000)], [[], ['future-dated']]);
    assert.deepEqual(at(365 * 86_400_000), ['future-dated']);
  });
});

describe('a manifest that somebody wrote', () => {
  const [table] = manifest().tables;
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['without a byte', Buffer.alloc(0), 'emptied'],
    ['without a table', plain(manifest({ tables: [] })), 'emptied'],
    ['without a part', plain(manifest({ tables: [{ ...table!, rows: 0, parts: [] }] })), 'emptied'],
    ['that is no JSON', Buffer.from('{"format": 1'), 'unreadable'],
    ['that is deep', Buffer.from('['.repeat(500_000)), 'unreadable'],
    [
      'whose rows are not those of its parts',
      plain(manifest({ tables: [{ ...table!, rows: 3 }] })),
      'unreadable',
    ],
    [
      'that leads out of its folder',
      plain(manifest({ tables: [{ ...table!, parts: [{ ...table!.parts[0]!, name: '../../inbox/x' }] }] })),
      'unreadable',
    ],
    [
      'of a table with a type that is none',
      plain(
        manifest({
          tables: [
            {
              ...table!,
              definition: { ...table!.definition, fields: [{ name: 'id', type: 'text; drop' } as never] },
            },
          ],
        }),
      ),
      'unreadable',
    ],
    ['of a year that is none', plain(manifest({ snapshotAt: '0000-01-01T00:00:00.000Z' })), 'unreadable'],
    ['with a NUL in a name', plain(manifest({ dictionary: { name: 'a\0b', version: '1' } })), 'unreadable'],
    [
      'with half a character',
      plain(manifest({ dictionary: { name: '\ud800', version: '1' } })),
      'unreadable',
    ],
  ];
  for (const [how, bytes, reason] of cases) {
    it(`${how} is reported as ${reason}, with a key and without`, () => {
      assert.ok(reasonsOf(bytes).includes(reason as never), String(reasonsOf(bytes)));
      assert.ok(reasonsOf(bytes, NO_KEYS).includes(reason as never));
    });
  }
});
