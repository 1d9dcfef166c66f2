import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { testStack } from '../support/stack.ts';

const field = (name: string, type = 'string', constraints = {}) => ({ name, type, constraints });

const DICTIONARY = {
  name: 'partial',
  resources: [
    {
      name: 'people',
      schema: {
        fields: [
          field('id', 'integer'),
          field('name', 'string', { required: true }),
          field('mail'),
          field('age', 'integer'),
        ],
        fieldsMatch: 'superset',
        primaryKey: 'id',
      },
    },
  ],
};

interface BatchAnswer {
  readonly id: string;
  readonly loadId: number;
  readonly firstLine: number;
  readonly rows: { readonly accepted: number; readonly rejected: number };
  readonly rejected: readonly {
    index: number;
    errors: readonly { code: string; field: string; message: string }[];
  }[];
}

describe('merges of rows that leave fields out', async () => {
  const stack = await testStack({ after }, DICTIONARY);
  const { db, load, rejects, url, key } = stack;
  const rowOf = async (id: number) => {
    const [row] = await db.query<Record<string, unknown>>(
      'select name, mail, age::int, _load_id::float8 as load, _line::int as line from people where id = $1',
      [id],
    );
    return row;
  };
  const fieldsOf = async (id: number) => {
    const { name, mail, age } = (await rowOf(id)) ?? {};
    return [name, mail, age];
  };
  async function send(body: unknown, headers: Record<string, string> = {}) {
    const csv = typeof body === 'string';
    const response = await fetch(`${url}/v1/tables/people/rows`, {
      method: 'POST',
      headers: {
        'x-api-key': key,
        'content-type': csv ? 'text/csv' : 'application/json',
        prefer: 'resolution=merge-duplicates',
        ...headers,
      },
      body: csv ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as BatchAnswer };
  }

  let start: number;
  beforeEach(async () => {
    await db.query('truncate people');
    const { body } = await load('people', 'id,name,mail,age\n1,Al,a@x,31\n2,Bo,b@x,32\n3,Cy,c@x,33\n', {
      force: 'true',
    });
    start = body.id;
  });

  it('leaves what a JSON row has no name for, and takes null for null', async () => {
    const { status, body } = await send([{ id: 1, mail: 'new@x' }, { id: 2, age: null }, { id: 3 }]);
    assert.equal(status, 201);
    assert.deepEqual(await fieldsOf(1), ['Al', 'new@x', 31]);
    assert.deepEqual(await fieldsOf(2), ['Bo', 'b@x', null]);
    assert.deepEqual(await fieldsOf(3), ['Cy', 'c@x', 33]);
    const changed = await rowOf(2);
    assert.deepEqual([changed?.load, changed?.line], [body.loadId, body.firstLine + 1]);
  });

  it('inserts and changes in one batch, and rejects new rows without a field that is required', async () => {
    const { status, body } = await send([
      { id: 1, age: 50 },
      { id: 10, name: 'Di' },
      { id: 11, age: 60 },
      { id: 2, name: null },
      { id: 3, name: 'Cyd', mail: 'd@x', age: 34 },
      { mail: 'no key' },
    ]);
    assert.equal(status, 200);
    assert.deepEqual(
      body.rejected.map(({ index, errors }) => [index, errors.map((error) => [error.code, error.field])]),
      [
        [2, [['constraint-error', 'name']]],
        [3, [['constraint-error', 'name']]],
        [5, [['constraint-error', 'id']]],
      ],
    );
    assert.match(body.rejected[0]!.errors[0]!.message, /required, and the table has no row with this key/);
    assert.match(body.rejected[1]!.errors[0]!.message, /received null$/);
    assert.deepEqual(await fieldsOf(1), ['Al', 'a@x', 50]);
    assert.deepEqual(await fieldsOf(10), ['Di', null, null]);
    assert.deepEqual(await fieldsOf(11), [undefined, undefined, undefined]);
    assert.deepEqual(await fieldsOf(2), ['Bo', 'b@x', 32]);
    assert.deepEqual(await fieldsOf(3), ['Cyd', 'd@x', 34]);
  });

  it('lets a later batch leave what an earlier one of the same moment brought', async () => {
    await Promise.all([
      send([{ id: 20, name: 'Ed', mail: 'e@x' }]),
      send([{ id: 1, age: 1 }]),
      send([{ id: 1, mail: 'm@x' }]),
    ]);
    await send([{ id: 20, age: 5 }]);
    assert.deepEqual(await fieldsOf(20), ['Ed', 'e@x', 5]);
    assert.deepEqual(await fieldsOf(1), ['Al', 'm@x', 1]);
  });

  it('leaves what the header of a CSV batch does not name; an empty cell is null', async () => {
    const { status } = await send('age,id\n41,1\n,2\n');
    assert.equal(status, 201);
    assert.deepEqual(await fieldsOf(1), ['Al', 'a@x', 41]);
    assert.deepEqual(await fieldsOf(2), ['Bo', 'b@x', null]);
    assert.equal((await send('age,id\n41,99\n')).status, 422);
    assert.equal(await rowOf(99), undefined);
  });

  it('answers a repeated request as it did first, whatever the table has by then', async () => {
    const keyed = { 'idempotency-key': 'partial-1' };
    const first = await send(
      [
        { id: 1, age: 70 },
        { id: 30, age: 1 },
      ],
      keyed,
    );
    await send([{ id: 30, name: 'Flo' }]);
    const again = await send(
      [
        { id: 1, age: 70 },
        { id: 30, age: 1 },
      ],
      keyed,
    );
    assert.deepEqual(again, first);
    assert.deepEqual(await fieldsOf(30), ['Flo', null, null]);
  });

  it('leaves what the header of a file does not name, and counts what is the same in what it names', async () => {
    const { body } = await load('people', 'mail,id\na@x,1\nnew@x,2\n,3\nx@x,40\n', { mode: 'merge' });
    assert.deepEqual(body.rows, { read: 4, loaded: 2, rejected: 1, unchanged: 1, discarded: 0 });
    assert.deepEqual(await fieldsOf(2), ['Bo', 'new@x', 32]);
    assert.deepEqual(await fieldsOf(3), ['Cy', null, 33]);
    const lineage = await Promise.all(
      [1, 2].map(async (id) => [(await rowOf(id))?.load, (await rowOf(id))?.line]),
    );
    assert.deepEqual(lineage, [
      [start, 2],
      [body.id, 3],
    ]);
    const [reject] = await rejects(body.id);
    assert.deepEqual(
      [reject?.line, reject?.cells, reject?.errors[0]?.code, reject?.errors[0]?.field],
      [5, ['x@x', '40'], 'constraint-error', 'name'],
    );
  });

  it('takes a file of nothing but keys and one field into an empty table only where that is enough', async () => {
    await db.query('truncate people');
    const merged = await load('people', 'id,age\n1,1\n', { mode: 'merge' });
    assert.equal(merged.body.code, 'too-many-rejects');
    const named = await load('people', 'id,name\n1,Al\n', { mode: 'merge' });
    assert.deepEqual(named.body.rows, { read: 1, loaded: 1, rejected: 0, unchanged: 0, discarded: 0 });
    const [column] = await db.query<{ required: boolean }>(
      `select attnotnull as required from pg_attribute where attrelid = 'people'::regclass and attname = 'name'`,
    );
    assert.equal(column?.required, true);
  });

  it('needs in an append and a replace what is required', async () => {
    for (const mode of ['append', 'replace']) {
      assert.equal((await load('people', 'id,age\n1,1\n', { mode })).body.code, 'header-mismatch');
    }
    const { status } = await send([{ id: 50, age: 1 }], { prefer: '' });
    assert.equal(status, 422);
  });
});
