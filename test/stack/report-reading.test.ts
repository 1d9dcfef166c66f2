import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import type { LongshoreError } from '../../src/errors.ts';
import { openReportReader } from '../../src/reports/report-reader.ts';
import type { ReportRequest } from '../../src/reports/report-request.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { ensureReaderRole, READER_ROLE } from '../../src/tables/reader-role.ts';
import { testDatabase } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import { longshore as runLongshore } from '../support/longshore.ts';
import { refreshNow } from '../support/refreshed.ts';
import { reportFile, startReports, writeReports } from '../support/reports.ts';
import { testStack } from '../support/stack.ts';

/** A column of each type, in order of `n`. */
const TYPES = `select n, 'text ' || n as "Te""xt", n::bigint * 3000000000 as big, n::numeric / 4 as numeric,
  n::double precision / 4 as double, n % 2 = 0 as even, date '2021-01-01' + n as day, time '10:00' + n * interval '1 s' as time,
  timestamptz '2021-01-01 00:00:00.5+02' + n * interval '1 day' as at, null::text as nothing
  from generate_series(1, 120) n, (select count(*) from jobs) j`;
const FILES = {
  types: reportFile(TYPES, { key: 'n', chart: 'bar Te"xt big' }),
  slow: reportFile('select 1 as id, count(*) as n from jobs'),
};

const ALL: ReportRequest = { equals: [], sort: [], limit: 10, offset: 0 };
const where = (column: string, value: string): ReportRequest => ({ ...ALL, equals: [{ column, value }] });

describe('the reader of reports', async () => {
  const { url } = await testDatabase({ after });
  const folder = await writeReports(await testHome({ after }), FILES);
  await ensureTables(url, await readDictionary(undefined));
  const db = await openDatabase({ url });
  after(() => db[Symbol.asyncDispose]());
  const types = (await startReports(url, folder)).find(({ name }) => name === 'types')!;
  const role = await ensureReaderRole(db);
  const reader = openReportReader({ url, role, timeoutMs: 1000 });
  after(() => reader[Symbol.asyncDispose]());

  it('finds rows by a value of every type, as the answer writes it', async () => {
    const { rows, total } = await reader.page(types, { ...ALL, limit: 1 });
    const [first] = rows;
    assert.equal(total, 120);
    const cells = types.columns.map(({ name }, n) => [name, first![n]!] as const);
    for (const [name, value] of cells.filter(([column]) => column !== 'nothing')) {
      const written = name === 'even' ? String(value === 't') : value;
      const found = await reader.page(types, where(name, written));
      assert.deepEqual(found.rows[0], first, `${name} = ${written}`);
      assert.equal(found.total, name === 'even' ? 60 : 1, name);
    }
    assert.equal(Object.fromEntries(cells).at, '2021-01-01T22:00:00.500000Z');
    assert.equal((await reader.page(types, where('nothing', ''))).total, 0);
    const trap = `'; drop table jobs; --`;
    assert.equal((await reader.page(types, where('Te"xt', trap))).total, 0);
  });

  it('pages through each row once, in the order asked for, and past the end finds none but the total', async () => {
    const seen: (string | null)[] = [];
    const sort = [{ column: 'even', descending: true }];
    for (let offset = 0; offset < 120; offset += 50) {
      const page = await reader.page(types, { ...ALL, sort, limit: 50, offset });
      seen.push(...page.rows.map(([n]) => n!));
    }
    const numbers = Array.from({ length: 120 }, (_, n) => n + 1);
    const expected = [...numbers.filter((n) => n % 2 === 0), ...numbers.filter((n) => n % 2 === 1)];
    assert.deepEqual(seen, expected.map(String));
    const beyond = await reader.page(types, { ...ALL, offset: 500 });
    assert.deepEqual([beyond.rows, beyond.total], [[], 120]);
  });

  it('adds the smallest categories of a chart up in the last bar', async () => {
    const { bars, categories } = await reader.chart(types, types.chart!, []);
    assert.deepEqual([bars.length, categories], [50, 120]);
    assert.deepEqual(bars[0], { category: 'text 120', merged: 1, values: [120 * 3e9] });
    const rest = (71 * 72) / 2;
    assert.deepEqual([bars[49]!.merged, bars[49]!.values], [71, [rest * 3e9]]);
    const none = await reader.chart(types, types.chart!, [{ column: 'n', value: '0' }]);
    assert.deepEqual([none.bars, none.categories], [[], 0]);
  });

  it('gives up what takes too long, and then reads on', async () => {
    const lock = await db.connect();
    try {
      await lock.query('begin');
      await lock.query('lock table longshore.report in access exclusive mode');
      await assert.rejects(
        reader.page(types, ALL),
        (error: LongshoreError) =>
          error.code === 'report-slow' && /types took longer than 1 s/.test(error.message),
      );
    } finally {
      await lock.end();
    }
    assert.equal((await reader.page(types, ALL)).total, 120);
  });

  it('has a role that may read views of reports, also of later ones, and nothing else', async () => {
    assert.equal(role, READER_ROLE);
    const may = async (relation: string, right: string) => {
      const [row] = await db.query<{ may: boolean }>('select has_table_privilege($1, $2, $3) as may', [
        READER_ROLE,
        relation,
        right,
      ]);
      return row!.may;
    };
    assert.equal(await may('longshore_report.types', 'select'), true);
    await db.query('create materialized view longshore_report.later as select 1 as n');
    assert.equal(await may('longshore_report.later', 'select'), true);
    await db.query('drop materialized view longshore_report.later');
    for (const relation of ['public.jobs', 'longshore.load', 'longshore.api_key', 'longshore_read.jobs'])
      assert.equal(await may(relation, 'select'), false, relation);
    for (const right of ['insert', 'update', 'delete', 'truncate', 'maintain'])
      assert.equal(await may('longshore_report.types', right), false, right);
  });

  it('is made once by many starts at once', async () => {
    const roles = await Promise.all(Array.from({ length: 8 }, () => ensureReaderRole(db)));
    assert.deepEqual(new Set(roles), new Set([READER_ROLE]));
  });
});

describe('longshore report', async () => {
  const stack = await testStack({ after });
  before(async () => {
    await stack.load('departments', '1,Sales\n2,Support\n3,Legal\n');
    await stack.load('jobs', '1,Clerk\n2,"Engineer, II"\n');
    const hire = (id: number, month: string, department: number) =>
      `${id},Name,2021-${month}-03T10:00:00Z,${department},${1 + (id % 2)}\n`;
    const hires = [1, 2, 3, 4, 5, 6].map((id) => hire(id, `0${id}`, id < 5 ? 2 : 1));
    assert.equal((await stack.load('hired_employees', hires.join(''))).status, 201);
    await refreshNow(stack.db, 'hires-by-quarter', 'departments-above-mean');
  });

  const longshore = (...args: string[]) =>
    runLongshore(args, {
      cwd: stack.home,
      env: { LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
    });

  it('shows rows under each other, numbers to the right, and how fresh they are', async () => {
    const { code, stdout, stderr } = await longshore('report', 'hires-by-quarter', '--year', '2021');
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout,
      [
        'department  job           Q1  Q2  Q3  Q4',
        'Sales       Clerk          0   1   0   0',
        'Sales       Engineer, II   0   1   0   0',
        'Support     Clerk          1   1   0   0',
        'Support     Engineer, II   2   0   0   0',
        '',
      ].join('\n'),
    );
    assert.match(stderr, /^as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  });

  it('sorts, chooses and limits; prints CSV and JSON as they came', async () => {
    const some = ['report', 'hires-by-quarter', '--param', 'year=2021', '--where', 'department=Support'];
    const csv = await longshore(...some, '--sort=-Q1', '--limit', '1', '--csv');
    assert.equal(csv.stdout, 'department,job,Q1,Q2,Q3,Q4\r\nSupport,"Engineer, II",2,0,0,0\r\n');
    const json = await longshore('--json', ...some, '--limit', '1');
    const { data, page } = JSON.parse(json.stdout) as { data: object[]; page: { total: number } };
    assert.deepEqual([data.length, page.total], [1, 2]);
    assert.match((await longshore(...some, '--limit', '1')).stderr, /^1 of 2 rows, /);
    const above = await longshore('report', 'departments-above-mean', '--year', '2021');
    assert.equal(above.stdout, 'id  department  hired\n 2  Support         4\n');
  });

  it('lists the reports, and says what is wrong', async () => {
    const { stdout } = await longshore('reports');
    assert.match(stdout, /^report +title +parameters +rows +as of \(UTC\) +stale\n/);
    assert.match(stdout, /^hires-by-quarter +Hires by quarter +year +4 .* no$/m);
    assert.equal((await longshore('report', 'hires-by-quarter', '--year', '1887')).stdout, 'No rows.\n');
    const missing = await longshore('report', 'hires-by-quarter');
    assert.deepEqual([missing.code, missing.stdout], [1, '']);
    assert.match(missing.stderr, /year: is required/);
    assert.match((await longshore('report', 'nothing')).stderr, /unknown-report/);
    assert.equal((await longshore('report', 'x', '--where', 'department')).code, 2);
    assert.equal((await longshore('--json', 'report', 'x', '--csv')).code, 2);
  });
});
