import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { Difference } from '../../src/restores/differences.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testHome } from '../support/home.ts';
import { csvOf, NASTY_NAMES, NASTY_TABLES } from '../support/nasty-names.ts';
import { reportFile } from '../support/reports.ts';
import { testStack } from '../support/stack.ts';
import { factsOf } from '../support/table-facts.ts';

const field = (name: string, type = 'string', constraints: object = {}) => ({ name, type, constraints });

const KEYED = {
  fields: [field('id', 'integer'), field('text'), field('up', 'integer')],
  primaryKey: 'id',
  uniqueKeys: [['text'], ['text', 'up']],
  foreignKeys: [{ fields: 'up', reference: { resource: '', fields: 'id' } }],
};

const schema = {
  fields: NASTY_NAMES.map((name) =>
    ['at', 'line', 'first', 'nth', 'n'].includes(name) ? field(name, 'integer') : field(name),
  ),
  primaryKey: ['at', 'line'],
  uniqueKeys: [['first', 'nth'], ['message'], ['constructor', 'toString', 'a"b', 'a\\b']],
  foreignKeys: [
    { fields: ['n'], reference: { resource: 'constructor', fields: ['id'] } },
    { fields: ['first', 'nth'], reference: { resource: '', fields: ['at', 'line'] } },
  ],
};

const ODD = {
  delimiter: '|',
  quoteChar: "'",
  escapeChar: '\\',
  doubleQuote: false,
  commentChar: '#',
  skipInitialSpace: true,
};

const DICTIONARY = {
  name: 'nasty',
  resources: [
    ...NASTY_TABLES.map((name) => ({ name, schema: KEYED })),
    { name: 'names', schema },
    { name: 'bare', dialect: { header: false }, schema: { fields: schema.fields } },
    {
      name: 'odd.dialect',
      dialect: ODD,
      schema: { ...schema, fieldsMatch: 'partial' },
    },
  ],
};

/** A cell of a row, another one for each row and field. */
function cellOf(
  row: number,
  { name, type }: { readonly name: string; readonly type: string },
  at: number,
): string {
  if (name === 'at' || name === 'line') return `${row}`;
  if (name === 'first' || name === 'nth') return row > 1 ? `${row - 1}` : '';
  if (name === 'n') return row % 2 === 0 ? '1' : '';
  assert.equal(type, 'string');
  return `${row}: ${name} ${at}`;
}

function rowOf(row: number): string[] {
  return schema.fields.map((each, at) => cellOf(row, each, at));
}

function objectOf(row: number): Record<string, string | number | null> {
  const cells = rowOf(row);
  const values = schema.fields.map(({ name, type }, at) => {
    const cell = cells[at]!;
    return [name, cell === '' ? null : type === 'integer' ? Number(cell) : cell];
  });
  return Object.fromEntries(values);
}

const csv = (lines: readonly (readonly string[])[]) => csvOf(lines, { delimiter: ',', quoteChar: '"' });
const odd = (lines: readonly (readonly string[])[]) => csvOf(lines, ODD);

describe('a dictionary of nasty names', async () => {
  const home = await testHome({ after });
  const reports = join(home, 'reports');
  await mkdir(reports);
  const sql = `select "constructor", "toString", "a""b", "at", "line", "x.y".text as "limit", 'a'::text as "%s"
     from names join "constructor" c on c.id = "n" join "x.y" on "x.y".id = c.id join text on text.id = c.id`;
  await writeFile(
    join(reports, 'nasty.sql'),
    reportFile(sql, { tables: 'names, constructor, x.y, text', key: 'at, line' }),
  );
  const stack = await testStack({ after }, DICTIONARY, { env: { LONGSHORE_REPORTS: reports } });
  const { db, load, post, get } = stack;
  const path = (table: string) => `/v1/tables/${encodeURIComponent(table)}`;

  const loaded = async (table: string, text: string, query: Record<string, string>, counts: object) => {
    const { status, body } = await load(encodeURIComponent(table), text, { force: 'true', ...query });
    assert.equal(status, 201, `${table}: ${JSON.stringify(body)}`);
    const { status: state, rows } = body as unknown as { status: string; rows: Record<string, number> };
    assert.equal(state, 'done', `${table}: ${JSON.stringify(body)}`);
    assert.partialDeepStrictEqual(rows, counts, `${table}: ${JSON.stringify(body)}`);
  };
  const read = async (table: string) => {
    const { status, body } = await get(`${path(table)}/rows?limit=100`);
    assert.equal(status, 200, `${table}: ${JSON.stringify(body)}`);
    return (body as unknown as { rows: Record<string, unknown>[] }).rows.map(
      ({ _load_id, _line, ...row }) => row,
    );
  };

  it('starts twice, and the second time changes nothing', async () => {
    const facts = await factsOf(db);
    assert.deepEqual(await ensureTables(stack.databaseUrl, parseDictionary(DICTIONARY)), []);
    assert.deepEqual(await factsOf(db), facts);
  });

  it('loads files in each mode into tables of any name', async () => {
    const loadEach = async (name: string) => {
      const lines = (...texts: string[]) => `id,text,up\n${texts.join('\n')}\n`;
      await loaded(
        name,
        lines('1,a,', '2,b,1', '2,c,1', '3,b,', '4,d,9'),
        { mode: 'replace' },
        { loaded: 2, rejected: 3 },
      );
      await loaded(name, lines('5,e,2', '1,z,'), { mode: 'append' }, { loaded: 1, rejected: 1 });
      await loaded(name, lines('5,f,1', '6,a,', '7,g,5'), { mode: 'merge' }, { loaded: 2, rejected: 1 });
      assert.deepEqual(await read(name), [
        { id: 1, text: 'a', up: null },
        { id: 2, text: 'b', up: 1 },
        { id: 5, text: 'f', up: 1 },
        { id: 7, text: 'g', up: 5 },
      ]);
    };
    // A few at a time, so that nothing waits for one load, and none of them for long.
    const left = NASTY_TABLES.values();
    const lane = async () => {
      for (const name of left) await loadEach(name);
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
  });

  it('loads files with fields of any name, with and without a header, and reads them back', async () => {
    for (const [name, write] of [
      ['names', csv],
      ['odd.dialect', odd],
    ] as const) {
      const file = (...rows: (readonly string[])[]) => write([NASTY_NAMES, ...rows]);
      const again = rowOf(9);
      again[NASTY_NAMES.indexOf('message')] = rowOf(1)[NASTY_NAMES.indexOf('message')]!;
      await loaded(
        name,
        file(rowOf(1), rowOf(2), rowOf(2), again),
        { mode: 'replace' },
        { loaded: 2, rejected: 2 },
      );
      await loaded(name, file(rowOf(3), rowOf(1)), { mode: 'append' }, { loaded: 1, rejected: 1 });
      await loaded(name, file(rowOf(3), rowOf(4)), { mode: 'merge' }, { loaded: 1, unchanged: 1 });
      assert.deepEqual(await read(name), [1, 2, 3, 4].map(objectOf), name);
    }
    await loaded('bare', csv([rowOf(1), rowOf(2)]), { mode: 'append' }, { loaded: 2 });
    assert.deepEqual(await read('bare'), [1, 2].map(objectOf));
  });

  it('takes batches of JSON and CSV with fields of any name', async () => {
    const send = async (body: unknown, query = '') => {
      const answer = await post(`${path('names')}/rows${query}`, body);
      return {
        status: answer.status,
        body: answer.body as unknown as { rows: Record<string, number> } & Record<string, unknown>,
      };
    };
    const first = await send([objectOf(5), objectOf(6)]);
    assert.equal(first.status, 201, JSON.stringify(first.body));
    const mixed = await send([objectOf(5), { ...objectOf(8), first: 77 }, objectOf(7)]);
    assert.equal(mixed.status, 200, JSON.stringify(mixed.body));
    const merged = await send([{ ...objectOf(7), toString: 'new' }], '?mode=merge');
    assert.ok(merged.status < 300, JSON.stringify(merged.body));
    const response = await fetch(`${stack.url}${path('names')}/rows`, {
      method: 'POST',
      headers: { 'x-api-key': stack.key, 'content-type': 'text/csv' },
      body: csv([NASTY_NAMES, rowOf(8)]),
    });
    assert.equal(response.status, 201, await response.text());
    assert.deepEqual(await read('names'), [
      ...[1, 2, 3, 4, 5, 6].map(objectOf),
      { ...objectOf(7), toString: 'new' },
      objectOf(8),
    ]);
    for (const name of NASTY_TABLES) {
      const answer = await post(`${path(name)}/rows?mode=merge`, [
        { id: 8, text: 'batch', up: 7 },
        { id: 7, text: 'h' },
        { id: 9, text: 'a' },
      ]);
      assert.equal(answer.status, 200, `${name}: ${JSON.stringify(answer.body)}`);
      assert.equal((await read(name)).length, 5, name);
    }
  });

  it('reports on them', async () => {
    const refreshed = await post('/v1/reports/nasty/refresh', undefined, { prefer: 'wait=30' });
    assert.ok(refreshed.status < 300, JSON.stringify(refreshed.body));
    const { status, body } = await get(
      `/v1/reports/nasty?sort=at&constructor=${encodeURIComponent(objectOf(4).constructor as unknown as string)}`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    const { data } = body as unknown as { data: Record<string, unknown>[] };
    assert.deepEqual(
      data.map((row) => [row.at, row.limit, row['%s']]),
      [[4, 'a', 'a']],
    );
  });

  it('backs them up, shows what differs, restores them, and restores them beside', async () => {
    const all = [...NASTY_TABLES, 'names', 'bare', 'odd.dialect'];
    const before = new Map<string, unknown>();
    for (const name of all) before.set(name, await read(name));
    const backup = await post('/v1/backups', {}, { prefer: 'wait=50' });
    assert.equal(backup.status, 201, JSON.stringify(backup.body));
    const { id } = backup.body as unknown as BackupView;
    await db.query(`update names set "toString" = 'changed', "a""b" = 'too' where "at" = 1`);
    const { body: diff } = await get(`/v1/backups/${id}/diff?table=names`);
    const { differences } = diff as unknown as { differences: Difference[] };
    assert.deepEqual(
      differences?.map(({ key, fields }) => [key, Object.keys(fields).sort()]),
      [
        [
          ['1', '1'],
          ['a"b', 'toString'],
        ],
      ],
      JSON.stringify(diff),
    );
    for (const name of [...all].reverse()) await db.query(`delete from ${quoteName(name)}`);
    const dry = await post(`/v1/backups/${id}/restore`, { dryRun: true }, { prefer: 'wait=50' });
    assert.ok(dry.status < 300, JSON.stringify(dry.body));
    const restored = await post(`/v1/backups/${id}/restore`, {}, { prefer: 'wait=50' });
    assert.equal(restored.status, 201, JSON.stringify(restored.body));
    assert.equal((restored.body as unknown as RestoreView).status, 'done', JSON.stringify(restored.body));
    for (const name of all) assert.deepEqual(await read(name), before.get(name), name);
    assert.deepEqual(await ensureTables(stack.databaseUrl, parseDictionary(DICTIONARY)), []);
    for (const name of ['names', 'x.y', 'excluded', 'constructor']) {
      const as = `copy_of_${name.length}`;
      const beside = await post(`${path(name)}/restore`, { backup: id, as }, { prefer: 'wait=50' });
      assert.equal(beside.status, 201, JSON.stringify(beside.body));
      const [count] = await db.query<{ n: number }>(
        `select count(*)::int as n from ${quoteName('longshore_copies', as)}`,
      );
      assert.equal(count?.n, (before.get(name) as unknown[]).length, name);
    }
    const checked = await post(`/v1/backups/${id}/verify`, {}, { prefer: 'wait=50' });
    assert.ok(checked.status < 300, JSON.stringify(checked.body));
  });

  it('shows the tables, the dictionary and the metrics', async () => {
    for (const at of [
      '/v1/tables',
      '/v1/dictionary',
      '/openapi.json',
      '/v1/loads?table=x.y',
      `${path('toString')}`,
    ]) {
      assert.equal((await get(at)).status, 200, at);
    }
    assert.equal((await get(path('valueOf'))).status, 404);
  });
});
