import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { testStack } from '../support/stack.ts';

/** Two arrivals of one content are one load, but not when a restore came between. */
describe('a file that is loaded again after a restore', async () => {
  const stack = await testStack({ after });
  const backUp = async () => {
    const { status, body } = await stack.post('/v1/tables/jobs/backups', {}, { prefer: 'wait=50' });
    assert.equal(status, 201, JSON.stringify(body));
    return String(body.id);
  };
  const restore = async (backup: string, more: object = {}) => {
    const answer = await stack.post('/v1/tables/jobs/restore', { backup, ...more }, { prefer: 'wait=50' });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };
  const load = async (csv: string, mode: string) => {
    const { body } = await stack.load('jobs', csv, { mode });
    assert.equal(body.status, 'done', JSON.stringify(body));
    return { id: body.id, existing: body.existing };
  };
  const ids = async () => (await stack.rows('jobs')).map(({ id }) => Number(id));

  it('is a new load where its rows were restored away, and the same where they were brought back', async () => {
    const none = await backUp();
    const first = await load('1,One\n2,Two\n', 'append');
    const both = await backUp();
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: first.id, existing: true });

    // Its rows are in this backup, and those of single keys are no reason to load the rest again.
    await restore(both);
    await restore(none, { keys: [['1']] });
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: first.id, existing: true });

    await restore(none);
    assert.deepEqual(await ids(), []);
    const without = await backUp();
    // Made after the load, and without its rows all the same.
    await restore(without);
    const second = await load('1,One\n2,Two\n', 'append');
    assert.equal(second.existing, false);
    assert.deepEqual(await ids(), [1, 2]);
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: second.id, existing: true });
  });

  it('is a new load in mode replace, whatever was restored; a restore beside the table does not count', async () => {
    const backup = await backUp();
    const first = await load('3,Three\n', 'replace');
    await restore(backup, { as: 'jobs_then' });
    assert.deepEqual(await load('3,Three\n', 'replace'), { id: first.id, existing: true });
    await restore(backup, { keys: [['1']] });
    assert.equal((await load('3,Three\n', 'replace')).existing, false);
    assert.deepEqual(await ids(), [3]);
  });
});
