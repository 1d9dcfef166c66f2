import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { parseReport } from '../../src/reports/parse-report.ts';
import { BUNDLED_REPORTS, readReports } from '../../src/reports/read-reports.ts';
import { testHome } from '../support/home.ts';
import { reportFile, writeReports } from '../support/reports.ts';

const { tables } = await readDictionary(undefined);
const names = tables.map(({ name }) => name);
const parse = (text: string, name = 'jobs') => parseReport(name, `${name}.sql`, text, names);

describe('report files', () => {
  it('come with the sample', async () => {
    const reports = await readReports(BUNDLED_REPORTS, names);
    assert.deepEqual(
      reports.map(({ name, key, hidden, refreshSeconds }) => ({ name, key, hidden, refreshSeconds })),
      [
        { name: 'departments-above-mean', key: ['year', 'id'], hidden: [], refreshSeconds: 900 },
        {
          name: 'hires-by-quarter',
          key: ['year', 'department_id', 'job_id'],
          hidden: ['department_id', 'job_id'],
          refreshSeconds: 900,
        },
      ],
    );
    assert.deepEqual(reports[0]?.order, [
      { column: 'hired', descending: true },
      { column: 'department', descending: false },
      { column: 'id', descending: false },
    ]);
    assert.deepEqual(reports[1]?.chart, {
      kind: 'stacked',
      category: 'department',
      values: ['Q1', 'Q2', 'Q3', 'Q4'],
    });
    assert.deepEqual(reports[1]?.parameters, [
      {
        name: 'year',
        type: 'integer',
        minimum: 1,
        maximum: 9999,
        description: 'The year of the hires, in UTC',
      },
    ]);
  });

  it('are read with Windows line ends and a byte-order mark, and keep their hash', async (t) => {
    const home = await testHome(t);
    const text = reportFile('select id\n  from jobs;');
    const folder = await writeReports(home, { a: text, b: `\uFEFF${text.replaceAll('\n', '\r\n')}` });
    const [a, b] = await readReports(folder, names);
    assert.equal(a?.hash, b?.hash);
  });

  it('have a hash of what makes the view: not of the title, but of SELECT, key and parameters', () => {
    const of = (select: string, changes = {}) => parse(reportFile(select, changes)).hash;
    const hash = of('select id from jobs');
    assert.equal(of('select id from jobs;', { title: 'Other', refresh: '1h' }), hash);
    const others = [
      of('select id  from jobs'),
      of('select id from jobs', { key: 'job' }),
      of('select id from jobs', { parameter: 'id integer' }),
    ];
    assert.equal(new Set([hash, ...others]).size, 4);
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    [
      'a word that is none',
      reportFile('select 1', { titel: 'x' }),
      /jobs\.sql:4: unknown word "titel": expected one of title, description/,
    ],
    ['a comment without a word', '-- hello\nselect 1', /jobs\.sql:1: expected "-- word: value"/],
    ['no title', reportFile('select 1', { title: null }), /jobs\.sql: the header has no line "-- title: …"/],
    ['no key', reportFile('select 1', { key: null }), /jobs\.sql: the header has no line "-- key: …"/],
    ['an empty value', reportFile('select 1', { order: '' }), /jobs\.sql:4: "order" has no value/],
    ['a word twice', `-- title: b\n${reportFile('select 1')}`, /jobs\.sql:2: "title" is there twice/],
    [
      'an unknown table',
      reportFile('select 1', { tables: 'jobs, hirse' }),
      /jobs\.sql:2: "tables": the dictionary has no table "hirse", only departments, jobs, hired_employees/,
    ],
    [
      'an unknown type',
      reportFile('select 1', { parameter: 'year number' }),
      /jobs\.sql:4: "parameter": .* integer, string, date, received "year number"/,
    ],
    [
      'bounds the wrong way round',
      reportFile('select 1', { parameter: 'id integer 9 1' }),
      /jobs\.sql:4: .*minimum 9 is above the maximum 1/,
    ],
    [
      'a direction that is none',
      reportFile('select 1', { order: 'id up' }),
      /jobs\.sql:4: "order": expected a column, then asc or desc/,
    ],
    [
      'a refresh that is no time',
      reportFile('select 1', { refresh: '15 minutes' }),
      /jobs\.sql:4: "refresh": expected a time such as 30s, 15m/,
    ],
    ['a refresh of never', reportFile('select 1', { refresh: '0s' }), /jobs\.sql:4: "refresh"/],
    [
      'a chart of nothing',
      reportFile('select 1', { chart: 'pie id id' }),
      /jobs\.sql:4: "chart": expected bar or stacked/,
    ],
    ['no SELECT', reportFile(''), /jobs\.sql: there is no SELECT/],
  ];
  for (const [what, text, message] of wrong) {
    it(`name ${what}`, () => assert.throws(() => parse(text), invalid(message)));
  }

  it('name every fault at once', () => {
    const text = reportFile('select 1', { tables: 'hirse', refresh: 'x' });
    assert.throws(() => parse(text), invalid(/:2: .*hirse.*; jobs\.sql:4: "refresh"/));
  });

  it('have names that fit a URL and PostgreSQL', () => {
    for (const name of ['Jobs', 'a_b', '-a', 'a'.repeat(50)]) {
      assert.throws(
        () => parse(reportFile('select id from jobs'), name),
        invalid(/lower-case letters, digits and hyphens/),
      );
    }
    assert.equal(parse(reportFile('select id from jobs'), 'a'.repeat(49)).name.length, 49);
  });

  it('need a folder', async () => {
    await assert.rejects(
      readReports('/nowhere/at/all', names),
      invalid(/\/nowhere\/at\/all: the folder can not be read/),
    );
  });
});

function invalid(message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof LongshoreError);
    assert.equal(error.code, 'report-invalid');
    assert.match(error.message, message);
    return true;
  };
}
