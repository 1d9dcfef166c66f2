import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import pg from 'pg';
import { copyChunk } from '../../activities/copy-chunk.ts';
import type { Tx } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { makeStage, stageName } from '../../src/publish/stage.ts';
import { RejectRoom } from '../../src/rejects/kept-rejects.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import { encodeChunk } from '../../src/rows/encode-chunk.ts';
import type { EncodedPiece, EncodeTotals } from '../../src/rows/encoded-pieces.ts';
import type { Table } from '../../src/types.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

/**
 * Rows that go to PostgreSQL as binary COPY are, in the table, what the same rows are as text: the slow path, which
 * decides what is right, only ever writes text.
 */

const pad = (value: number, width = 2) => String(value).padStart(width, '0');
const number = (max: number) => fc.integer({ min: 0, max });
const orEmpty = (cells: fc.Arbitrary<string>) => fc.oneof({ weight: 9, arbitrary: cells }, fc.constant(''));

const year = fc.oneof(fc.constantFrom(0, 1, 4, 100, 1582, 1900, 1970, 1999, 2000, 2100, 9999), number(9999));
const date = fc.oneof(
  fc.tuple(year, number(13), number(32)).map(([y, m, d]) => `${pad(y, 4)}-${pad(m)}-${pad(d)}`),
  year.map((y) => `${pad(y, 4)}-02-29`),
  year.chain((y) => fc.constantFrom(`${pad(y, 4)}-01-01`, `${pad(y, 4)}-03-01`, `${pad(y, 4)}-12-31`)),
);
const time = fc.oneof(
  fc.tuple(number(24), number(60), number(60)).map((parts) => parts.map((part) => pad(part)).join(':')),
  fc.constantFrom('00:00:00', '23:59:59', '24:00:00'),
);
const fraction = fc
  .string({ unit: fc.constantFrom(...'0123456789'), maxLength: 9 })
  .map((digits) => (digits === '' ? '' : `.${digits}`));
const zone = fc.constantFrom('Z', 'Z', 'Z', '', '+14:00', '-05:30');
const plainMoment = fc.tuple(date, time).map(([d, t]) => `${d}T${t}Z`);
const anyMoment = fc.tuple(date, time, fraction, zone).map(([d, t, f, z]) => `${d}T${t}${f}${z}`);
const EDGES = [15, 31, 32, 33, 52, 53, 54, 62, 63].flatMap((bits) =>
  [-1n, 0n, 1n].flatMap((step) => [String(2n ** BigInt(bits) + step), String(-(2n ** BigInt(bits)) + step)]),
);
const integer = fc.oneof(
  fc.constantFrom(...EDGES, '0', '-0', '007', '-', '+5', '99999999999999999', '-999999999999999999'),
  fc.bigInt(-(2n ** 63n), 2n ** 63n).map(String),
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
);
const text = fc.oneof(
  fc.constantFrom(
    '',
    'Ada',
    'tab\tbed',
    'back\\slash',
    '\\N',
    '\\.',
    'nul\0',
    'ü€😀',
    ' x ',
    '\v',
    'NA',
    "it's",
  ),
  fc.string({ unit: 'binary', maxLength: 12 }).map((cell) => cell.replaceAll(/[,\r\n"]/g, '')),
);
const required = { constraints: { required: true } };

interface Column {
  readonly field: object;
  readonly cells: fc.Arbitrary<string>;
}

const COLUMNS: readonly Column[] = [
  { field: { type: 'integer' }, cells: orEmpty(integer) },
  {
    field: { type: 'integer', constraints: { minimum: '-2147483648', maximum: '2147483647' } },
    cells: orEmpty(fc.oneof(fc.integer().map(String), integer)),
  },
  { field: { type: 'integer', constraints: { minimum: '-9999999999' } }, cells: integer },
  { field: { type: 'integer', missingValues: ['-1', ''] }, cells: fc.oneof(fc.constant('-1'), integer) },
  { field: { type: 'string' }, cells: text },
  { field: { type: 'string', missingValues: ['NA'] }, cells: text },
  { field: { type: 'string', constraints: { minLength: 1, maxLength: 4 } }, cells: text },
  { field: { type: 'any', ...required }, cells: text },
  { field: { type: 'date' }, cells: orEmpty(date) },
  { field: { type: 'date', constraints: { minimum: '1900-01-01' } }, cells: date },
  { field: { type: 'time' }, cells: orEmpty(time) },
  { field: { type: 'datetime' }, cells: orEmpty(fc.oneof(plainMoment, plainMoment, anyMoment)) },
  {
    field: {
      type: 'boolean',
      trueValues: ['true', 'T', 'YES', 'on', '1'],
      falseValues: ['f', 'No', 'off', '0'],
    },
    cells: orEmpty(fc.constantFrom('true', 'T', 'YES', 'on', '1', 'f', 'No', 'off', '0')),
  },
];

/** Tables of a column beside a key; one of all columns would have no good row. */
const SMALL = COLUMNS.map(({ field, cells }) => ({
  title: JSON.stringify(field),
  table: tableOf([{ type: 'integer', ...required }, field]),
  rows: cells.map((cell) => `7,${cell}`),
}));

function tableOf(fields: readonly object[]): Table {
  const named = fields.map((field, i) => ({ name: `f${i}`, ...field }));
  return parseDictionary({
    resources: [{ name: 't', dialect: { header: false }, schema: { fields: named } }],
  }).tables[0]!;
}

describe('binary COPY', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let loadId = 0;
  before(async () => {
    database = await testDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("set timezone to 'Asia/Kathmandu'; set datestyle to 'SQL, DMY'");
    await client.query('set session_replication_role = replica; create schema if not exists longshore_stage');
  });
  after(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  /** Loads bytes by one path into a stage of its own. */
  async function load(table: Table, bytes: Buffer, path: 'fast' | 'slow') {
    const id = ++loadId;
    const query = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows;
    const tx = { client, query } as unknown as Tx;
    await makeStage(tx, table, stageName(id), id);
    const kinds = new Set<string>();
    const encoded = noting(
      encodeChunk({
        bytes,
        chunk: { firstLine: 1, quotes: path === 'slow', oversize: false },
        compiled: compileTable(table),
        columns: table.fields.map((_, i) => i),
        width: table.fields.length,
        dialect: table.dialect,
        encoding: table.encoding,
      }),
      kinds,
    );
    const { rowsCopied, ...totals } = await copyChunk(
      tx,
      { id, table, room: new RejectRoom(Number.POSITIVE_INFINITY) },
      encoded,
      new AbortController().signal,
    );
    assert.equal(rowsCopied, totals.rowsGood);
    const fields = table.fields.map(({ name }) => name).join(', ');
    const rows = await client.query({
      text: `select _line::text, ${fields.replaceAll(/\w+/g, '$&::text')} from ${stageName(id)} order by _line`,
      rowMode: 'array',
    });
    const rejects = await query(
      'select line, record, errors from longshore.reject where load_id = $1 order by line',
      [id],
    );
    return { totals, kinds, rows: rows.rows, rejects };
  }

  for (const { title, table, rows } of SMALL) {
    it(`gives the same as text: ${title}`, async () => {
      const bytes = Buffer.from(`${fc.sample(rows, 3000).join('\n')}\n`);
      const fast = await load(table, bytes, 'fast');
      const slow = await load(table, bytes, 'slow');
      assert.ok(fast.kinds.has('binary') && !slow.kinds.has('binary'));
      assert.ok(fast.totals.rowsGood > 300, 'too few good rows to prove anything');
      assert.deepEqual(fast.totals, slow.totals);
      assert.deepEqual(fast.rows, slow.rows);
      assert.deepEqual(fast.rejects, slow.rejects);
    });
  }

  it('takes turns with text and rejects when there is more of them than may wait', async () => {
    const table = tableOf([{ type: 'integer', ...required }, { type: 'string' }]);
    const long = 'x'.repeat(30_000);
    const kinds = ['1,ok', `2,${long}`, `+3,${long}`, `no,${long}`, `4,${long}\xff`];
    const bytes = Buffer.from(
      `${Array.from({ length: 1500 }, (_, i) => kinds[i % 5]).join('\r\n')}`,
      'latin1',
    );
    const fast = await load(table, bytes, 'fast');
    const slow = await load(table, bytes, 'slow');
    assert.deepEqual([...fast.kinds].sort(), ['binary', 'rejects', 'text']);
    assert.deepEqual(fast.totals, { rowsRead: 1500, rowsGood: 900, rowsRejected: 600 });
    assert.deepEqual(fast.rows, slow.rows);
    assert.deepEqual(fast.rejects, slow.rejects);
  });

  it('leaves rows whose delimiter could be part of a number or moment to text', async () => {
    const moment = '2021-02-03T04:05:06Z';
    for (const [delimiter, type, width, row] of [
      ['1', 'integer', 1, '213'],
      ['-', 'integer', 2, '-5-3'],
      ...['-', ':', 'T', 'Z', '0'].map((each) => [each, 'datetime', 1, moment] as const),
    ] as const) {
      const base = tableOf(Array.from({ length: width }, () => ({ type })));
      const table = { ...base, dialect: { ...base.dialect, delimiter } };
      const bytes = Buffer.from(`${row}\n`);
      assert.equal((await load(table, bytes, 'slow')).totals.rowsGood, 0);
      assert.equal((await load(table, bytes, 'fast')).totals.rowsGood, 0);
    }
  });
});

function* noting(
  encoded: Generator<EncodedPiece, EncodeTotals>,
  kinds: Set<string>,
): Generator<EncodedPiece, EncodeTotals> {
  for (;;) {
    const { done, value } = encoded.next();
    if (done) return value;
    kinds.add(value.kind);
    yield value;
  }
}
