import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import type { Difference } from '../../src/restores/differences.ts';
import type { TableChange } from '../../src/restores/restore.ts';
import { testStack } from '../support/stack.ts';

const text = (name: string, more = {}) => ({ name, type: 'string', ...more });
const whole = (name: string) => ({ name, type: 'integer' });
/** Of these tables only the letter `-` is a missing value: an empty cell is an empty text. */
const table = (name: string, fields: readonly object[], primaryKey?: readonly string[]) => ({
  name,
  dialect: { header: false },
  schema: { fields, missingValues: ['-'], ...(primaryKey && { primaryKey }) },
});
const dictionary = {
  name: 'diffs',
  resources: [
    table('plain', [whole('id'), text('a'), whole('n')], ['id']),
    table(
      'paired',
      [text('b'), whole('a'), text('value'), { name: 'at', type: 'datetime' }],
      ['a', 'b', 'at'],
    ),
    table('keyless', [text('a'), whole('n')]),
    table('same', [whole('id'), text('a')], ['id']),
    table('bare', [whole('id'), text('a')], ['id']),
  ],
};
const ROWS = 600;
const AT = '2021-01-01T00:00:00.000001Z';
const lines = (count: number, line: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => `${line(n)}\n`).join('');

interface Page {
  readonly counts: TableChange;
  readonly same: number;
  readonly differences: readonly Difference[];
  readonly next: string | null;
}

describe('comparisons of a backup with a table', async () => {
  const stack = await testStack({ after }, dictionary);
  const { db, get, load } = stack;
  let backup: BackupView;

  before(async () => {
    await fill(
      'plain',
      lines(ROWS, (n) => `${n},${n % 7 === 0 ? '' : n % 7 === 1 ? '-' : `text ${n}`},${n}`),
    );
    await fill(
      'paired',
      lines(40, (n) => `${n % 2 === 0 ? 'z' : '"é ""q""\\"'},${n >> 1},v${n},${AT}`),
    );
    await fill(
      'keyless',
      lines(30, (n) => `${n % 3 === 0 ? '' : n % 3 === 1 ? '-' : 'x'},${n % 6}`),
    );
    await fill(
      'same',
      lines(5, (n) => `${n},t`),
    );
    const made = await stack.post('/v1/backups', {}, { prefer: 'wait=50' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    backup = made.body as unknown as BackupView;
    for (const { name } of dictionary.resources) {
      await db.query(`create table ${quoteName(`${name}_then`)} as select * from ${quoteName(name)}`);
    }
  });

  const fill = async (name: string, csv: string) => {
    const { body } = await load(name, csv);
    assert.deepEqual([body.status, body.rows?.rejected], ['done', 0], JSON.stringify(body));
  };
  const page = async (path: string): Promise<Page> => {
    const { status, body } = await get(path);
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as Page;
  };
  const first = (name: string, query = '') => page(`/v1/backups/${backup.id}/diff?table=${name}${query}`);
  const all = async (name: string, limit: number): Promise<Page[]> => {
    const pages = [await first(name, `&limit=${limit}`)];
    for (let next = pages[0]!.next; next !== null; next = pages.at(-1)!.next) {
      pages.push(await page(next));
      assert.ok(pages.length <= 2 * ROWS, 'the pages come to an end');
    }
    return pages;
  };
  /** A new comparison reads the table's counts anew. */
  const forget = () =>
    db.query('update longshore.restore set keep_until = now() where keep_until is not null');
  /** What PostgreSQL counts, between the table and the copy that was made of it when the backup was. */
  const counted = async (name: string, key: string) => {
    const [row] = await db.query<{ added: number; removed: number; changed: number; same: number }>(
      `select (select count(*)::int from ${name}_then s where not exists (select from ${name} t where (${of('t', key)}) = (${of('s', key)}))) as added,
              (select count(*)::int from ${name} t where not exists (select from ${name}_then s where (${of('t', key)}) = (${of('s', key)}))) as removed,
              (select count(*)::int from ${name}_then s join ${name} t on (${of('t', key)}) = (${of('s', key)})
                where to_jsonb(s) is distinct from to_jsonb(t)) as changed,
              (select count(*)::int from ${name}_then s join ${name} t on (${of('t', key)}) = (${of('s', key)})
                where to_jsonb(s) = to_jsonb(t)) as same`,
    );
    return { ...row };
  };
  const of = (alias: string, key: string) =>
    key
      .split(',')
      .map((name) => `${alias}.${name}`)
      .join(', ');
  const countsOf = ({ counts: { added, removed, changed }, same }: Page) => ({
    added,
    removed,
    changed,
    same,
  });
  const kinds = (differences: readonly Difference[]) => {
    const found = { added: 0, removed: 0, changed: 0 };
    for (const { kind } of differences) found[kind]++;
    return found;
  };

  it('comparisons of an unchanged table are empty, whatever the limit', async () => {
    for (const name of ['same', 'plain', 'paired', 'keyless', 'bare']) {
      const found = await first(name, '&limit=1');
      assert.deepEqual([found.differences, found.next], [[], null], name);
      const { added, removed, changed, rowsNow } = found.counts;
      assert.deepEqual([added, removed, changed ?? 0, found.same], [0, 0, 0, rowsNow], name);
    }
  });

  it('tell a null from an empty text, both ways', async () => {
    await forget();
    await db.query(`update plain set a = null where id = 7`);
    await db.query(`update plain set a = '' where id = 8`);
    await db.query(`update plain set a = null, n = null where id = 9`);
    // Written, and as it was.
    await db.query('update plain set a = a, _line = 0 where id = 10');
    const { differences, ...found } = await first('plain');
    assert.deepEqual(differences, [
      { key: ['7'], kind: 'changed', fields: { a: { backup: '', now: null } } },
      { key: ['8'], kind: 'changed', fields: { a: { backup: null, now: '' } } },
      {
        key: ['9'],
        kind: 'changed',
        fields: { a: { backup: 'text 9', now: null }, n: { backup: '9', now: null } },
      },
    ]);
    assert.deepEqual([found.counts.changed, found.same], [3, ROWS - 3]);
    await db.query(
      'update plain p set a = t.a, n = t.n, _line = t._line from plain_then t where t.id = p.id',
    );
  });

  it('count what PostgreSQL counts, and page through every difference once', async () => {
    await forget();
    await db.query('delete from plain where id % 5 = 0');
    await db.query(`update plain set a = coalesce(a, '') || 'x' where id % 4 = 1`);
    await db.query(`insert into plain (id, a, n) select -n, null, n from generate_series(1, 37) n`);
    const wanted = await counted('plain', 'id');
    assert.ok(Object.values(wanted).every((n) => n > 0));
    const [whole] = await all('plain', 1000);
    assert.deepEqual(countsOf(whole!), wanted);
    const { same, ...numbers } = wanted;
    assert.deepEqual(kinds(whole!.differences), numbers);
    const total = whole!.differences.length;
    for (const limit of [1000, total, total - 1, Math.ceil(total / 2), 7]) {
      const pages = await all('plain', limit);
      assert.equal(pages.length, Math.ceil(total / limit), `pages of ${limit}`);
      assert.deepEqual(
        pages.flatMap(({ differences }) => differences),
        whole!.differences,
      );
      assert.ok(pages.slice(0, -1).every(({ differences }) => differences.length === limit));
    }
    assert.equal(whole!.next, null);
    assert.equal((await first('plain', `&limit=${total}`)).next, null, 'the limit is just reached');
    const keys = whole!.differences.map(({ key }) => Number(key[0]));
    assert.deepEqual(
      keys,
      [...keys].sort((a, b) => a - b),
    );
  });

  it('pages after the last difference, and after a primary key that does not exist, continue correctly', async () => {
    const after = (key: readonly unknown[]) =>
      `&after=${Buffer.from(JSON.stringify(key)).toString('base64url')}`;
    const { differences } = await first('plain', '&limit=1000');
    assert.deepEqual((await first('plain', after(differences.at(-1)!.key))).differences, []);
    assert.equal((await first('plain', after(differences.at(-1)!.key))).next, null);
    assert.deepEqual((await first('plain', after(['999999999']))).differences, []);
    assert.deepEqual((await first('plain', `${after(['-1000'])}&limit=1000`)).differences, differences);
    // 14 is no difference: the page begins with the next one.
    const from = differences.findIndex(({ key }) => Number(key[0]) > 14);
    assert.ok(!differences.some(({ key }) => key[0] === '14'));
    assert.deepEqual(
      (await first('plain', `${after(['14'])}&limit=3`)).differences,
      differences.slice(from, from + 3),
    );
    for (const wrong of [
      after(['x']),
      after(['1', '2']),
      after([]),
      after([1]),
      '&after=%%%',
      '&after=e30',
      '&limit=0',
      '&limit=1001',
    ]) {
      const { status, body } = await get(`/v1/backups/${backup.id}/diff?table=plain${wrong}`);
      assert.deepEqual([status, body.code], [400, 'invalid-request'], wrong);
    }
  });

  it('go by keys of several fields, in their order, a row at a time', async () => {
    await forget();
    await db.query(`delete from paired where a in (3, 11) and b = 'z'`);
    await db.query(`update paired set value = 'other' where a % 4 = 0`);
    // A key that differs in its last microsecond is another row.
    await db.query(`update paired set at = at + interval '1 microsecond' where a = 5`);
    const wanted = await counted('paired', 'a,b,at');
    const [whole] = await all('paired', 1000);
    assert.deepEqual(countsOf(whole!), wanted);
    assert.deepEqual([wanted.added, wanted.removed, wanted.changed], [4, 2, 10]);
    const pages = await all('paired', 1);
    assert.equal(pages.length, 16);
    assert.deepEqual(
      pages.flatMap(({ differences }) => differences),
      whole!.differences,
    );
    const order = await db.query<{ key: string[] }>(
      `select array[a::text, b, to_jsonb(at) #>> '{}'] as key
         from ((select a, b, at, value from paired_then except all select a, b, at, value from paired)
               union (select a, b, at, value from paired except all select a, b, at, value from paired_then)) d
        group by a, b, at order by a, b, at`,
    );
    assert.deepEqual(
      whole!.differences.map(({ key }) => key),
      order.map(({ key }) => key),
    );
  });

  it('comparisons of a table without a primary key count each repetition of a row, and list none', async () => {
    await forget();
    await db.query(
      `delete from keyless where ctid in (select ctid from keyless where a is null and n = 1 limit 2)`,
    );
    await db.query(`update keyless set a = null where a = '' and n = 0`);
    await db.query(`insert into keyless (a, n) values ('x', 2), ('new', null)`);
    const [wanted] = await db.query(
      `select (select count(*)::int from (select a, n from keyless_then except all select a, n from keyless) d) as added,
              (select count(*)::int from (select a, n from keyless except all select a, n from keyless_then) d) as removed`,
    );
    const found = await first('keyless', '&limit=1');
    const { added, removed, changed, rowsNow, rowsInBackup } = found.counts;
    assert.deepEqual({ added, removed }, { ...wanted });
    assert.deepEqual([changed, rowsNow, rowsInBackup], [null, 30, 30]);
    assert.deepEqual([found.differences, found.next, found.same], [[], null, 30 - (added ?? 0)]);
  });

  it('comparisons of a table that was or is empty list all of the rows', async () => {
    await forget();
    await db.query(`insert into bare (id, a) values (1, 'a'), (2, null)`);
    await db.query('truncate same');
    const bare = await first('bare');
    assert.deepEqual(bare.differences, [
      {
        key: ['1'],
        kind: 'removed',
        fields: { id: { backup: null, now: '1' }, a: { backup: null, now: 'a' } },
      },
      {
        key: ['2'],
        kind: 'removed',
        fields: { id: { backup: null, now: '2' }, a: { backup: null, now: null } },
      },
    ]);
    assert.deepEqual(countsOf(bare), { added: 0, removed: 2, changed: 0, same: 0 });
    const pages = await all('same', 2);
    assert.deepEqual(
      pages.map(({ differences }) => differences.length),
      [2, 2, 1],
    );
    assert.deepEqual(countsOf(pages[0]!), { added: 5, removed: 0, changed: 0, same: 0 });
  });
});
