import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { quoteName, quoteNames } from '../../src/db/sql-names.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { type Random, sfc32 } from '../../src/sample/random.ts';
import { extremeTable } from '../support/extreme-values.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const TABLES = 14;
const ROWS = 40;
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);

/** SQL that makes a value of each type out of a number, another one for another number. */
const VALUES: Readonly<Record<string, (n: number) => string>> = {
  integer: (n) => `${n}`,
  number: (n) => `${n}.${'0'.repeat(n % 3)}5`,
  string: (n) => `'text ${n} "\\'''`,
  boolean: (n) => `${n % 2 === 0}`,
  date: (n) => `date '2000-01-01' + ${n}`,
  datetime: (n) => `timestamptz '2000-01-01T00:00:00.000001Z' + ${n} * interval '1 hour'`,
  time: (n) => `time '00:00' + ${n} * interval '1 second'`,
};
const KEY_TYPES = ['integer', 'string', 'date', 'datetime', 'number'] as const;

interface MadeTable {
  readonly resource: Record<string, unknown> & { readonly name: string };
  /** Statements that fill it; after those of the tables it references. */
  readonly fill: readonly string[];
  /** What people hang on tables: nothing of it may be lost. */
  readonly hangers: readonly string[];
}

/**
 * Tables of any shape that a dictionary can describe: of no, one or two key fields, unique keys, references to others
 * and to themselves, odd names; with rows, and with things of users hanging on them.
 */
function makeTables(random: Random): MadeTable[] {
  const made: (MadeTable & { readonly key: readonly { readonly name: string; readonly type: string }[] })[] =
    [];
  for (let no = 0; no < TABLES; no++) {
    const name = random.chance(0.3) ? `Odd_Table_${no}` : `t${no}`;
    const key = Array.from({ length: random.below(3) }, (_, i) => ({
      name: `k${i}`,
      type: KEY_TYPES[random.below(KEY_TYPES.length)]!,
    }));
    const others = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
      name: `f${i}`,
      type: Object.keys(VALUES)[random.below(7)]!,
      constraints: { required: random.chance(0.3), ...(random.chance(0.2) && { unique: true }) },
    })).map((field) => (field.type === 'boolean' ? { ...field, constraints: {} } : field));
    const parents = [...made.filter(() => random.chance(0.25))].filter((one) => one.key.length > 0);
    const self = key.length > 0 && random.chance(0.3);
    const references = [
      ...parents.map((parent, i) => ({ to: parent.resource.name, key: parent.key, prefix: `p${i}` })),
      ...(self ? [{ to: '', key, prefix: 'self' }] : []),
    ];
    const links = references.flatMap(({ key: of, prefix }) =>
      of.map((field) => ({ name: `${prefix}_${field.name}`, type: field.type })),
    );
    const foreignKeys = references.map(({ to, key: of, prefix }) => ({
      fields: of.map((field) => `${prefix}_${field.name}`),
      reference: { resource: to, fields: of.map((field) => field.name) },
    }));
    const fields = [...key, ...others, ...links];
    const rows = Array.from({ length: ROWS }, (_, row) => {
      const to = random.below(ROWS);
      const cells = [
        ...key.map(({ type }) => VALUES[type]!(row)),
        ...others.map(({ type, constraints }) =>
          !('required' in constraints && constraints.required) && random.chance(0.2)
            ? 'null'
            : VALUES[type]!(row),
        ),
        ...links.map(({ type }) => (row % 5 === 0 ? 'null' : VALUES[type]!(to))),
      ];
      return `(${cells.join(', ')}, ${row % 3 === 0 ? 'null' : 7}, ${row})`;
    });
    const columns = [...fields.map((field) => field.name), '_load_id', '_line'].map((one) => quoteName(one));
    const table = quoteName(name);
    made.push({
      key,
      resource: {
        name,
        dialect: { header: false },
        schema: {
          fields,
          ...(key.length > 0 && { primaryKey: key.map((field) => field.name) }),
          foreignKeys,
        },
      },
      fill: [`insert into ${table} (${columns.join(', ')}) values ${rows.join(', ')}`],
      hangers: [
        `create view "view of ${name}" as select * from ${table}`,
        `create index on ${table} (_line)`,
        `alter table ${table} add column more int`,
        `alter table ${table} add constraint "some check" check (_line >= 0)`,
        `create trigger watch before insert on ${table} for each row execute function suppress_nothing()`,
        `comment on table ${table} is 'it''s a table'`,
        `grant select, update on ${table} to public`,
        `create table "child of ${name}" as select _line from ${table}`,
      ].filter(() => random.chance(0.15)),
    });
  }
  return made;
}

describe(`restores of tables of any shape (TEST_SEED=${SEED})`, async () => {
  const made = makeTables(sfc32(SEED));
  const extremes = extremeTable('extremes');
  const fields = extremes.table.fields.map(({ name, type, constraints }) => ({ name, type, constraints }));
  const odd = { name: 'extremes', dialect: { header: false }, schema: { fields } };
  const dictionary = { name: 'shapes', resources: [...made.map(({ resource }) => resource), odd] };
  const stack = await testStack({ after }, dictionary, {
    env: { LONGSHORE_BACKUP_KEY: randomBytes(32).toString('hex') },
  });
  const { db } = stack;

  it('leave rows, keys, indexes, constraints, grants and whatever hangs on them as they were', async () => {
    await db.query(
      `create function suppress_nothing() returns trigger language plpgsql as $$ begin return new; end $$`,
    );
    for (const { fill, hangers } of made) for (const sql of [...fill, ...hangers]) await db.query(sql);
    const types = extremes.table.fields.map((_, i) => `$${i + 1}`);
    const names = quoteNames(extremes.table.fields.map(({ name }) => name));
    for (const row of extremes.rows) {
      await db.query(`insert into extremes (${names}, _line) values (${types.join(', ')}, 1)`, [...row]);
    }
    const backup = await done<BackupView>('/v1/backups');
    assert.equal(backup.encrypted, true);
    const before = await state(stack);
    await done(`/v1/backups/${backup.id}/verify`);
    assert.deepEqual(await state(stack), before);

    await db.query(`truncate ${dictionary.resources.map(({ name }) => quoteName(name)).join(', ')}`);
    await done(`/v1/backups/${backup.id}/restore`, { safety: false });
    assert.deepEqual(await state(stack), before);
    // Over what is there, by the swap or in place.
    const again = await done<RestoreView>(`/v1/backups/${backup.id}/restore`, { compare: true });
    assert.deepEqual(await state(stack), before);
    for (const { added, removed, changed } of again.changes) {
      assert.deepEqual([added, removed, changed ?? 0], [0, 0, 0]);
    }
  });

  it('are refused where a column that no backup holds would lose its values', async () => {
    await db.query('alter table extremes add column own int');
    await db.query('update extremes set own = 1 where _line = 1');
    const before = await state(stack);
    const backup = await done<BackupView>('/v1/tables/extremes/backups');
    const refused = await stack.post(`/v1/backups/${backup.id}/restore`, {}, { prefer: 'wait=50' });
    assert.deepEqual([refused.status, refused.body.code], [409, 'restore-state']);
    assert.match(refused.body.detail ?? '', /column own of extremes/);
    assert.deepEqual(await state(stack), before);
    await db.query('update extremes set own = null');
    await done(`/v1/backups/${backup.id}/restore`);
  });

  async function done<T>(path: string, body: object = {}): Promise<T> {
    const answer = await stack.post(path, body, { prefer: 'wait=50' });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body as unknown as T;
  }
});

/** Every row of the schema's tables, by its text, and all that the catalog says of them. */
async function state({ db }: TestStack): Promise<unknown> {
  const tables = await db.query<Record<string, unknown> & { name: string }>(
    `select c.oid::regclass::text as name, c.relkind, c.relowner::regrole::text as owner, c.relacl::text as acl,
            obj_description(c.oid) as comment,
            array(select format('%s %s %s', attname, atttypid::regtype, attnotnull) from pg_attribute
                   where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns,
            array(select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
                   where conrelid = c.oid order by conname) as constraints,
            array(select pg_get_indexdef(indexrelid) from pg_index where indrelid = c.oid order by 1) as indexes,
            array(select pg_get_triggerdef(oid) from pg_trigger
                   where tgrelid = c.oid and not tgisinternal order by tgname) as triggers
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') order by 1`,
  );
  const rows: Record<string, unknown> = {};
  for (const { name } of tables) {
    const [row] = await db.query(`select array_agg(t::text order by t::text) as rows from ${name} t`);
    rows[name] = row?.rows;
  }
  return { tables, rows };
}
