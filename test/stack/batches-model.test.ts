import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import type { BatchMode } from '../../src/batches/batch.ts';
import { batchStack, ended, faultsOf } from '../support/batches.ts';

const RUNS = Number(process.env.BATCH_TEST_RUNS ?? 40);

const field = (name: string, type = 'integer', constraints = {}) => ({ name, type, constraints });
const DICTIONARY = {
  name: 'model',
  resources: [
    { name: 'owners', schema: { fields: [field('id')], primaryKey: 'id' } },
    {
      name: 'items',
      schema: {
        fields: [
          field('id'),
          field('owner'),
          field('tag', 'string', { unique: true }),
          field('text', 'string'),
        ],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'owner', reference: { resource: 'owners', fields: 'id' } }],
      },
    },
  ],
};
const OWNERS = [1, 2, 3];

interface Item {
  readonly id: number | null;
  readonly owner: number | null;
  readonly tag: string | null;
  readonly text: string;
}

interface ModelBatch {
  readonly strict: boolean;
  readonly rows: readonly Item[];
}

type Fault = [index: number, code: string, field: string | null];

/** The rules said once more, as plainly as can be: batch after batch, check after check, over an array. */
class Model {
  rows: readonly Item[] = [];

  commit(mode: BatchMode, { strict, rows }: ModelBatch): Fault[] {
    const faults = new Map<number, Fault>();
    const reject = (code: string, name: string, broken: (row: Item, index: number) => boolean) => {
      const staying = rows.map((row, index) => ({ row, index })).filter(({ index }) => !faults.has(index));
      for (const { row, index } of staying) if (broken(row, index)) faults.set(index, [index, code, name]);
    };
    const earlier = (name: 'id' | 'tag') => (row: Item, index: number) =>
      row[name] !== null &&
      rows.some((other, at) => at < index && !gone.has(at) && other[name] === row[name]);
    let gone = new Set<number>();
    reject('constraint-error', 'id', (row) => row.id === null);
    if (!strict || faults.size === 0) {
      reject('foreign-key', 'owner', ({ owner }) => owner !== null && !OWNERS.includes(owner));
      gone = new Set(faults.keys());
      reject('primary-key', 'id', earlier('id'));
      if (mode === 'append') reject('primary-key', 'id', ({ id }) => this.rows.some((row) => row.id === id));
      gone = new Set(faults.keys());
      reject('unique-error', 'tag', earlier('tag'));
      const staying = rows.filter((_, index) => !faults.has(index));
      const replaced = (id: number | null) => mode === 'merge' && staying.some((row) => row.id === id);
      reject('unique-error', 'tag', ({ tag }) =>
        this.rows.some((row) => tag !== null && row.tag === tag && !replaced(row.id)),
      );
    }
    if (!strict || faults.size === 0) {
      const good = rows.filter((_, index) => !faults.has(index));
      const kept = this.rows.filter((row) => !good.some(({ id }) => id === row.id));
      this.rows = [...kept, ...good];
    }
    return [...faults.values()].sort((a, b) => a[0] - b[0]);
  }
}

const item = (tags: fc.Arbitrary<string | null>): fc.Arbitrary<Item> =>
  fc.record({
    id: fc.oneof(
      { weight: 30, arbitrary: fc.integer({ min: 1, max: 60 }) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    owner: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(null, ...OWNERS) },
      { weight: 1, arbitrary: fc.constant(9) },
    ),
    tag: tags,
    text: fc.string({ maxLength: 3 }).map((text) => `t${text}`),
  });

function groupsOf(tags: fc.Arbitrary<string | null>, modes: readonly BatchMode[]) {
  const batch = fc.record({
    strict: fc.boolean(),
    rows: fc.array(item(tags), { minLength: 1, maxLength: 6 }),
  });
  // Now and then large enough for references to be looked up as sets.
  const large = fc.record({
    strict: fc.boolean(),
    rows: fc
      .tuple(fc.integer({ min: 100, max: 140 }), fc.array(item(tags), { maxLength: 2 }))
      .map(([from, more]) => [
        ...Array.from({ length: 60 }, (_, i) => ({ id: from + i, owner: 1, tag: null, text: 'many' })),
        ...more,
      ]),
  });
  const batches = fc.array(fc.oneof({ weight: 12, arbitrary: batch }, { weight: 1, arbitrary: large }), {
    minLength: 1,
    maxLength: 8,
  });
  return fc.array(fc.record({ mode: fc.constantFrom(...modes), batches }), { minLength: 1, maxLength: 4 });
}

const untagged = fc.constant(null);
const tagged = fc.oneof(fc.constant(null), fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'));

describe('groups of batches', async () => {
  const { db, check, commit } = await batchStack({ after }, DICTIONARY);

  for (const [what, groups] of [
    ['appended and merged', groupsOf(untagged, ['append', 'merge'])],
    ['appended with unique values', groupsOf(tagged, ['append'])],
  ] as const) {
    it(`end as if each batch had come alone: ${what}`, async () => {
      await fc.assert(
        fc.asyncProperty(groups, async (all) => {
          await db.query('truncate items, owners');
          await commit('owners', [
            check(
              'owners',
              OWNERS.map((id) => ({ id })),
            ),
          ]);
          const model = new Model();
          for (const { mode, batches } of all) {
            const expected = batches.map((batch) => model.commit(mode, batch));
            const checked = batches.map(({ strict, rows }) => check('items', [...rows], { strict }));
            const outcomes = await commit('items', checked, { mode });
            assert.deepEqual(outcomes.map(faultsOf), expected);
            for (const [at, { view }] of outcomes.map(ended).entries()) {
              const { strict, rows } = batches[at]!;
              const rejected = expected[at]!.length;
              const accepted = strict && rejected > 0 ? 0 : rows.length - rejected;
              const discarded = rows.length - accepted - rejected;
              assert.deepEqual(view.rows, { sent: rows.length, accepted, rejected, discarded });
            }
          }
          const rows = await db.query<Item>(
            'select id::int as id, owner::int as owner, tag, text from items order by id',
          );
          const expected = model.rows.map((row) => ({ ...row })).sort((a, b) => (a.id ?? 0) - (b.id ?? 0));
          assert.deepEqual(rows, expected);
        }),
        { numRuns: RUNS },
      );
    });
  }
});
