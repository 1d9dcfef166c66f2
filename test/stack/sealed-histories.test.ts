import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sealedWorkerOptions } from '../../activities/sealed-worker.ts';
import { workflowBundle } from '../../src/temporal/workflow-bundle.ts';
import { temporalClient } from '../support/batch-api.ts';
import { eventually } from '../support/eventually.ts';
import {
  type RecordedHistory,
  recordedHistories,
  recordHistory,
  replayFaults,
} from '../support/histories.ts';
import { testHome } from '../support/home.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const MODES = ['readable', 'encrypted'] as const;
const KINDS = ['load', 'batches', 'backup'] as const;

/** Histories as platforms of before have them: with seals of the key that the tests have, in the namespace `default`. */
describe('a payload that an earlier version sealed', async () => {
  if (process.env.RECORD_HISTORIES === '1') {
    for (const mode of MODES) it(`is recorded, ${mode}`, (t) => record(t, mode));
  }

  it('is opened and replayed by this one, and by no process without the key', async (t) => {
    const codePath = await workflowBundle({ own: join(await testHome(t), 'cache') });
    const recorded = (await recordedHistories()).filter(({ name }) => name.startsWith('sealed-'));
    assert.ok(recorded.length >= MODES.length * KINDS.length, `only ${recorded.length} histories are stored`);
    const faults = (text: string) => {
      const payloadKey = { name: 'LONGSHORE_PAYLOAD_KEY', text };
      const sealed = sealedWorkerOptions({ home: '', payloadKey, payloadMode: 'readable' });
      return replayFaults({ workflowBundle: { codePath }, ...sealed }, recorded, idOf);
    };
    assert.deepEqual(await faults(TEST_PAYLOAD_KEY), {});
    const unread = await faults(Buffer.alloc(32, 'another').toString('base64'));
    assert.deepEqual(
      Object.keys(unread),
      recorded.map(({ name }) => name),
    );
  });
});

interface History {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes?: { readonly workflowId?: string };
  }[];
}

/** Seals are bound to it. */
function idOf({ history }: RecordedHistory): string {
  const [started] = (history as History).events;
  return started?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
}

async function record(
  t: { after(action: () => Promise<unknown>): void },
  mode: (typeof MODES)[number],
): Promise<void> {
  // The one that replays take for theirs.
  const env = { LONGSHORE_PAYLOADS: mode, TEMPORAL_NAMESPACE: 'default' };
  const stack = await testStack(t, undefined, { env });
  const client = await temporalClient(t, { ...stack, temporal: { ...stack.temporal, namespace: 'default' } });
  const load = await stack.load('departments', '1,Harbour\n2,Quay\nx,Rejected\n');
  assert.equal(load.body.status, 'done');
  const batch = await stack.post('/v1/tables/jobs/rows', [{ id: 1, job: 'Pilot' }]);
  assert.equal(batch.status, 201);
  const backup = (await stack.post('/v1/backups', {})).body as unknown as { id: string; workflowId: string };
  await eventually(async () => (await stack.get(`/v1/backups/${backup.id}`)).body.status as string, 'done');
  for (const [kind, workflowId] of [
    ['load', load.body.workflowId],
    ['batches', batch.body.workflowId],
    ['backup', backup.workflowId],
  ] as const) {
    await recordHistory(client, `sealed-${kind}-${mode}`, workflowId);
  }
}
