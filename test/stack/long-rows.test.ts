import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { quoteName } from '../../src/db/sql-names.ts';
import { testStack } from '../support/stack.ts';

const field = (name: string, type = 'string') => ({ name, type });
const dictionary = {
  name: 'long-rows',
  resources: [
    { name: 'loose', dialect: { header: false }, schema: { fields: [field('x'), field('n', 'number')] } },
    {
      name: 'moments',
      dialect: { header: false },
      schema: {
        fields: [field('id', 'integer'), field('at', 'datetime'), field('day', 'date')],
        primaryKey: 'id',
      },
    },
  ],
};
const LOOSE = quoteName('public', 'loose');
const MOMENTS = quoteName('public', 'moments');
const LONG = 7_800_000;

describe('rows of long texts', async () => {
  const stack = await testStack({ after }, dictionary);
  const { db, get } = stack;
  type Page = { readonly rows: readonly Record<string, unknown>[]; readonly next: string | null };
  const page = async (path: string) => {
    const { status, body } = await get(path);
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    return body as unknown as Page;
  };

  before(async () => {
    await db.query(
      `insert into ${LOOSE} (x, _load_id, _line) select repeat('ab ', ${LONG / 3}), 1, n from generate_series(1, 3) n`,
    );
    await db.query(`insert into ${LOOSE} (x, n, _load_id, _line)
      select 'short', case when n = 5 then ('1e' || 100000)::numeric end, 2, n from generate_series(1, 6) n`);
  });

  it('come one a page, and all of them, whatever the limit', async () => {
    const lengths: number[][] = [];
    for (let path: string | null = '/v1/tables/loose/rows?limit=1000'; path !== null; ) {
      const { rows, next }: Page = await page(path);
      lengths.push(rows.map(({ x }) => String(x).length));
      path = next;
    }
    assert.deepEqual(lengths, [[LONG], [LONG], [LONG], [5, 5, 5, 5, 5, 5]]);
  });

  it('do not shorten a page of others', async () => {
    const { rows, next } = await page('/v1/tables/loose/rows?limit=2&after=WyIxIiwiMyJd');
    assert.deepEqual([rows.length, next !== null], [2, true]);
    const last = await page(next!);
    assert.deepEqual(
      last.rows.map(({ _line }) => _line),
      [3, 4],
    );
  });

  it('are named and not read where no load could have made them', { timeout: 240_000 }, async () => {
    await db.query(`insert into ${LOOSE} (x, _load_id, _line) values (repeat('a', 67108865), 3, 1)`);
    const { status, body } = await get('/v1/tables/loose/rows?limit=100&after=WyIyIiwiNiJd');
    assert.deepEqual([status, body.code], [422, 'row-too-large']);
    assert.match(
      String((body as { detail?: string }).detail),
      /the row of loose with _load_id "3", _line "1" has more/,
    );
    await db.query(`delete from ${LOOSE} where _load_id = 3`);
  });

  it('are rejects of a batch, a page that ends before its limit', async () => {
    const cells = JSON.stringify(Array.from({ length: 3 }, () => ({ n: 'x', x: 'ab'.repeat(1_300_000) })));
    const { url, key } = stack;
    const response = await fetch(`${url}/v1/tables/loose/rows`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json', prefer: 'wait=40' },
      body: cells,
    });
    const batch = (await response.json()) as { batch?: { id: string }; id?: string };
    const id = batch.batch?.id ?? batch.id;
    const seen: number[] = [];
    let pages = 0;
    for (let path: string | null = `/v1/batches/${id}/rejects`; path !== null; pages++) {
      const { status, body } = await get(path);
      assert.equal(status, 200);
      const { rejects, next } = body as unknown as { rejects: { index: number }[]; next: string | null };
      seen.push(...rejects.map(({ index }) => index));
      path = next;
    }
    assert.deepEqual(seen, [0, 1, 2]);
    assert.ok(pages > 1);
    const csv = await fetch(`${url}/v1/batches/${id}/rejects?format=csv`, { headers: { 'x-api-key': key } });
    assert.equal((await csv.text()).trimEnd().split('\r\n').length, 4);
  });

  it('are moments as they are in the table, also those that only SQL can make', async () => {
    await db.query(`insert into ${MOMENTS} (id, at, day) values
      (1, 'infinity', 'infinity'), (2, '-infinity', '-infinity'),
      (3, '0044-03-15 12:00:00+00 BC', '0044-03-15 BC'), (4, '10000-01-01 00:00:00+00', '10000-01-01'),
      (5, '2021-01-01 00:00:00.5+00', '2021-01-01')`);
    const { rows } = await page('/v1/tables/moments/rows');
    assert.deepEqual(
      rows.map(({ at, day }) => [at, day]),
      [
        ['infinity', 'infinity'],
        ['-infinity', '-infinity'],
        ['0044-03-15T12:00:00.000000Z BC', '0044-03-15 BC'],
        ['10000-01-01T00:00:00.000000Z', '10000-01-01'],
        ['2021-01-01T00:00:00.500000Z', '2021-01-01'],
      ],
    );
  });

  it('are refused as moments outside the years 1 to 9999 in UTC, whatever their offset', async () => {
    const { body } = await stack.load(
      'moments',
      '11,9999-12-31T23:59:59.999999-14:00,\n12,0001-01-01T00:00:00+00:01,\n13,9999-12-31T23:59:59+14:00,\n',
    );
    const rejects = await stack.rejects(body.id);
    assert.deepEqual(
      rejects.map(({ line, errors }) => [line, errors[0]?.field, errors[0]?.code]),
      [
        [1, 'at', 'type-error'],
        [2, 'at', 'type-error'],
      ],
    );
    assert.match(rejects[0]!.errors[0]!.message, /outside the years 1 to 9999 in UTC/);
    assert.equal(body.rows.loaded, 1);
  });
});
