import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decodeAvro } from '../../src/avro/decode.ts';
import type { BackupView, Manifest } from '../../src/backups/backup.ts';
import { BACKUP_ID } from '../../src/backups/backup-id.ts';
import { NO_KEYS, readBackupKeys } from '../../src/backups/backup-keys.ts';
import { decryptPart, partAad } from '../../src/backups/encryption.ts';
import { judgeManifest } from '../../src/backups/judge-manifest.ts';
import { manifestDoubt, readManifestFile } from '../../src/backups/manifest.ts';
import { reviewBackups } from '../../src/backups/review-backups.ts';
import { checkFiles } from '../../src/backups/verify-files.ts';
import { readConfig } from '../../src/config.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { eventually } from '../support/eventually.ts';
import { s3Fault, testS3 } from '../support/s3.ts';
import { smallDisk, smallDiskFault } from '../support/small-disk.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const MB = 1e6;
const jobs = (count: number) =>
  Array.from({ length: count }, (_, i) => `${i},Job ${i} ${i * 7919}\n`).join('');

async function backUp({ post }: TestStack, body: object = {}): Promise<BackupView> {
  const answer = await post('/v1/backups', { tables: ['jobs'], ...body }, { prefer: 'wait=50' });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as unknown as BackupView;
}

async function download({ url, key }: TestStack, id: string, name: string): Promise<Buffer> {
  const response = await fetch(`${url}/v1/backups/${id}/files/${name}`, { headers: { 'x-api-key': key } });
  assert.equal(response.status, 200);
  return Buffer.from(await response.arrayBuffer());
}

async function judged(storage: Storage, id: string) {
  return judgeManifest((await readManifestFile(storage, id))!, NO_KEYS, Date.now());
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe('a backup that is encrypted', async () => {
  const text = randomBytes(32).toString('hex');
  const stack = await testStack({ after }, undefined, { env: { LONGSHORE_BACKUP_KEY: text } });

  it('holds nothing that can be read without the key, and all of it with the key', async () => {
    await stack.load('jobs', jobs(1000));
    const view = await backUp(stack);
    assert.equal(view.encrypted, true);
    const manifest = JSON.parse((await download(stack, view.id, 'manifest.json')).toString()) as Manifest;
    const keys = await readBackupKeys(readConfig({ LONGSHORE_BACKUP_KEY: text }));
    assert.equal(manifest.encryption?.keyId, keys.current?.id);
    assert.equal(view.keyId, keys.current?.id);
    const { parts, definition, rows, checksum } = manifest.tables[0]!;
    assert.match(parts[0]!.name, /\.avro\.enc$/);
    const bytes = await download(stack, view.id, parts[0]!.name);
    assert.ok(!bytes.includes('Job 999') && !bytes.includes('avro.schema'));
    const plain = decryptPart(one(bytes), keys, partAad(view.id, parts[0]!.name));
    const decoded = decodeAvro(plain, { table: definition });
    let step = await decoded.next();
    while (!step.done) step = await decoded.next();
    assert.deepEqual(step.value, { rows, checksum });
  });

  it('is plain on request', async () => {
    const view = await backUp(stack, { encrypt: false });
    const bytes = await download(stack, view.id, view.tables[0]!.parts[0]!.name);
    assert.ok(bytes.includes('avro.schema'));
  });
});

describe('the files of a backup', async () => {
  const stack = await testStack({ after });
  const storage = await openStorage(`file:${stack.home}/storage`);
  await stack.load('jobs', jobs(1000));
  await stack.load('departments', '1,One\n');
  const folder = (id: string) => join(stack.home, 'storage', 'backups', id);
  const faultsOf = async (id: string) => {
    const { manifest } = await judged(storage, id);
    const faults: string[] = [];
    for await (const { table, fault } of checkFiles(storage, manifest!)) faults.push(`${table}: ${fault}`);
    return faults;
  };

  it('are checked one by one, and each fault is named', async () => {
    const { id, tables } = await backUp(stack, { tables: ['jobs', 'departments'] });
    assert.deepEqual(await faultsOf(id), []);
    const part = (table: string) => tables.find((t) => t.table === table)!.parts[0]!;
    const file = join(folder(id), part('jobs').name);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    const [flipped] = await faultsOf(id);
    assert.match(
      flipped ?? '',
      new RegExp(`^jobs: the SHA-256 of the file is .*should be ${part('jobs').sha256}`),
    );
    truncateSync(file, bytes.length - 1);
    rmSync(join(folder(id), part('departments').name));
    assert.deepEqual(await faultsOf(id), [
      'departments: the file is missing',
      `jobs: the file has ${bytes.length - 1} bytes, and should have ${bytes.length}`,
    ]);
  });

  it('have a manifest that is believed only as it was written', async () => {
    const { id } = await backUp(stack);
    const file = join(folder(id), 'manifest.json');
    const text = readFileSync(file, 'utf8');
    const { sha256 } = await judged(storage, id);
    const faultOf = async () => (await manifestDoubt(storage, id, sha256))?.reason;
    const reasons = async () => (await judged(storage, id)).doubts.map(({ reason }) => reason);
    assert.deepEqual([await faultOf(), await reasons()], [undefined, ['no-key']]);
    writeFileSync(file, text.replace('"codec"', ' "codec"'));
    assert.deepEqual([await faultOf(), await reasons()], ['edited', ['no-key', 'edited']]);
    writeFileSync(file, '');
    assert.deepEqual([await faultOf(), await reasons()], ['emptied', ['no-key', 'edited', 'emptied']]);
    rmSync(file);
    assert.equal(await faultOf(), 'missing');
  });

  it('are all that a new ledger needs to know the backup', async () => {
    const { db } = stack;
    const before = await backUp(stack);
    await stack.post('/v1/tables/jobs/rows', [{ id: 90_001, job: 'batch' }]);
    const newest = await backUp(stack);
    const given = () =>
      db.query<{ load: number; group: number }>(
        `select nextval(pg_get_serial_sequence('longshore.load', 'id'))::float8 as load,
                nextval('longshore.batch_group_id')::float8 as "group"`,
      );
    const [first] = await given();
    await db.query('delete from longshore.backup');
    await db.query(`select setval(pg_get_serial_sequence('longshore.load', 'id'), 1, false)`);
    await db.query(`select setval('longshore.batch_group_id', ${2 ** 32}, false)`);
    const { adopted, doubted } = await reviewBackups({ db, storage, keys: NO_KEYS }, { fresh: true });
    assert.ok(adopted.includes(before.id) && adopted.includes(newest.id));
    // Their rows name loads and groups: no new one gets such an ID.
    assert.deepEqual(await given(), [first]);
    assert.deepEqual(doubted, []);
    const { body } = await stack.get(`/v1/backups/${before.id}`);
    const view = body as unknown as BackupView;
    assert.deepEqual(
      { ...view, links: 0 },
      {
        ...before,
        runId: null,
        startedBy: 'storage',
        createdAt: before.snapshotAt,
        finishedAt: before.snapshotAt,
        links: 0,
      },
    );
    assert.deepEqual((await reviewBackups({ db, storage, keys: NO_KEYS }, { fresh: true })).adopted, []);
    for (const id of adopted) assert.match(id, BACKUP_ID);
  });
});

const noDisk = smallDiskFault();
describe('a backup to a disk that is full', { skip: noDisk ?? false }, async () => {
  if (noDisk !== null) return;
  const disk = smallDisk({ after }, 16 * MB);
  const stack = await testStack({ after }, undefined, {
    env: { LONGSHORE_STORAGE: `file:${disk.path}/files` },
  });
  const storage = await openStorage(`file:${disk.path}/files`);

  it('fails with that word, leaves no file, and is never listed as good', async () => {
    await stack.load('jobs', jobs(100_000));
    // It goes when its load has ended, and would make room.
    await eventually(() => storage.list('uploads/'), []);
    await disk.fill(MB / 2);
    const { status, body } = await stack.post('/v1/backups', { codec: 'null' }, { prefer: 'wait=50' });
    const problem = body as unknown as { code: string; backup: BackupView };
    assert.deepEqual([status, problem.code, problem.backup.status], [507, 'storage-full', 'failed']);
    await eventually(() => storage.list('backups/'), []);
    assert.deepEqual((await stack.get('/v1/backups?status=done')).body, { backups: [], next: null });
    await disk.free();
    assert.equal((await backUp(stack)).rows, 100_000);
  });
});

const noS3 = s3Fault();
describe('a backup to S3', { skip: noS3 ?? false }, async () => {
  if (noS3 !== null) return;
  const s3 = await testS3({ after });
  const LONGSHORE_STORAGE = await s3.storageUrl('backups');
  const stack = await testStack({ after }, undefined, { env: { LONGSHORE_STORAGE } });

  it('is there, whole, and can be deleted', async () => {
    const storage = await openStorage(LONGSHORE_STORAGE);
    await stack.load('jobs', jobs(300_000));
    const { id } = await backUp(stack, { codec: 'null' });
    const { manifest } = await judged(storage, id);
    assert.ok(manifest!.tables[0]!.parts[0]!.bytes > 6 * MB, 'more than one part of a multipart upload');
    for await (const { fault } of checkFiles(storage, manifest!)) assert.fail(fault);
    await fetch(`${stack.url}/v1/backups/${id}?force=true`, {
      method: 'DELETE',
      headers: { 'x-api-key': stack.key },
    });
    assert.deepEqual(await storage.list(`backups/${id}/`), []);
  });
});
