import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../src/backups/backup.ts';
import { eventually } from './support/eventually.ts';
import { type TestStack, testStack } from './support/stack.ts';

const [FIRST, SECOND] = [randomBytes(32).toString('hex'), randomBytes(32).toString('base64')];

/** One storage, and platforms with a ledger of their own each: what is in the storage is all that the next one has. */
describe('backups whose key was changed', async () => {
  const first = await testStack({ after }, undefined, { env: { LONGSHORE_BACKUP_KEY: FIRST } });
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
    const made = await backUp(stack);
    assert.match(made.keyId ?? '', /^[0-9a-f]{16}$/);
    assert.notEqual(made.keyId, old.keyId);
  });
});

async function backUp({ post }: TestStack): Promise<BackupView> {
  const answer = await post('/v1/backups', { tables: ['jobs'] }, { prefer: 'wait=50' });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as unknown as BackupView;
}

function restore({ post }: TestStack, backup: string) {
  return post('/v1/tables/jobs/restore', { backup }, { prefer: 'wait=50' });
}
