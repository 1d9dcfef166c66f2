import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { partialTable } from '../../src/dictionary/partial-table.ts';
import { createLoad } from '../../src/loads/loads.ts';
import { checkStage } from '../../src/publish/check-stage.ts';
import { publishStage, RowsRefused } from '../../src/publish/publish-stage.ts';
import { dropStage, makeStage, stageName } from '../../src/publish/stage.ts';
import type { LoadMode, RejectCode } from '../../src/types.ts';
import { batchStack, faultsOf } from '../support/batches.ts';
import {
  MergeModel,
  type ModelFault,
  type ModelRow,
  type ModelTable,
  type Value,
} from '../support/merge-model.ts';

/** Raise it to look longer; a failure names its seed. */
const RUNS = Number(process.env.MERGE_TEST_RUNS ?? 6);

const FIELDS = ['id', 'code', 'a', 'b', 'up', 'by', 'owner', 'need'] as const;
const OWNERS = [1, 2];
const field = (name: string, type = 'integer', constraints = {}) => ({ name, type, constraints });

/** Tables with the same rules, each of which gets its rows in another way. */
const WAYS = {
  /** Loads; as small as the tables are, the stage takes their place. */
  swap: '',
  /** Loads; a view hangs on it. */
  insert: 'create view hung as select id from insert_items',
  /** Loads; a trigger hangs on it, which can tell an update from a row that goes and one that comes. */
  trigger: `
    create function told() returns trigger language plpgsql as
      'begin if tg_op = ''DELETE'' then raise exception ''deleted''; end if; return new; end';
    create trigger told before insert or update or delete on trigger_items for each row execute function told()`,
  /** Batches. */
  batch: '',
  /** Batches, over a table with a trigger. */
  watched:
    'create trigger told before insert or update or delete on watched_items for each row execute function told()',
} as const;
type Way = keyof typeof WAYS;
const ALL_WAYS = Object.keys(WAYS) as Way[];

interface Shape {
  readonly title: string;
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly up?: true;
  readonly by?: true;
  readonly owner?: true;
  /** Codes that rows of another table refer to. */
  readonly referredTo?: readonly string[];
}

const SHAPES: readonly Shape[] = [
  { title: 'unique values', uniqueKeys: [['code'], ['a', 'b']] },
  { title: 'references to rows of the table and of another', uniqueKeys: [['code']], up: true, owner: true },
  { title: 'references to a unique value of the table', uniqueKeys: [['code'], ['a', 'b']], by: true },
  { title: 'values that another table refers to', uniqueKeys: [['code']], referredTo: ['K1', 'K2', 'K5'] },
];

function descriptorOf(shape: Shape) {
  const to = (name: string, resource: string, key: string) => ({
    fields: name,
    reference: { resource, fields: key },
  });
  const items = (way: Way) => ({
    name: `${way}_items`,
    schema: {
      fields: [
        field('id'),
        field('code', 'string', { unique: true }),
        ...FIELDS.slice(2).map((name) =>
          field(name, name === 'by' ? 'string' : 'integer', name === 'need' ? { required: true } : {}),
        ),
      ],
      primaryKey: 'id',
      ...(shape.uniqueKeys.length > 1 ? { uniqueKeys: shape.uniqueKeys.slice(1) } : {}),
      foreignKeys: [
        ...(shape.up ? [to('up', '', 'id')] : []),
        ...(shape.by ? [to('by', '', 'code')] : []),
        ...(shape.owner ? [to('owner', 'owners', 'id')] : []),
      ],
    },
  });
  const notes = (way: Way) => ({
    name: `${way}_notes`,
    schema: { fields: [field('code', 'string')], foreignKeys: [to('code', `${way}_items`, 'code')] },
  });
  return {
    name: 'model',
    resources: [
      { name: 'owners', schema: { fields: [field('id')], primaryKey: 'id' } },
      ...ALL_WAYS.map(items),
      ...(shape.referredTo ? ALL_WAYS.map(notes) : []),
    ],
  };
}

function modelOf(shape: Shape): ModelTable {
  return {
    fields: FIELDS,
    required: ['need'],
    primaryKey: 'id',
    uniqueKeys: shape.uniqueKeys,
    references: [
      ...(shape.up ? [{ field: 'up', to: null, key: 'id' }] : []),
      ...(shape.by ? [{ field: 'by', to: null, key: 'code' }] : []),
      ...(shape.owner ? [{ field: 'owner', to: OWNERS, key: 'id' }] : []),
    ],
    referredTo: shape.referredTo ? [{ key: 'code', values: shape.referredTo }] : [],
  };
}

const SIZE = 8;
const codeOf = (n: number) => `K${n}`;
/** What is there before: row n has code n, and (where it may) refers to the row before. */
const START: readonly ModelRow[] = Array.from({ length: SIZE }, (_, i) => {
  const id = i + 1;
  const before = i === 0 ? null : i;
  return { id, code: codeOf(id), a: 9, b: id, up: before, by: before && codeOf(before), owner: 1, need: id };
});

const often = <T>(arbitrary: fc.Arbitrary<T>, rare: T) =>
  fc.oneof({ weight: 8, arbitrary }, { weight: 1, arbitrary: fc.constant(rare) });
const anyRow: fc.Arbitrary<ModelRow> = fc.record(
  {
    id: fc.integer({ min: 1, max: SIZE + 3 }),
    code: often<Value>(fc.integer({ min: 1, max: SIZE + 3 }).map(codeOf), null),
    a: fc.constantFrom<Value>(null, 1, 9),
    b: fc.constantFrom<Value>(null, 1, 2, 3),
    up: often<Value>(fc.constantFrom<Value>(null, 1, 2, 9), 77),
    by: often<Value>(fc.constantFrom<Value>(null, 'K1', 'K2', 'K3', 'K9'), 'K77'),
    owner: often<Value>(fc.constantFrom<Value>(null, ...OWNERS), 7),
    need: fc.integer({ min: 1, max: 3 }),
  },
  { noNullPrototype: true },
);

/** Rows of the table hand their codes round: exchanges, chains and cycles, now and then with one that is held. */
const handedRound: fc.Arbitrary<readonly ModelRow[]> = fc
  .tuple(
    fc.shuffledSubarray([...START], { minLength: 2 }),
    fc.integer({ min: 0, max: 3 }),
    fc.option(anyRow, { freq: 2 }),
  )
  .chain(([rows, shift, more]) =>
    fc.shuffledSubarray(
      [
        ...rows.map((row, i) => ({ ...row, code: rows[(i + shift) % rows.length]!.code!, by: null })),
        ...(more ? [more] : []),
      ],
      { minLength: 1 },
    ),
  );

/** Mostly all is there: what is left out hides what is handed round. */
const leftOut = fc.oneof(
  { weight: 2, arbitrary: fc.constant<readonly string[]>([]) },
  { weight: 1, arbitrary: fc.subarray(FIELDS.slice(1)) },
);

const arrival = fc.record({
  /** Of a file: its header has not these. */
  absent: leftOut,
  /** Of a batch: each row is for itself. */
  absentEach: fc.array(leftOut, { minLength: 1, maxLength: 3 }),
  strict: fc.boolean(),
  rows: fc.oneof<fc.Arbitrary<readonly ModelRow[]>[]>(
    fc.array(anyRow, { minLength: 1, maxLength: 6 }),
    handedRound,
  ),
});
const step = fc.record({
  mode: fc.constantFrom<LoadMode>('merge', 'merge', 'merge', 'append', 'replace'),
  arrivals: fc.array(arrival, { minLength: 1, maxLength: 4 }),
});
/** All rows hand their codes round, in a merge as large as the table: by a swap where one is possible. */
const ALL_ROUND = [
  {
    mode: 'merge' as const,
    arrivals: [
      {
        strict: false,
        rows: START.map((row, i) => ({ ...row, code: START[(i + 1) % SIZE]!.code! })),
        absent: [],
        absentEach: [[]],
      },
    ],
  },
];
const steps = fc.array(step, { minLength: 1, maxLength: 3 });

for (const shape of SHAPES) {
  describe(`tables with ${shape.title}`, async () => {
    const { db, check, commit, compiled } = await batchStack({ after }, descriptorOf(shape));
    await db.query('create schema if not exists longshore_stage');
    await db.query('create schema if not exists longshore_read');
    for (const statement of Object.values(WAYS)) if (statement) await db.query(statement);
    const ways = new Set<string>();
    const items = (way: Way) => compiled(`${way}_items`).table;

    async function fill() {
      const tables = ALL_WAYS.flatMap((way) => [
        `${way}_items`,
        ...(shape.referredTo ? [`${way}_notes`] : []),
      ]);
      await db.query(`truncate ${tables.join(', ')}, owners`);
      await db.query('insert into owners select unnest($1::int[])', [OWNERS]);
      for (const way of ALL_WAYS) {
        await stageRows(`${way}_items`, START, (line) => line);
        if (shape.referredTo) {
          await db.query(`insert into ${way}_notes (code) select unnest($1::text[])`, [shape.referredTo]);
        }
      }
    }

    async function stageRows(table: string, rows: readonly ModelRow[], lineOf: (n: number) => number) {
      const types = FIELDS.map((name) => (name === 'code' || name === 'by' ? 'text' : 'bigint'));
      const arrays = [...types, 'bigint'].map((type, i) => `$${i + 1}::${type}[]`);
      const columns = FIELDS.map((name) => rows.map((row) => row[name] ?? null));
      await db.query(
        `insert into ${table} (${FIELDS.join(', ')}, _line) select * from unnest(${arrays.join(', ')})`,
        [...columns, rows.map((_, i) => lineOf(i))],
      );
    }

    /** What the activities do with rows that are good by themselves. */
    async function load(
      way: Way,
      mode: LoadMode,
      rows: readonly ModelRow[],
      absent: readonly string[],
    ): Promise<ModelFault[] | null> {
      const table = items(way);
      const { id } = await db.transaction((tx) =>
        createLoad(tx, {
          table,
          dictionary: { version: '1' },
          mode,
          source: { kind: 'upload', name: 'x', key: 'x' },
          sourceStamp: null,
          survey: null,
          maxRejects: null,
          force: true,
          startedBy: 'test',
        }),
      );
      const stage = stageName(id);
      // So that its size is known.
      await db.query(`analyze ${way}_items`);
      await makeStage(db, partialTable(table, absent), stage, id);
      await stageRows(stage, rows, (n) => n);
      for (let tried = 1; ; tried++) {
        const [left] = await db.query<{ n: number }>(`select count(*)::int as n from ${stage}`);
        if (mode === 'replace' && left!.n === 0) return null;
        try {
          const published = await db.transaction((tx) => publishStage(tx, table, mode, id, left!.n, absent));
          ways.add(`${way} by ${published.way}`);
          if (published.way === 'insert') await db.transaction((tx) => dropStage(tx, stage));
          break;
        } catch (error) {
          if ((error as { code?: string }).code === 'reference-broken') return null;
          if (!(error instanceof RowsRefused)) throw error;
          assert.ok(tried < 3, 'publishing and checking do not agree');
        }
        await db.transaction((tx) => checkStage(tx, table, mode, id, undefined, absent));
      }
      const rejects = await db.query<{ line: number; errors: { code: RejectCode; field: string | null }[] }>(
        'select line::int, errors from longshore.reject where load_id = $1',
        [id],
      );
      return rejects.flatMap(({ line, errors }) =>
        errors.map(({ code, field: name }): ModelFault => [line, code, name]),
      );
    }

    const rowsOf = (way: Way) =>
      db.query<Record<string, Value>>(
        `select id::int, code, a::int, b::int, up::int, "by", owner::int, need::int from ${way}_items order by id`,
      );
    const sorted = (faults: readonly ModelFault[] | null) => faults && [...faults].sort(compare);

    it('end the same and reject the same rows by each way', async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          await fill();
          const models = new Map(ALL_WAYS.map((way) => [way, new MergeModel(modelOf(shape))]));
          for (const model of models.values()) model.rows = START;
          for (const { mode, arrivals } of all) {
            for (const [way, model] of models) {
              if (way !== 'batch' && way !== 'watched') {
                for (const { rows: whole, absent: each } of arrivals) {
                  const absent = mode === 'merge' ? each : [];
                  const rows = whole.map((row) => without(row, absent));
                  const lines = rows.map((_, i) => i);
                  const expected = model.apply(mode, rows, lines, false);
                  assert.deepEqual(sorted(await load(way, mode, rows, absent)), sorted(expected), way);
                }
              } else if (mode !== 'replace') {
                const sent = arrivals.map(({ strict, rows, absentEach }) => ({
                  strict,
                  rows: rows.map((row, i) =>
                    mode === 'merge' ? without(row, absentEach[i % absentEach.length]!) : row,
                  ),
                }));
                const expected = sent.map(({ strict, rows }) => {
                  const lines = rows.map((_, i) => i);
                  return model.apply(mode, rows, lines, strict);
                });
                const checked = sent.map(({ strict, rows }) => check(`${way}_items`, rows, { strict, mode }));
                const outcomes = await commit(`${way}_items`, checked, { mode });
                assert.deepEqual(outcomes.map(faultsOf).map(sorted), expected.map(sorted), way);
              }
              assert.deepEqual(
                await rowsOf(way),
                [...model.rows].sort((a, b) => Number(a.id) - Number(b.id)),
                way,
              );
            }
          }
        }),
        { numRuns: RUNS, examples: [[ALL_ROUND]] },
      );
      assert.ok(ways.has('insert by insert') && ways.has('trigger by insert'));
      assert.ok(ways.has('swap by swap') || shape.referredTo);
    });
  });
}

function without(row: ModelRow, absent: readonly string[]): ModelRow {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !absent.includes(name)));
}

function compare(a: ModelFault, b: ModelFault): number {
  return a[0] - b[0] || `${a[1]} ${a[2]}`.localeCompare(`${b[1]} ${b[2]}`);
}
