import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { readRows } from '../../src/tables/table-rows.ts';
import type { Dictionary, LoadMode } from '../../src/types.ts';
import { committer, compiledOf, ended } from '../support/batches.ts';
import { testDatabase } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import { loadFile } from '../support/load-file.ts';
import { csvOf, MORE_NASTY_TABLES, NASTY_NAMES } from '../support/nasty-names.ts';
import { emptySchema, factsOf } from '../support/table-facts.ts';

const RUNS = Number(process.env.TEST_RUNS ?? 25);

/** Names that are to be refused, among any other text. */
const REFUSED = [
  '',
  '_x',
  '__proto__',
  '_line',
  'ctid',
  'tableoid',
  'a\0b',
  '\ud800',
  'x'.repeat(64),
  '名'.repeat(22),
];

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY_NAMES) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(...REFUSED) },
);
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 6 });
const dialect = fc.constantFrom<object>(
  {},
  { header: false },
  { delimiter: ';', quoteChar: "'" },
  { quoteChar: null },
  { doubleQuote: false },
  { escapeChar: '\\', skipInitialSpace: true },
);
const encoding = fc.constantFrom('utf-8', 'utf-8', 'latin1', 'koi8-r');
const resource = fc.record({ names, dialect, encoding, table: fc.constantFrom(...MORE_NASTY_TABLES) });
type Sketch = typeof resource extends fc.Arbitrary<infer Value> ? Value : never;

const string = (field: string) => ({ name: field, type: 'string' });

function placesOf(descriptor: object): string[] {
  try {
    parseDictionary(descriptor);
    return [];
  } catch (error) {
    assert.ok(error instanceof LongshoreError, String((error as Error).stack));
    assert.equal(error.code, 'dictionary-invalid');
    return error.places.map(({ pointer }) => pointer!);
  }
}

/** With a primary key of the first field, a unique key of all, and a reference of the last to the first. */
function descriptorOf({ names: listed, dialect: of, encoding: label, table }: Sketch): object {
  const [first, last] = [listed[0]!, listed.at(-1)!];
  const schema = {
    fields: listed.map(string),
    primaryKey: [first],
    uniqueKeys: [listed],
    ...(last !== first && {
      foreignKeys: [{ fields: [last], reference: { resource: '', fields: [first] } }],
    }),
  };
  return { resources: [{ name: table, dialect: of, encoding: label, schema }] };
}

describe('the names of a dictionary', async () => {
  const home = await testHome({ after });
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url, poolSize: 4 });
  after(async () => db[Symbol.asyncDispose]());
  const storage = await openStorage(`file:${home}/storage`);
  after(() => rm(`${home}/storage`, { recursive: true, force: true }));

  it('are refused with every place at fault, those that are refused alone and no others', () => {
    fc.assert(
      fc.property(resource, ({ names: listed, dialect: of, encoding: label, table }) => {
        const descriptor = (fields: readonly string[]) => ({
          resources: [{ name: table, dialect: of, encoding: label, schema: { fields: fields.map(string) } }],
        });
        const expected = listed.flatMap((one, at) =>
          placesOf(descriptor([one])).length > 0 ? [`#/resources/0/schema/fields/${at}/name`] : [],
        );
        assert.deepEqual([...new Set(placesOf(descriptor(listed)))].sort(), expected.sort());
      }),
      { numRuns: 400 },
    );
  });

  it('accepted names work throughout: created, started twice, loaded in each mode, batched and read', async () => {
    let taken = 0;
    const accepted = resource.filter((sketch) => placesOf(descriptorOf(sketch)).length === 0);
    await fc.assert(
      fc.asyncProperty(accepted, async (sketch) => {
        const dictionary: Dictionary = parseDictionary(descriptorOf(sketch));
        const [table] = dictionary.tables;
        await emptySchema(db);
        await ensureTables(url, dictionary);
        const facts = await factsOf(db);
        assert.deepEqual(await ensureTables(url, dictionary), []);
        assert.deepEqual(await factsOf(db), facts);

        const row = (n: number) =>
          table!.fields.map((_, at) => (at === 0 ? `${n}` : `${Math.max(1, n - 1)}`));
        const load = async (mode: LoadMode, ...rows: number[]) => {
          const header = table!.dialect.header ? [sketch.names] : [];
          const text = csvOf([...header, ...rows.map(row)], table!.dialect);
          const bytes = Buffer.from(text, table!.encoding === 'utf-8' ? 'utf8' : 'latin1');
          const { id, file } = await loadFile({ db, storage, dictionary, table: table!, bytes, mode });
          assert.deepEqual(file, [], 'the header is not taken');
          const [counts] = await db.query<{ loaded: number; rejected: number }>(
            'select rows_loaded::int as loaded, rows_rejected::int as rejected from longshore.load where id = $1',
            [id],
          );
          return [counts?.loaded, counts?.rejected];
        };
        const { check, commit } = committer(db, compiledOf(dictionary));
        const object = (n: number) =>
          Object.fromEntries(table!.fields.map((one, at) => [one.name, row(n)[at]]));
        const ascii = table!.encoding === 'utf-8' || sketch.names.every((one) => /^[\0-\x7f]*$/.test(one));
        if (ascii || !table!.dialect.header) {
          assert.deepEqual(await load('replace', 1, 2, 2), [2, 1]);
          assert.deepEqual(await load('append', 3, 1), [1, 1]);
          assert.deepEqual((await load('merge', 3, 4))[1], 0);
        } else {
          // Later rows refer to these.
          const [outcome] = await commit(table!.name, [check(table!.name, [1, 2, 3, 4].map(object))]);
          assert.equal(ended(outcome!).view.rows.accepted, 4);
        }
        const outcomes = await commit(table!.name, [
          check(table!.name, [object(1), object(5), object(5)]),
          check(
            table!.name,
            csvOf([...(table!.dialect.header ? [sketch.names] : []), row(6)], table!.dialect),
            {
              format: 'csv',
            },
          ),
        ]);
        for (const outcome of outcomes) assert.equal(ended(outcome).view.rows.accepted > 0, true);
        const { rows } = await readRows(db, table!, { after: null, limit: 100 });
        assert.ok(rows.length >= 3);
        for (const { cells } of rows) assert.deepEqual(cells, row(Number(cells[0])));
        taken++;
      }),
      { numRuns: RUNS },
    );
    assert.ok(taken >= RUNS);
  });
});
