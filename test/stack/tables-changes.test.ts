import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { quoteName, quoteNames } from '../../src/db/sql-names.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import type { Dictionary, Table } from '../../src/types.ts';
import { testDatabase } from '../support/database.ts';
import { emptySchema, factsOf, insertSome, rulesOf, ruleText } from '../support/table-facts.ts';

const RUNS = Number(process.env.TEST_RUNS ?? 60);

interface FieldSketch {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly unique: boolean;
  readonly description: string | undefined;
}

interface TableSketch {
  readonly name: string;
  readonly fields: readonly FieldSketch[];
  readonly primaryKey: readonly string[];
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly foreignKeys: readonly { readonly fields: readonly string[]; readonly to: string }[];
  readonly description: string | undefined;
  /** By column as SQL takes it; what does not fit is left out. */
  readonly rows: readonly (readonly (number | null)[])[];
}

/** Few names, so that what leaves one place often comes in another: much looks like a rename. */
const NAMES = ['id', 'a', 'b', 'a_b', 'C'];
const TABLES = ['t', 'u', 't_a'];
const VALUES: Readonly<Record<string, (n: number) => string>> = {
  integer: (n) => `${n}`,
  string: (n) => `text ${n}`,
  date: (n) => `2026-01-0${n + 1}`,
};

const description = fc.option(fc.constantFrom('one', "it's \\ another"), { nil: undefined });
const field = fc.record({
  name: fc.constantFrom(...NAMES),
  type: fc.constantFrom('integer', 'integer', 'string', 'date'),
  required: fc.boolean(),
  unique: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  description,
});
const fields = fc.uniqueArray(field, { minLength: 1, maxLength: 5, selector: ({ name }) => name });
const key = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 2 });
const table: fc.Arbitrary<TableSketch> = fc.record({
  name: fc.constantFrom(...TABLES),
  fields,
  primaryKey: fc.oneof(fc.constant(['id']), fc.constant([]), key),
  uniqueKeys: fc.array(key, { maxLength: 2 }),
  foreignKeys: fc.array(fc.record({ fields: key, to: fc.constantFrom(...TABLES) }), { maxLength: 3 }),
  description,
  rows: fc.array(fc.array(fc.option(fc.nat(2)), { minLength: 5, maxLength: 5 }), { maxLength: 5 }),
});
const tables = fc.uniqueArray(table, { minLength: 1, maxLength: 3, selector: ({ name }) => name });

/** Small edits of a dictionary: what an operator does between two starts. */
const edit = fc.record({
  table: fc.nat(2),
  field: fc.nat(4),
  what: fc.constantFrom(
    'rename',
    'retype',
    'drop',
    'add',
    'reorder',
    'require',
    'unique',
    'describe',
    'keys',
    'leave',
  ),
  with: field,
  keys: table,
});
type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never;

const change = fc.record({
  before: tables,
  after: fc.oneof(
    { weight: 4, arbitrary: fc.array(edit, { minLength: 0, maxLength: 4 }) },
    { weight: 1, arbitrary: tables.map((made) => ({ made })) },
  ),
  hangers: fc.subarray(['column', 'comments', 'index', 'view', 'default', 'check', 'required']),
});

function apply(sketch: readonly TableSketch[], edits: readonly Edit[]): TableSketch[] {
  let result = [...sketch];
  for (const { table: at, field: no, what, with: other, keys } of edits) {
    const old = result[at % result.length]!;
    const place = no % old.fields.length;
    const free = !old.fields.some(({ name }) => name === other.name);
    const replace = (fieldsNow: readonly FieldSketch[]): TableSketch => ({ ...old, fields: fieldsNow });
    const put = (more: Partial<FieldSketch>) =>
      replace(old.fields.map((one, i) => (i === place ? { ...one, ...more } : one)));
    const edited: Record<typeof what, () => TableSketch | null> = {
      rename: () => (free ? put({ name: other.name }) : old),
      retype: () => put({ type: other.type }),
      drop: () => (old.fields.length > 1 ? replace(old.fields.filter((_, i) => i !== place)) : old),
      add: () => (free ? replace([...old.fields, other]) : old),
      reorder: () => replace([...old.fields].reverse()),
      require: () => put({ required: other.required }),
      unique: () => put({ unique: true }),
      describe: () => ({ ...put({ description: other.description }), description: keys.description }),
      keys: () => ({ ...old, uniqueKeys: keys.uniqueKeys, foreignKeys: keys.foreignKeys }),
      leave: () => (result.length > 1 ? null : old),
    };
    const now = edited[what]();
    result = result.flatMap((one) => (one === old ? (now === null ? [] : [now]) : [one]));
  }
  return result;
}

/** The dictionary of a sketch: rules that it can not have, since a field or table is not there, are left out. */
function dictionaryOf(sketch: readonly TableSketch[]): Dictionary {
  const resources = sketch.map((one, no) => {
    const has = (names: readonly string[]) =>
      names.every((name) => one.fields.some((each) => each.name === name));
    const primaryKey = has(one.primaryKey) ? one.primaryKey : [];
    const foreignKeys = one.foreignKeys.flatMap(({ fields: from, to }) => {
      // Only back, so that no circle comes about.
      const target = sketch.slice(0, no + 1).find(({ name }) => name === to);
      const key = target?.primaryKey ?? [];
      const typeOf = (of: TableSketch, name: string) => of.fields.find((each) => each.name === name)?.type;
      const fits =
        target !== undefined &&
        has(from) &&
        key.length === from.length &&
        key.every((name, i) => typeOf(target, name) && typeOf(target, name) === typeOf(one, from[i]!));
      return fits ? [{ fields: from, reference: { resource: to, fields: key } }] : [];
    });
    return {
      name: one.name,
      ...(one.description && { description: one.description }),
      schema: {
        fields: one.fields.map(({ name, type, required, unique, description: text }) => ({
          name,
          type,
          constraints: { required, unique },
          ...(text && { description: text }),
        })),
        ...(primaryKey.length > 0 && { primaryKey }),
        ...(one.uniqueKeys.some(has) && { uniqueKeys: one.uniqueKeys.filter(has) }),
        foreignKeys,
      },
    };
  });
  return parseDictionary({ name: 'changes', resources });
}

/** What an operator's own hands may have put on the first table. */
const HANGERS: Readonly<Record<string, (table: string, column: string) => string>> = {
  column: (name) => `alter table ${name} add column mine int default 7`,
  comments: (name, column) =>
    `comment on table ${name} is 'mine'; comment on column ${name}.${column} is 'mine too'`,
  index: (name, column) => `create index mine on ${name} (${column})`,
  view: (name) => `create view my_view as select * from ${name}`,
  default: (name) => `alter table ${name} alter column _line set default 3`,
  check: (name) => `alter table ${name} add constraint mine check (_line is null or _line < 100)`,
  required: (name) => `alter table ${name} add column must int not null default 1`,
};

function requiredIn(one: Table, name: string): boolean {
  const found = one.fields.find((each) => each.name === name);
  return found?.constraints.required === true || one.primaryKey.includes(name);
}

/** The places that a start has to name, worked out from both dictionaries and the rows. */
async function placesAtOdds(db: Database, from: Dictionary, to: Dictionary): Promise<string[]> {
  const places: string[] = [];
  const old = new Map(from.tables.map((one) => [one.name, one]));
  const atOdds = new Set<string>();
  for (const now of to.tables) {
    const was = old.get(now.name);
    if (was === undefined) continue;
    const odd = (name: string) => {
      places.push(`${now.name}.${name}: `);
      atOdds.add(JSON.stringify([now.name, name]));
    };
    for (const { name, type } of now.fields) {
      const there = was.fields.find((each) => each.name === name);
      if (there === undefined && requiredIn(now, name)) odd(name);
      if (there && (there.type !== type || (requiredIn(now, name) && !requiredIn(was, name)))) odd(name);
    }
    for (const { name } of was.fields) {
      if (requiredIn(was, name) && !now.fields.some((each) => each.name === name)) odd(name);
    }
    const same = new Set(was.primaryKey).symmetricDifference(new Set(now.primaryKey)).size === 0;
    if (was.primaryKey.length > 0 && now.primaryKey.length > 0 && !same) {
      places.push(`${now.name}: the database has the primary key`);
    }
  }
  for (const now of to.tables) {
    const was = old.get(now.name);
    if (was === undefined) continue;
    const usable = (of: string, names: readonly string[]) =>
      names.every(
        (name) =>
          old.get(of)?.fields.some((each) => each.name === name) && !atOdds.has(JSON.stringify([of, name])),
      );
    const uniques = now.fields.filter(({ constraints }) => constraints.unique).map(({ name }) => [name]);
    for (const names of [...uniques, ...now.uniqueKeys]) {
      if (!usable(now.name, names)) continue;
      const present = names.map((name) => `${quoteName(name)} is not null`).join(' and ');
      const twice = await db.query(
        `select 1 from ${quoteName(now.name)} where ${present} group by ${quoteNames(names)} having count(*) > 1`,
      );
      if (twice.length > 0) places.push(`${now.name}: the unique key (`);
    }
    for (const { fields: names, reference } of now.foreignKeys) {
      if (!usable(now.name, names)) continue;
      const { table: target, fields: keys } = reference;
      if (old.has(target) && !usable(target, keys)) continue;
      const present = names.map((name) => `c.${quoteName(name)} is not null`).join(' and ');
      const pairs = names.map((name, i) => `c.${quoteName(name)} = p.${quoteName(keys[i]!)}`).join(' and ');
      const parent = old.has(target)
        ? `and not exists (select from ${quoteName(target)} p where ${pairs})`
        : '';
      const lost = await db.query(
        `select 1 from ${quoteName(now.name)} c where ${present} ${parent} limit 1`,
      );
      if (lost.length > 0) places.push(`${now.name}: the foreign key (${names.join(', ')}) to ${target} (`);
    }
  }
  return places;
}

function wantedRules({ tables: all }: Dictionary): string[] {
  return all.flatMap((one) => {
    const primary = one.primaryKey.length > 0 ? [ruleText('p', one.name, one.primaryKey)] : [];
    const uniques = [
      ...one.fields.filter(({ constraints }) => constraints.unique).map(({ name }) => [name]),
      ...one.uniqueKeys,
    ].filter((names) => !primary.includes(ruleText('p', one.name, names)));
    const references = one.foreignKeys.map(({ fields: names, reference }) =>
      ruleText(
        'f',
        one.name,
        names.map((name, i) => `${name}>${reference.fields[i]}`),
        reference.table,
      ),
    );
    return [...primary, ...uniques.map((names) => ruleText('u', one.name, names)), ...references];
  });
}

describe('a start with another dictionary', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>;
  let db: Database;
  before(async () => {
    database = await testDatabase();
    db = await openDatabase({ url: database.url, poolSize: 2 });
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function start(dictionary: Dictionary): Promise<LongshoreError | null> {
    try {
      await ensureTables(database.url, dictionary);
      return null;
    } catch (error) {
      assert.ok(error instanceof LongshoreError, String(error));
      assert.equal(error.code, 'dictionary-conflict');
      return error;
    }
  }

  it('leaves all that is there as it is, and either adds every rule or names all that is at odds', async () => {
    let added = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ before: sketch, after: next, hangers }) => {
        const from = dictionaryOf(sketch);
        const to = dictionaryOf('made' in next ? next.made : apply(sketch, next));
        await emptySchema(db);
        assert.equal(await start(from), null);
        const rules = await rulesOf(db);
        assert.deepEqual(
          wantedRules(from).filter((rule) => !rules.has(rule)),
          [],
          'rules that are not there',
        );
        for (const one of from.tables) {
          const { rows } = sketch.find(({ name }) => name === one.name)!;
          const columns = one.fields.map(({ name }) => name);
          const cells = rows.map((row) =>
            one.fields.map(({ type }, i) => (row[i] == null ? null : VALUES[type]!(row[i]))),
          );
          await insertSome(db, one.name, columns, cells);
        }
        const first = from.tables[0]!;
        for (const hanger of hangers) {
          const sql = HANGERS[hanger]!(quoteName(first.name), quoteName(first.fields[0]!.name));
          for (const statement of sql.split('; ')) await db.query(statement);
        }
        const places = await placesAtOdds(db, from, to);
        const facts = await factsOf(db);
        const error = await start(to);
        const now = await factsOf(db);
        if (error !== null) {
          refused++;
          const details = error.places.map(({ detail }) => detail);
          assert.deepEqual(
            places.filter((place) => !details.some((detail) => detail.startsWith(place))),
            [],
            `places that are not named in ${error.message}`,
          );
          assert.ok(places.length > 0, `nothing is at odds, and yet: ${error.message}`);
          assert.deepEqual([...now].sort(), [...facts].sort(), 'a start that was refused changed something');
          return;
        }
        if (now.size > facts.size) added++;
        assert.deepEqual(places, [], 'places that were not named');
        assert.deepEqual([...facts.difference(now)], [], 'what is not as it was');
        const rulesNow = await rulesOf(db);
        assert.deepEqual(
          wantedRules(to).filter((rule) => !rulesNow.has(rule)),
          [],
          'rules that are not there',
        );
        assert.equal(await start(to), null);
        assert.deepEqual(await factsOf(db), now, 'a second start changed something');
        await start(from);
        const back = await factsOf(db);
        assert.deepEqual(
          [...now.difference(back)],
          [],
          'what is not as it was, with the first dictionary again',
        );
      }),
      { numRuns: RUNS },
    );
    assert.ok(added > 0 && refused > 0, `${added} added, ${refused} refused`);
  });
});
