import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { BUNDLED_REPORTS } from '../../src/reports/read-reports.ts';
import { refreshView } from '../../src/reports/refresh-view.ts';
import { reportState } from '../../src/reports/report-states.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testDatabase } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import { type ReportFiles, reportFile, startReports, writeReports } from '../support/reports.ts';

const JOBS = 'select id, job from jobs';

describe('views of reports', async () => {
  const home = await testHome({ after });
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url, poolSize: 4 });
  after(() => db[Symbol.asyncDispose]());
  await ensureTables(url, await readDictionary(undefined));
  await db.query(`insert into departments values (1, 'Zoo'), (2, 'apes'), (3, 'Ants'), (4, 'None')`);
  await db.query(`insert into jobs values (1, 'Keeper'), (2, 'Vet')`);
  await db.query(`insert into hired_employees values
    (1, 'a', '2021-01-01T00:00:00Z', 1, 1), (2, 'b', '2020-12-31T23:30:00-01:00', 1, 1),
    (3, 'c', '2021-12-31T23:59:59Z', 1, 2), (4, 'd', '2021-04-01T00:00:00Z', 2, 1),
    (5, 'e', '2021-06-30T23:59:59.999Z', 3, 1), (6, 'f', '2022-01-01T00:00:00Z', 2, 1),
    (7, 'g', '2022-07-01T00:00:00Z', 3, 1), (8, 'h', '2021-05-01T00:00:00Z', 3, 1),
    (9, 'i', '2021-05-01T00:00:00Z', 1, 1)`);

  const start = async (files: ReportFiles) => startReports(url, await writeReports(home, files));
  const view = (name: string) => db.query(`select * from longshore_report."${name}" order by 1, 2`);
  const oids = () =>
    db.query(
      `select relname as name, oid, relkind as kind from pg_class
        where relnamespace in ('longshore_report'::regnamespace, 'longshore_read'::regnamespace)
          and relkind in ('v', 'm') order by 1`,
    );
  const invalid = (files: ReportFiles, message: RegExp) =>
    assert.rejects(start(files), (error) => {
      assert(error instanceof LongshoreError, String(error));
      assert.equal(error.code, 'report-invalid');
      assert.match(error.message, message);
      return true;
    });

  it('the view of hires counts them by year and quarter in UTC, and by department and job', async () => {
    const [above, quarters] = await startReports(url, BUNDLED_REPORTS);
    assert.deepEqual(
      quarters?.columns.map(({ name, type }) => `${name} ${type}`),
      [
        'year integer',
        'department text',
        'job text',
        'Q1 bigint',
        'Q2 bigint',
        'Q3 bigint',
        'Q4 bigint',
        'department_id bigint',
        'job_id bigint',
      ],
    );
    assert.equal(above?.columns.length, 4);
    const rows = await db.query(
      `select department, job, "Q1", "Q2", "Q3", "Q4" from longshore_report."hires-by-quarter"
        where year = 2021 order by department, job`,
    );
    assert.deepEqual(
      rows.map((row) => Object.values(row).join(' ')),
      ['Ants Keeper 0 2 0 0', 'Zoo Keeper 2 1 0 0', 'Zoo Vet 0 0 0 1', 'apes Keeper 0 1 0 0'],
    );
  });

  it('the view of departments names those above the mean of those that hired, and none where all are equal', async () => {
    const rows = await view('departments-above-mean');
    // 2021: 4, 1 and 2 hires, the mean is 2.33; the department without hires would make it 1.75. 2022: 1 and 1.
    assert.deepEqual(rows, [{ year: 2021, id: '1', department: 'Zoo', hired: '4' }]);
  });

  it("the sample's views find a year by an index", async () => {
    for (const name of ['hires-by-quarter', 'departments-above-mean']) {
      const plan = await db.transaction(async (tx) => {
        await tx.query('set local enable_seqscan = off');
        return tx.query<{ 'QUERY PLAN': string }>(
          `explain select * from longshore_report."${name}" where year = 2021`,
        );
      });
      assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /Index Cond: \(year = 2021\)/);
    }
  });

  it('stay as they are at a start without a change, also at two at once', async () => {
    const [before, state] = [await oids(), await reportState(db, 'hires-by-quarter')];
    await Promise.all([startReports(url, BUNDLED_REPORTS), startReports(url, BUNDLED_REPORTS)]);
    assert.deepEqual(await oids(), before);
    assert.deepEqual(await reportState(db, 'hires-by-quarter'), state);
    assert.deepEqual([state.version, state.stale, state.failure, state.rows], [1, false, null, 6]);
  });

  it('come with a file, change with it and go with it; two starts at once make one', async () => {
    const files = { a: reportFile(JOBS), b: reportFile('select id from jobs') };
    await Promise.all([start(files), startReports(url, await writeReports(home, files))]);
    assert.deepEqual((await view('a')).length, 2);
    await assert.rejects(reportState(db, 'hires-by-quarter'), { code: 'unknown-report' });
    const b = (await oids()).find(({ name }) => name === 'b');
    await db.query('grant select on longshore_report.a to public');
    await start({ ...files, a: reportFile(`${JOBS} where id > 1`) });
    assert.deepEqual(await view('a'), [{ id: '2', job: 'Vet' }]);
    assert.equal((await reportState(db, 'a')).version, 2);
    assert.deepEqual(
      (await oids()).find(({ name }) => name === 'b'),
      b,
    );
    const [grant] = await db.query(
      `select relacl::text as acl from pg_class where oid = 'longshore_report.a'::regclass`,
    );
    assert.match(String(grant?.acl), /[{,]=r\//);
    await start({ b: files.b });
    await assert.rejects(view('a'), /does not exist/);
    await assert.rejects(reportState(db, 'a'), { code: 'unknown-report' });
  });

  it('are never missing while they are exchanged', async () => {
    await start({ a: reportFile(JOBS) });
    const seen = new Set<number>();
    let reading = true;
    const reader = (async () => {
      while (reading) seen.add((await view('a')).length);
    })();
    try {
      for (let n = 0; n < 5; n++) await start({ a: reportFile(`${JOBS} where id > ${n % 2}`) });
    } finally {
      reading = false;
    }
    await reader;
    assert.deepEqual([...seen].sort(), [1, 2]);
  });

  it('leave what there was when a changed file is wrong', async () => {
    await start({ a: reportFile(JOBS) });
    const before = await oids();
    await invalid({ a: reportFile('select id,\n  jbo from jobs') }, /a\.sql:5: column "jbo" does not exist/);
    assert.deepEqual(await oids(), before);
    assert.equal((await view('a')).length, 2);
  });

  it('refuse what PostgreSQL refuses, with the line of the file', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['selec id from jobs', /a\.sql:4: syntax error at or near "selec"/],
      ['select id from jobs;\ndrop table jobs', /a\.sql(:\d+)?: /],
      ['select nothing(id) as id\nfrom jobs', /a\.sql:4: function nothing\(bigint\) does not exist/],
      ['select id from\n\n hired', /a\.sql:6: relation "hired" does not exist/],
      ["select id, '🙂' as x,\n no from jobs", /a\.sql:5: column "no" does not exist/],
    ];
    for (const [select, message] of cases) await invalid({ a: reportFile(select) }, message);
    assert.equal((await db.query('select from jobs')).length, 2);
  });

  it('refuse columns that answers can not show, and names that are none', async () => {
    await invalid(
      { a: reportFile('select id, array[1] as list from jobs') },
      /column "list" is of type integer\[\]: cast it to one of text/,
    );
    await invalid(
      { a: reportFile(JOBS, { key: 'no' }) },
      /a\.sql:3: "key": the SELECT has no column "no", only id, job/,
    );
    await invalid(
      { a: reportFile(JOBS, { parameter: 'year integer' }) },
      /a\.sql:4: "parameter": the SELECT has no column "year"/,
    );
    await invalid(
      { a: reportFile(JOBS, { parameter: 'job integer' }) },
      /a\.sql:4: "parameter": "job" is to be integer, and the column is text/,
    );
    await invalid(
      { a: reportFile(JOBS, { order: 'salary desc' }) },
      /a\.sql:4: "order": the SELECT has no column "salary"/,
    );
    await invalid(
      { a: reportFile(JOBS, { chart: 'bar id job' }) },
      /a\.sql:4: "chart": the values of a chart are numbers, and "job" is text/,
    );
  });

  it('refuse a key that is not unique, also by null', async () => {
    await invalid({ a: reportFile('select 1 as id from jobs') }, /"key": \(id\) is not unique/);
    await invalid({ a: reportFile('select null::int as id from jobs') }, /"key": \(id\) is not unique/);
  });

  it('refuse to read past the plain views, and tables that the header does not name', async () => {
    await invalid(
      { a: reportFile('select id from public.jobs') },
      /it reads public\.jobs: tables are to be named without a schema/,
    );
    await invalid(
      { a: reportFile('select id from departments') },
      /it reads departments, which "tables" does not name/,
    );
    await invalid(
      { a: reportFile('select id from jobs', { tables: 'jobs, departments' }) },
      /"tables" names departments, which it does not read/,
    );
  });

  it('say why rows can not fill them, without the rows', async () => {
    await invalid(
      { a: reportFile('select id, 1 / (id - 1) as x from jobs') },
      /a\.sql: .*division by zero \(SQLSTATE 22012\)/,
    );
    await assert.rejects(start({ a: reportFile('select id, job::int as n from jobs') }), (error: Error) => {
      assert.match(error.message, /a text can not be cast/);
      assert.doesNotMatch(error.message, /Keeper|Vet/);
      return true;
    });
  });

  it('follow a dictionary that grows, and are built again where a field has gone', async () => {
    const fields = [
      { name: 'id', type: 'integer', constraints: { required: true } },
      { name: 'job', type: 'string', constraints: { required: true } },
    ];
    const dictionaryOf = (more: readonly object[]) =>
      parseDictionary({
        name: 'grows',
        resources: [
          { name: 'jobs', schema: { fields: [fields[0], ...more, fields[1]], primaryKey: ['id'] } },
        ],
      });
    const grown = dictionaryOf([{ name: 'salary', type: 'integer' }]);
    await start({ a: reportFile(JOBS) });
    const [a] = (await oids()).filter(({ name }) => name === 'a');
    await ensureTables(url, grown);
    const files = { a: reportFile(JOBS), b: reportFile('select id, salary from jobs') };
    const folder = await writeReports(home, files);
    await startReports(url, folder, grown);
    assert.deepEqual(
      (await oids()).filter(({ name }) => name === 'a'),
      [a],
    );
    await db.query('update jobs set salary = 7');
    await assert.rejects(
      startReports(url, folder, dictionaryOf([])),
      /b\.sql:\d: column "salary" does not exist/,
    );
    await startReports(url, await writeReports(home, { a: files.a }), dictionaryOf([]));
    assert.equal((await view('a')).length, 2);
  });

  it('keep a field that left the dictionary where something of a user stands on them', async () => {
    const fields = (...names: string[]) => names.map((name) => ({ name, type: 'string' }));
    const dictionaryOf = (...names: string[]) =>
      parseDictionary({
        name: 'leaves',
        resources: [{ name: 'plain', schema: { fields: fields(...names) } }],
      });
    const full = dictionaryOf('one', 'two');
    await ensureTables(url, full);
    const files = { a: reportFile('select one, two from plain', { tables: 'plain', key: 'one' }) };
    const folder = await writeReports(home, files);
    for (const [mine, drop] of [
      ['create view mine as select * from longshore_report.a', 'drop view mine'],
      ['create view mine as select * from longshore_read.plain', 'drop view mine'],
      ['grant select on longshore_report.a to public', 'revoke all on longshore_report.a from public'],
      [`comment on view longshore_read.plain is 'mine'`, 'comment on view longshore_read.plain is null'],
    ] as const) {
      await startReports(url, folder, full);
      await db.query(mine);
      const before = (await oids()).filter(({ name }) => name === 'a' || name === 'plain');
      await startReports(url, folder, dictionaryOf('one'));
      const after = (await oids()).filter(({ name }) => name === 'a' || name === 'plain');
      assert.deepEqual(after, before, mine);
      await db.query(drop);
    }
    const less = await writeReports(home, {
      b: reportFile('select one from plain', { tables: 'plain', key: 'one' }),
    });
    await startReports(url, less, dictionaryOf('one'));
    assert.deepEqual(
      (await db.query(COLUMNS_OF_PLAIN)).map(({ name }) => name),
      ['one', '_load_id', '_line'],
    );
  });
});

/** A table of its own, with a report on it, in a database where somebody else changes the table. */
describe('a table that reports read', async () => {
  const home = await testHome({ after });
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url, poolSize: 4 });
  after(() => db[Symbol.asyncDispose]());
  const fields = (types: Readonly<Record<string, string>>) =>
    Object.entries(types).map(([name, type]) => ({ name, type }));
  const dictionaryOf = (types: Readonly<Record<string, string>>) =>
    parseDictionary({ name: 'hand', resources: [{ name: 'plain', schema: { fields: fields(types) } }] });
  const WHOLE = { one: 'string', two: 'integer', three: 'number' };
  const start = async (types: Readonly<Record<string, string>>, select: string) => {
    const dictionary = dictionaryOf(types);
    await ensureTables(url, dictionary);
    const folder = await writeReports(home, { a: reportFile(select, { tables: 'plain', key: 'one' }) });
    return startReports(url, folder, dictionary);
  };
  const refresh = () => refreshView(db, 'a', { force: true, signal: new AbortController().signal });
  const report = () => db.query('select * from longshore_report.a order by 1');

  it('can be changed by plain SQL, and the next start takes it in', async () => {
    await start(WHOLE, 'select one, two from plain');
    await db.query(`insert into plain (one, two, three) values ('a', 1, 1.5), ('b', 2, 2.5)`);
    await refresh();
    const [before] = await db.query(`select 'longshore_report.a'::regclass::oid as oid`);

    await db.query('alter table plain alter column three type text');
    await assert.rejects(refresh(), { code: 'refresh-failed', message: /another type.*42P13/ });
    await start({ ...WHOLE, three: 'string' }, 'select one, two from plain');
    // Whatever the report does not name may have changed: it is filled from the table as it is.
    await refresh();
    await db.query('alter table plain drop column three');
    await assert.rejects(refresh(), { code: 'refresh-failed', message: /column of a table is gone.*42703/ });
    assert.equal((await report()).length, 2, 'the report shows what it held');
    await start({ one: 'string', two: 'integer' }, 'select one, two from plain');
    await refresh();
    assert.deepEqual(await report(), [
      { one: 'a', two: '1' },
      { one: 'b', two: '2' },
    ]);
    const [after] = await db.query(`select 'longshore_report.a'::regclass::oid as oid`);
    assert.notDeepEqual(after, before, 'it was made anew');
  });

  it('can change the type of a column that a report shows, or its collation', async () => {
    await start({ one: 'string', two: 'integer' }, 'select one, two from plain');
    await db.query(
      'alter table plain alter column two type text, alter column one type text collate "POSIX"',
    );
    const [live] = await start({ one: 'string', two: 'string' }, 'select one, two from plain');
    assert.deepEqual(
      live?.columns.map(({ name, type }) => `${name} ${type}`),
      ['one text', 'two text'],
    );
    const [one] = await db.query(
      `select c.collname as name from pg_attribute a join pg_collation c on c.oid = a.attcollation
        where a.attrelid = 'longshore_read.plain'::regclass and a.attname = 'one'`,
    );
    assert.deepEqual(one, { name: 'POSIX' });
    await refresh();
    assert.equal((await report()).length, 2);
  });

  it('can be dropped by plain SQL, and is made anew by the next start', async () => {
    await db.query('drop table plain');
    await assert.rejects(refresh(), { code: 'refresh-failed', message: /a table is gone.*42P01/ });
    await start(WHOLE, 'select one, two from plain');
    await refresh();
    assert.deepEqual(await report(), []);
  });

  it('is let go by the views of earlier versions at a start, with the reports on them left as they are', async () => {
    await start(WHOLE, 'select one, two from plain');
    const columns = (await db.query(COLUMNS_OF_PLAIN)).map(({ name }) => name).join(', ');
    await db.query(`create or replace view longshore_read.plain as select ${columns} from plain`);
    const [before] = await db.query(`select 'longshore_report.a'::regclass::oid as oid`);
    await assert.rejects(db.query('alter table plain alter column two type numeric'), { code: '0A000' });
    await start(WHOLE, 'select one, two from plain');
    await db.query('alter table plain alter column two type numeric');
    assert.deepEqual(await db.query(`select 'longshore_report.a'::regclass::oid as oid`), [before]);
    const functions = await db.query(
      `select from pg_proc where pronamespace = 'longshore_read'::regnamespace`,
    );
    assert.equal(functions.length, 1, 'none of an earlier shape is left');
  });

  it('is read by a plan of the table itself', async () => {
    const plan = await db.query<{ 'QUERY PLAN': string }>(
      `explain select two from longshore_read.plain where one = 'a'`,
    );
    assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /^Seq Scan on plain/);
  });
});

const COLUMNS_OF_PLAIN = `
  select attname as name from pg_attribute
   where attrelid = 'longshore_read.plain'::regclass and attnum > 0 and not attisdropped order by attnum`;
