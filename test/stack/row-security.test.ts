import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { testStack } from '../support/stack.ts';

describe('a table whose policies hide rows from Longshore itself', async () => {
  const { url } = await plainDatabase({ after });
  const stack = await testStack({ after }, undefined, { env: { DATABASE_URL: url } });
  const back = async () => {
    const { body } = await stack.post('/v1/backups', { tables: ['jobs'] }, { prefer: 'wait=50' });
    return body as unknown as BackupView & { readonly code?: string; readonly detail?: string };
  };

  it('is not backed up without them: the backup fails and names the table', async () => {
    await stack.load('jobs', '1,Pilot\n2,Diver\n');
    await stack.db.query(`create policy few on jobs using (id < 2);
      alter table jobs enable row level security; alter table jobs force row level security`);
    assert.equal((await stack.rows('jobs')).length, 1);
    const refused = await back();
    assert.equal(refused.code, 'database-refused', JSON.stringify(refused));
    assert.match(refused.detail ?? '', /row-level security policy for table "jobs"/);
    await stack.db.query('alter table jobs no force row level security');
    const made = await back();
    assert.deepEqual([made.status, made.rows], ['done', 2], JSON.stringify(made));
  });
});
