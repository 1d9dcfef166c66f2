import assert from 'node:assert/strict';
import { randomUUIDv7 } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createBatchActivities } from '../../activities/index.ts';
import { COMMIT_BATCHES, type CommitBatchesInput } from '../../src/batches/contract.ts';
import { failGroup } from '../../src/batches/fail-group.ts';
import { HandOver } from '../../src/batches/hand-over.ts';
import { keepPayload, PAYLOAD_FOLDER, readPayload } from '../../src/batches/payload.ts';
import { readOutcome } from '../../src/batches/read-batches.ts';
import { workflowIdOf } from '../../src/batches/start-group.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { sweepPayloads } from '../../src/housekeeping/housekeeping.ts';
import { readInstallation } from '../../src/installation/installation.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { batchStack, received } from '../support/batches.ts';
import { fixedBook } from '../support/fixed-book.ts';
import { testHome } from '../support/home.ts';
import { testTemporal } from '../support/temporal.ts';

const DICTIONARY = {
  name: 'payloads',
  resources: [
    {
      name: 'notes',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'text', type: 'string' },
        ],
        primaryKey: 'id',
      },
    },
  ],
};
const dictionary = fixedBook(parseDictionary(DICTIONARY));
const DAY_MS = 86_400_000;
const logger = new DefaultLogger('ERROR');

describe('the payload of a group', async () => {
  const t = { after };
  const { db, compiled, check } = await batchStack(t, DICTIONARY);
  const installation = await readInstallation(db);
  const idOf = (group: string) => workflowIdOf(installation, group);
  const home = await testHome(t);
  const storage = await openStorage(`file:${home}/storage`);

  /** A group whose payload is in the storage, as its workflow has it. */
  async function groupOf(id: number) {
    const group = randomUUIDv7();
    const rows = [
      { id, text: 'x'.repeat(40_000) },
      { id, text: 'the same key' },
    ];
    const batch = received(rows, { id: `${group}-0` });
    const payload = await keepPayload(storage, group, [batch]);
    assert.deepEqual(payload, { key: PAYLOAD_FOLDER + group });
    const input: CommitBatchesInput = { group, table: 'notes', mode: 'append', batches: 1, payload };
    const workflowExecution = { workflowId: idOf(group), runId: 'run' };
    return {
      input,
      batch,
      environment: () => new MockActivityEnvironment({ workflowExecution }, { logger }),
    };
  }
  const activitiesOf = (handOver: HandOver) => createBatchActivities({ db, storage, dictionary, handOver });
  const rowsWith = (id: number) => db.query('select id from notes where id = $1', [id]);

  for (const handed of [true, false]) {
    const where = handed ? 'with' : 'without';
    it(`is needed by the first run only of an activity ${where} a hand-over`, async () => {
      const id = handed ? 1 : 2;
      const { input, batch, environment } = await groupOf(id);
      const handOver = new HandOver();
      if (handed)
        handOver.give(input.group, [check('notes', batch.body, { id: batch.id })], compiled('notes').table);
      const here = activitiesOf(handOver);
      const first = await environment().run(here.commitBatches, input);
      assert.deepEqual(first, { sent: 2, accepted: 1, rejected: 1, discarded: 0 });
      assert.equal(await readPayload(storage, input.payload), null);
      const outcome = await readOutcome(db, batch.id);
      for (const activities of [here, activitiesOf(new HandOver())]) {
        assert.deepEqual(await environment().run(activities.commitBatches, input), first);
      }
      assert.deepEqual(await readOutcome(db, batch.id), outcome);
      assert.equal((await rowsWith(id)).length, 1);
    });
  }

  it('is not missed by a group that was recorded as failed: nothing is written', async () => {
    for (const dropped of [true, false]) {
      const { input, batch, environment } = await groupOf(3);
      const { workflowId, runId } = { workflowId: idOf(input.group), runId: null };
      const error = { code: 'temporal-unavailable', message: 'away' } as const;
      const batches = [{ ...batch, sent: 2 }];
      await failGroup(db, { workflowId, runId, table: 'notes', mode: 'append', batches, error });
      if (dropped) await storage.delete(PAYLOAD_FOLDER + input.group);
      const run = environment().run(activitiesOf(new HandOver()).commitBatches, input);
      if (dropped) {
        await assert.rejects(run, (lost) => lost instanceof ApplicationFailure && lost.type === 'batch-lost');
      } else await run;
      assert.equal((await readOutcome(db, batch.id))?.view.error?.code, 'temporal-unavailable');
      assert.deepEqual(await rowsWith(3), []);
    }
  });

  it('is swept away a day later, unless its workflow runs', async () => {
    const { address, namespace } = await testTemporal();
    const connection = await Connection.connect({ address });
    t.after(() => connection.close());
    const client = new Client({ connection, namespace });
    const [running, orphan, ended, young] = [
      await groupOf(4),
      await groupOf(5),
      await groupOf(6),
      await groupOf(7),
    ];
    // No worker serves this namespace: what is started runs until it is ended.
    for (const { input } of [running, ended]) {
      const options = { workflowId: idOf(input.group), taskQueue: installation.queue, args: [input] };
      await client.workflow.start(COMMIT_BATCHES, options);
    }
    await client.workflow.getHandle(idOf(ended.input.group)).terminate();
    const dayAgo = new Date(Date.now() - DAY_MS - 60_000);
    for (const { input } of [running, orphan, ended]) {
      await utimes(join(home, 'storage', PAYLOAD_FOLDER, input.group), dayAgo, dayAgo);
    }
    await sweepPayloads({ client, installation, storage });
    const left = [running, young].map(({ input }) => PAYLOAD_FOLDER + input.group);
    const kept = await storage.list(PAYLOAD_FOLDER);
    for (const key of left) assert.ok(kept.includes(key), key);
    for (const { input } of [orphan, ended]) assert.ok(!kept.includes(PAYLOAD_FOLDER + input.group));
  });
});
