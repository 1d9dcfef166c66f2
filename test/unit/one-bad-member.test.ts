import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '@temporalio/client';
import pino from 'pino';
import { sweepUploads } from '../../src/housekeeping/housekeeping.ts';
import { createRefresher } from '../../src/reports/refresher.ts';

const OLD = new Date(Date.now() - 48 * 3_600_000).toISOString();

test('an old upload that can not be deleted keeps no other one, and is reported', async () => {
  const deleted: string[] = [];
  let swept = false;
  const storage = {
    list: async () => ['uploads/a', 'uploads/b', 'uploads/c', 'uploads/d'],
    stat: async (key: string) => {
      if (key === 'uploads/a') throw new Error('no permission');
      return { bytes: 1, modifiedAt: OLD };
    },
    delete: async (key: string) => {
      if (key === 'uploads/b') throw new Error('is held');
      deleted.push(key);
    },
    sweep: async () => {
      swept = true;
      return true;
    },
  };
  const db = { em: { find: async () => [{ sourceKey: 'uploads/d' }] } };
  await assert.rejects(
    sweepUploads(db as never, storage as never),
    /^Error: uploads\/a: no permission, and 1 more$/,
  );
  assert.deepEqual([deleted, swept], [['uploads/c'], true]);
});

test('a report whose refresh can not be asked for keeps no other one, and is reported', async () => {
  const asked: string[] = [];
  const client = {
    workflow: {
      signalWithStart: async (_: string, { workflowId }: { workflowId: string }) => {
        if (workflowId.endsWith('bad')) throw new Error('somebody else has its ID');
        asked.push(workflowId);
        return { signaledRunId: 'run' };
      },
    },
  } as unknown as Client;
  const reports = ['bad', 'good'].map((name) => ({ name, title: name, tables: ['jobs'] }));
  const db = { query: async () => reports.map(({ name }) => ({ name })) };
  const refresher = createRefresher({
    client,
    installation: { id: 'one', queue: 'longshore-one' } as never,
    db: db as never,
    reports,
    everyMs: 1_000,
    log: pino({ level: 'silent' }),
  });
  await assert.rejects(refresher.askStale(), /^Error: report bad: somebody else has its ID$/);
  assert.deepEqual(asked, ['one-refresh-good']);
  refresher.stop();
});
