import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

const JOBS_KEY = 'jobs-key-of-the-tests';
const READ_KEY = 'read-key-of-the-tests';

describe('routes of schedules', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
    assert.equal((await make({ id: 'jobs-only', tables: ['jobs'] })).status, 201);
    assert.equal((await make({ id: 'everything' })).status, 201);
  });
  afterEach(() => api[Symbol.asyncDispose]());

  const make = (body: object, key?: string) =>
    api.call('/v1/schedules', {
      method: 'POST',
      body: JSON.stringify({ kind: 'backup', cron: '@daily', ...body }),
      ...(key !== undefined && { key }),
    });

  it('let only admin keys change anything', async () => {
    assert.equal((await make({ id: 'other' }, READ_KEY)).status, 403);
    const changes: readonly (readonly [string, string])[] = [
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/trigger'],
      ['POST', '/pause'],
      ['POST', '/unpause'],
    ];
    for (const [method, action] of changes) {
      const answer = await api.call(`/v1/schedules/everything${action}`, {
        method,
        body: '{}',
        key: READ_KEY,
      });
      assert.equal(answer.status, 403, `${method} ${action}`);
    }
    assert.equal((await api.call('/v1/schedules/everything', { key: READ_KEY })).status, 200);
    assert.equal((await api.call('/v1/schedules/everything/retention', { key: READ_KEY })).status, 200);
  });

  it('show a limited key the schedules of its tables, and hide those of all', async () => {
    const listed = await api.call('/v1/schedules', { key: JOBS_KEY });
    const { schedules } = (await listed.json()) as { schedules: { id: string }[] };
    assert.deepEqual(
      schedules.map(({ id }) => id),
      ['jobs-only'],
    );
    assert.equal((await api.call('/v1/schedules/jobs-only', { key: JOBS_KEY })).status, 200);
    assert.equal((await api.call('/v1/schedules/everything', { key: JOBS_KEY })).status, 404);
    assert.equal((await api.call('/v1/schedules/everything/retention', { key: JOBS_KEY })).status, 404);
  });

  it('answer with the addresses of what can be done, in Temporal too', async () => {
    const answer = await make({ id: 'nightly', cron: '@daily' });
    assert.equal(answer.headers.get('location'), '/v1/schedules/nightly');
    const { cron, links } = (await answer.json()) as { cron: string; links: Record<string, string> };
    assert.equal(cron, '0 0 * * *');
    assert.deepEqual(links, {
      self: '/v1/schedules/nightly',
      trigger: '/v1/schedules/nightly/trigger',
      pause: '/v1/schedules/nightly/pause',
      unpause: '/v1/schedules/nightly/unpause',
      retention: '/v1/schedules/nightly/retention',
      temporal: 'http://127.0.0.1:8233/namespaces/default/schedules/k3v9q2-schedule-nightly',
    });
    const run = await api.call('/v1/schedules/nightly/trigger', { method: 'POST' });
    const { workflowId, status } = (await run.json()) as { workflowId: string; status: string };
    assert.deepEqual(
      [run.status, workflowId, status],
      [202, 'schedule-nightly-2026-11-21T03:00:00Z', 'accepted'],
    );
  });
});
