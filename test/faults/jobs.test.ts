import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { until } from '../support/eventually.ts';
import { linkTo } from '../support/link.ts';
import { temporalServer } from '../support/servers.ts';
import { testStack } from '../support/stack.ts';

interface Job {
  readonly status: string;
  readonly code?: string;
  readonly links: { readonly self: string };
}

/** What loads, backups and restores do alike while Temporal is away. */
describe('jobs, while Temporal is away', async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  const t = { after: (action: () => Promise<unknown>) => void cleanups.push(action) };
  const [host = '', port] = (await temporalServer()).split(':');
  const temporal = await linkTo(t, host, Number(port));
  const stack = await testStack(t, undefined, {
    env: { TEMPORAL_ADDRESS: `${temporal.host}:${temporal.port}` },
  });
  t.after(async () => temporal.mend());
  const post = async (path: string, body: unknown, headers = {}) => {
    const answer = await stack.post(path, body, headers);
    return { status: answer.status, body: answer.body as unknown as Job & { readonly id: string } };
  };
  const view = async (path: string) => (await stack.get(path)).body as unknown as Job;

  it('are accepted, and start when it is back; what can not be written down first is refused', async () => {
    assert.equal((await stack.load('departments', '1,first\n')).body.status, 'done');
    const { body: backup } = await post('/v1/tables/departments/backups', {}, { prefer: 'wait=50' });
    assert.equal(backup.status, 'done', JSON.stringify(backup));
    await stack.putInbox('departments/new.csv', '2,second\n');

    temporal.cut();
    const started = await Promise.all([
      post('/v1/tables/departments/loads', { source: 'departments/new.csv' }),
      post('/v1/tables/departments/backups', {}),
      post(`/v1/backups/${backup.id}/restore`, { dryRun: true }),
      post(`/v1/backups/${backup.id}/verify`, {}),
    ]);
    for (const { status, body } of started) assert.equal(status, 202, JSON.stringify(body));
    const refused = [
      await stack.get(`/v1/backups/${backup.id}/diff?table=departments`),
      ...(await Promise.all(started.map(({ body }) => stack.post(`${body.links.self}/cancel`)))),
    ];
    for (const { status, body } of refused) {
      assert.deepEqual([status, body.code], [503, 'temporal-unavailable'], JSON.stringify(body));
    }
    temporal.mend();

    for (const { body } of started) {
      const ended = await until(
        () => view(body.links.self),
        ({ status }) => status === 'done' || status === 'failed',
        { limitMs: 300_000 },
      );
      assert.equal(ended.status, 'done', JSON.stringify(ended));
    }
  });
});
