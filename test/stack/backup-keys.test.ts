import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { readBackupKeys } from '../../src/backups/backup-keys.ts';
import { newestReadable } from '../../src/backups/choose-backup.ts';
import { deleteBackup } from '../../src/backups/delete-backup.ts';
import { readConfig } from '../../src/config.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { eventually } from '../support/eventually.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const [FIRST, SECOND] = [randomBytes(32).toString('hex'), randomBytes(32).toString('base64')];

/** One storage, and platforms with a ledger of their own each: what is in the storage is all that the next one has. */
describe('backups whose key was changed', async () => {
  const first = await testStack({ after }, undefined, { env: { LONGSHORE_BACKUP_KEY: FIRST } });
  await becomeOther(first);
  await first.load('jobs', '1,One\n2,Two\n');
  const old = await backUp(first);
  const LONGSHORE_STORAGE = `file:${join(first.home, 'storage')}`;

  it('are read with the old key, while the new one makes others', async () => {
    const env = { LONGSHORE_STORAGE, LONGSHORE_BACKUP_KEY: SECOND, LONGSHORE_BACKUP_KEYS_OLD: FIRST };
    const stack = await testStack({ after }, undefined, { env });
    await eventually(async () => (await stack.get(`/v1/backups/${old.id}`)).body.status, 'done');
    const restored = await restore(stack, old.id);
    assert.equal(restored.status, 201, JSON.stringify(restored.body));
    assert.deepEqual(
      (await stack.rows('jobs')).map(({ job }) => job),
      ['One', 'Two'],
    );
    await becomeOther(stack);
    const made = await backUp(stack);
    assert.match(made.keyId ?? '', /^[0-9a-f]{16}$/);
    assert.notEqual(made.keyId, old.keyId);
    // The ledger knows both; a process that has lost the old key takes what it can read.
    const { current } = await readBackupKeys(readConfig({ LONGSHORE_BACKUP_KEY: SECOND }));
    const keys = { current, byId: new Map([[current!.id, current!]]) };
    const deps = { db: stack.db, storage: await openStorage(LONGSHORE_STORAGE), keys };
    await stack.db.query(
      `update longshore.backup set snapshot_at = now() + interval '1 minute' where id = $1`,
      [old.id],
    );
    const { backupId, skipped } = await newestReadable(deps, 'jobs');
    assert.equal(backupId, made.id);
    assert.match(
      skipped[0]?.why ?? '',
      new RegExp(`encrypted with the key ${old.keyId}; the key here is ${made.keyId}`),
    );
    // Nor does what it can't read stand in for what it can.
    await assert.rejects(deleteBackup(deps, made.id), /is the last good backup of jobs/);
  });

  it('are passed over by the latest where their key is lost, which says so', async () => {
    const newest = await backUp(first);
    const stack = await testStack({ after }, undefined, {
      env: { LONGSHORE_STORAGE, LONGSHORE_BACKUP_KEY: SECOND },
    });
    await eventually(async () => (await stack.get(`/v1/backups/${newest.id}`)).body.status, 'unverified');
    const { status, body } = await restore(stack, 'latest');
    assert.equal(status, 201, JSON.stringify(body));
    const { backupId, skipped } = body as unknown as RestoreView;
    assert.notEqual(backupId, old.id);
    assert.deepEqual(
      skipped.map((one) => [one.backupId, /key-unknown: its MAC is by the key/.test(one.why)]),
      [[newest.id, true]],
    );
  });

  it('a new ledger adopts backups of two installations only when a person says which', async () => {
    const env = { LONGSHORE_STORAGE, LONGSHORE_BACKUP_KEY: SECOND, LONGSHORE_BACKUP_KEYS_OLD: FIRST };
    const stack = await testStack({ after }, undefined, { env });
    const reasonOf = async (id: string) =>
      ((await stack.get(`/v1/backups/${id}`)).body as unknown as BackupView).unverified?.[0]?.reason;
    await eventually(() => reasonOf(old.id), 'foreign');
    const { status, body } = await restore(stack, 'latest');
    assert.deepEqual([status, body.code], [404, 'unknown-backup']);
    assert.match(body.detail ?? '', /foreign: it was made by another installation/);
    const adopted = await stack.post('/v1/backups/adopt', { ids: [old.id] });
    assert.deepEqual(adopted.body, { adopted: [old.id], refused: [] });
    assert.equal((await restore(stack, 'latest')).status, 201);
  });
});

/** Ledgers of tests are copies of one, and so count as one. */
function becomeOther({ db }: TestStack) {
  return db.query('update longshore.backup_origin set id = gen_random_uuid()');
}

async function backUp({ post }: TestStack): Promise<BackupView> {
  const answer = await post('/v1/backups', { tables: ['jobs'] }, { prefer: 'wait=50' });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as unknown as BackupView;
}

function restore({ post }: TestStack, backup: string) {
  return post('/v1/tables/jobs/restore', { backup }, { prefer: 'wait=50' });
}
