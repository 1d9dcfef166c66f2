import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { openDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { ensureTables, makeMissing } from '../../src/tables/ensure-tables.ts';
import { measureTables } from '../../src/tables/measure-tables.ts';
import { testDatabase } from '../support/database.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { testStack } from '../support/stack.ts';

const NAMES = ['whole', 'gone', 'short', 'retyped', 'view', 'locked'];
/** Enough for a connection of each to show. */
const FILLERS = Array.from({ length: 60 }, (_, n) => `filler_${n}`);
const WAIT = { prefer: 'wait=50' };
const DESCRIPTOR = {
  name: 'broken',
  resources: [...NAMES, ...FILLERS].map((name) => ({
    name,
    schema: {
      fields: [
        { name: 'id', type: 'integer' },
        { name: 'word', type: 'string' },
      ],
      primaryKey: 'id',
    },
  })),
};

interface Listed {
  readonly name: string;
  readonly rows: number;
  readonly rowsExact: boolean;
  readonly lastLoadId: number | null;
  readonly broken: { readonly code: string; readonly message: string; readonly remedy: string } | null;
}

describe('A table that somebody has changed in the database', async () => {
  const stack = await testStack({ after }, DESCRIPTOR);
  const { db, get, load, post, rows } = stack;
  for (const name of NAMES) {
    assert.equal((await load(name, 'id,word\n1,One\n2,Two\n')).body.status, 'done');
  }
  const whole = (await post('/v1/backups', {}, WAIT)).body as unknown as BackupView;
  assert.equal(whole.status, 'done');
  await db.query('drop table public.gone cascade');
  await db.query('alter table public.short drop column word cascade');
  await db.query('alter table public.retyped rename column word to other');
  await db.query('alter table public.retyped add column word integer');
  await db.query('drop table public.view cascade');
  await db.query(`create view public.view as select 1::bigint as id, 'x'::text as word`);

  const list = async () => {
    const { status, body } = await get('/v1/tables');
    assert.equal(status, 200, JSON.stringify(body));
    return (body as unknown as { readonly tables: readonly Listed[] }).tables;
  };
  const one = async (name: string) => (await list()).find((table) => table.name === name)!;

  it('is listed as broken, with what is wrong and what to do, beside the others', async () => {
    const tables = await list();
    const named = tables.filter(({ name }) => NAMES.includes(name));
    const broken = Object.fromEntries(named.map((table) => [table.name, table.broken?.message ?? null]));
    assert.deepEqual(broken, {
      whole: null,
      gone: 'the table gone is not in the database any more',
      short: 'the column word of short is not in the database any more',
      retyped: 'the column word of retyped is integer in the database, and text in the dictionary',
      view: 'view is no table in the database any more, but another relation',
      locked: null,
    });
    const listed = await one('whole');
    assert.deepEqual([listed.rows, listed.rowsExact, listed.lastLoadId], [2, true, 1]);
    const gone = await one('gone');
    assert.equal(gone.broken?.code, 'table-broken');
    assert.match(gone.broken?.remedy ?? '', /a restore brings back/);
  });

  it('says so itself, and where its rows are read', async () => {
    for (const name of ['gone', 'short', 'view']) {
      const { status, body } = await get(`/v1/tables/${name}`);
      assert.deepEqual([status, (body as unknown as Listed).broken?.code], [200, 'table-broken']);
      const read = await get(`/v1/tables/${name}/rows`);
      assert.deepEqual([read.status, read.body.code], [409, 'table-broken'], JSON.stringify(read.body));
    }
  });

  it('does not keep the list waiting while somebody has locked it', async () => {
    await db.transaction(async (tx) => {
      await tx.query('lock table public.locked in access exclusive mode');
      const { broken, rowsExact } = await one('locked');
      assert.deepEqual([broken, rowsExact], [null, false]);
      assert.equal((await one('whole')).rowsExact, true);
    });
    const again = await one('locked');
    assert.deepEqual([again.rows, again.rowsExact], [2, true]);
  });

  it('is left out by a backup of all tables, which says so, and refused where it is named', async () => {
    const { status, body } = await post('/v1/backups', {}, WAIT);
    const backup = body as unknown as BackupView;
    assert.deepEqual([status, backup.status], [201, 'done'], JSON.stringify(body));
    assert.deepEqual(
      backup.tables.map(({ table }) => table),
      ['whole', 'locked', ...FILLERS],
    );
    assert.ok(
      backup.warnings.includes(
        'the table gone is not in the database any more: this backup does not hold it',
      ),
    );
    const named = await post('/v1/tables/gone/backups', {}, WAIT);
    assert.deepEqual([named.status, named.body.code], [409, 'table-broken']);
  });

  it('is one of many that a backup reads over a few connections', async () => {
    const sessions = async () =>
      (
        await db.query<{ sessions: number }>(
          'select sessions::int as sessions from pg_stat_database where datname = current_database()',
        )
      )[0]!.sessions;
    const before = await sessions();
    const { body } = await post('/v1/backups', {}, WAIT);
    assert.equal(body.status, 'done', JSON.stringify(body));
    const opened = (await sessions()) - before;
    assert.ok(opened < FILLERS.length / 2, `${opened} connections were opened`);
  });

  it('comes back by a restore, whether it was dropped or lacks a column', async () => {
    const restore = (name: string, more: object = {}) =>
      post(`/v1/tables/${name}/restore`, { backup: whole.id, ...more }, WAIT);
    const rehearsed = await restore('gone', { dryRun: true });
    assert.deepEqual([rehearsed.status, rehearsed.body.code], [409, 'table-broken']);
    const brought = [await restore('gone'), await restore('short')];
    assert.deepEqual(
      brought.map(({ status, body }) => [status, body.status]),
      [
        [201, 'done'],
        [201, 'done'],
      ],
      JSON.stringify(brought),
    );
    for (const name of ['gone', 'short']) {
      assert.equal((await one(name)).broken, null);
      assert.deepEqual(
        (await rows(name)).map(({ word }) => word),
        ['One', 'Two'],
      );
    }
  });
});

describe('The list of tables', () => {
  it('takes two statements for hundreds of tables as for ten, whose rows it counts', async (t) => {
    const { url } = await testDatabase(t);
    const resources = Array.from({ length: 300 }, (_, n) => ({
      name: `t${n}`,
      schema: { fields: [{ name: 'id', type: 'integer' }] },
    }));
    const dictionary = parseDictionary({ name: 'many', resources });
    await ensureTables(url, dictionary);
    await using db = await openDatabase({ url });
    await db.query('insert into public.t7 select n from generate_series(1, 3) n');
    let statements = 0;
    const counting: typeof db.query = (text, values) => {
      statements++;
      return db.query(text, values);
    };
    for (const tables of [dictionary.tables.slice(0, 10), dictionary.tables]) {
      statements = 0;
      const sizes = await measureTables({ ...db, query: counting }, tables);
      assert.equal(statements, 2);
      assert.equal(sizes.length, tables.length);
      assert.ok(sizes.every(({ rows, rowsExact }, n) => rowsExact && rows === (n === 7 ? 3 : 0)));
    }
    // So does a start that has nothing to change.
    const transaction: typeof db.transaction = (work) =>
      db.transaction((tx) =>
        work({
          ...tx,
          query: (text, values) => {
            statements++;
            return tx.query(text, values);
          },
        }),
      );
    const counts = [];
    for (const tables of [dictionary.tables.slice(0, 10), dictionary.tables]) {
      statements = 0;
      const names = tables.map(({ name }) => name);
      await makeMissing({ ...db, transaction }, dictionary, names);
      counts.push(statements);
    }
    assert.equal(counts[0], counts[1]);
    assert.ok(counts[0]! > 0 && counts[0]! < 20, `${counts[0]} statements`);
  });

  it('names tables that the role may not read', async (t) => {
    const { url } = await plainDatabase(t);
    await migrate(url);
    const dictionary = parseDictionary(DESCRIPTOR);
    await ensureTables(url, dictionary);
    await using db = await openDatabase({ url });
    await db.query('revoke select on public.short from current_user');
    const broken = (await measureTables(db, dictionary.tables)).flatMap((one) => one.broken ?? []);
    assert.deepEqual(broken, ['the role that Longshore uses may not read short any more']);
  });

  it('has the rows of all tables when one of them has been locked or dropped in between', async (t) => {
    const { url } = await testDatabase(t);
    const dictionary = parseDictionary(DESCRIPTOR);
    await ensureTables(url, dictionary);
    await using db = await openDatabase({ url });
    const dropping: typeof db.query = async (text, values) => {
      const rows = await db.query(text, values);
      if (!text.includes('count(*)')) await db.query('drop table if exists public.gone');
      return rows as never;
    };
    const sizes = await measureTables({ ...db, query: dropping }, dictionary.tables);
    assert.deepEqual(
      sizes.filter(({ rowsExact }) => !rowsExact).map(({ name }) => name),
      ['gone'],
    );
    assert.match(sizes.find(({ name }) => name === 'gone')?.broken ?? '', /does not exist/);
  });
});
