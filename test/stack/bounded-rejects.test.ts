import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { MIN_CHUNK_BYTES } from '../../src/csv/plan-chunks.ts';
import type { RejectsSummary } from '../../src/rejects/kept-rejects.ts';
import { until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const dictionary = {
  resources: [
    {
      name: 'things',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'code', type: 'string', constraints: { unique: true } },
          { name: 'note', type: 'string' },
        ],
        primaryKey: 'id',
      },
    },
  ],
};

describe('rejects beyond those that are kept', async () => {
  const stack = await testStack({ after }, dictionary, {
    env: { LONGSHORE_KEPT_REJECTS: '10', LONGSHORE_MAX_REJECTS: '50000' },
  });
  const { db, get, load, rejects } = stack;
  const summaryOf = async (id: number) =>
    (await get(`/v1/loads/${id}/rejects/summary`)).body as unknown as RejectsSummary;
  const linesOf = async (id: number) => (await rejects(id)).map(({ line }) => line);
  const csv = (lines: readonly string[]) => `id,code,note\n${lines.join('\n')}\n`;

  it('are counted by field and code; the first by line are kept, whichever chunk or check found them', async () => {
    // Several chunks, in each of them good rows, bad ones, and the keys of the first chunk again.
    const note = 'x'.repeat(1000);
    const count = Math.ceil((3.5 * MIN_CHUNK_BYTES) / 1000);
    const bad = new Set<number>();
    const lines = Array.from({ length: count }, (_, i) => {
      const line = i + 2;
      if (i % 500 === 7) {
        bad.add(line);
        return `soon,c${i},${note}`;
      }
      if (i % 500 === 9 && i > 9) {
        bad.add(line);
        return `9,c${i},${note}`;
      }
      return `${i},c${i},${note}`;
    });
    const { status, body } = await load('things', csv(lines));
    assert.equal(status, 201, JSON.stringify(body));
    assert.ok((body.progress.chunksTotal ?? 0) > 2, 'the file is one chunk');
    assert.deepEqual(body.rows, {
      read: count,
      loaded: count - bad.size,
      rejected: bad.size,
      unchanged: 0,
      discarded: 0,
    });
    const first = [...bad].sort((a, b) => a - b).slice(0, 10);
    assert.deepEqual(await linesOf(body.id), first);
    assert.ok((await rejects(body.id)).every(({ cells }) => cells[2] === note));
    const soon = lines.filter((text) => text.startsWith('soon')).length;
    assert.deepEqual(await summaryOf(body.id), {
      rejected: bad.size,
      kept: 10,
      errors: [
        { code: 'type-error', field: 'id', errors: soon },
        { code: 'primary-key', field: 'id', errors: bad.size - soon },
      ],
    });
    const answer = await fetch(`${stack.url}/v1/loads/${body.id}/rejects?format=csv`, {
      headers: { 'x-api-key': stack.key },
    });
    assert.equal(answer.headers.get('longshore-rejects-not-kept'), String(bad.size - 10));
    assert.equal((await answer.text()).trimEnd().split('\n').length, 11);
  });

  it('count for maxRejects, of the load or of the platform, and not where it is none', async () => {
    const many = csv(Array.from({ length: 60_000 }, (_, i) => `x,a${i},`));
    const refused = await load('things', many);
    assert.equal(refused.body.code, 'too-many-rejects', JSON.stringify(refused.body));
    const allowed = await load('things', many, { maxRejects: 'none' });
    assert.equal(allowed.body.status, 'done', JSON.stringify(allowed.body));
    assert.deepEqual([allowed.body.maxRejects, allowed.body.rows.rejected], [null, 60_000]);
    const share = await load('things', csv(['y,1,', 'y,2,', '900001,ok,']), { maxRejects: '60%' });
    assert.equal(share.body.code, 'too-many-rejects');
    // A million rows that are there already are as bounded.
    const [{ size } = { size: 0 }] = await db.query<{ size: number }>(
      'select count(*)::int as size from longshore.reject',
    );
    assert.ok(size <= 4 * 10, `${size} rejects are kept`);
  });

  it('are deleted when asked to, and stay counted', async () => {
    const { body } = await load('things', csv(['800001,u1,', 'bad,u2,', 'bad,u3,']));
    assert.deepEqual(await linesOf(body.id), [3, 4]);
    const before = await summaryOf(body.id);
    const deleted = await fetch(`${stack.url}/v1/loads/${body.id}/rejects`, {
      method: 'DELETE',
      headers: { 'x-api-key': stack.key },
    });
    assert.equal(deleted.status, 200);
    assert.deepEqual(await deleted.json(), { ...before, kept: 0 });
    assert.deepEqual(await linesOf(body.id), []);
    assert.equal((await get(`/v1/loads/${body.id}`)).body.rows.rejected, 2);
    const audit = await until(
      () => get('/v1/audit?limit=50'),
      (answer) => JSON.stringify(answer.body).includes('rejects.delete'),
    );
    assert.match(JSON.stringify(audit.body), /"rejects\.delete"/);
  });
});
