import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type Ended, startLongshore } from '../support/longshore.ts';

const SAMPLE = fileURLToPath(new URL('../../src/sample/datapackage.json', import.meta.url));
const CHALLENGE = fileURLToPath(new URL('../fixtures/challenge/', import.meta.url));

const integer = (name: string) => ({ name, type: 'integer' });
const DICTIONARY = {
  resources: [
    {
      name: 'staff',
      dialect: { delimiter: ';' },
      schema: {
        fields: [
          integer('id'),
          { name: 'mail' },
          integer('boss'),
          integer('team_id'),
          { name: 'pay', type: 'number' },
        ],
        primaryKey: 'id',
        uniqueKeys: [['mail'], ['pay']],
        foreignKeys: [
          { fields: 'boss', reference: { fields: 'id' } },
          { fields: 'team_id', reference: { resource: 'team', fields: 'id' } },
        ],
      },
    },
    {
      name: 'team',
      schema: {
        fields: [integer('id'), { name: 'name', type: 'string', constraints: { required: true } }],
        primaryKey: 'id',
      },
    },
  ],
};

describe('longshore check', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-check-test-'));
    await writeFile(join(folder, 'datapackage.json'), JSON.stringify(DICTIONARY, null, 1));
  });
  after(() => rm(folder, { recursive: true }));

  /** Without a home, a key, or an address: nothing runs. */
  function run(args: readonly string[], stdin?: string, env: Record<string, string> = {}): Promise<Ended> {
    const command = startLongshore(['check', ...args], { cwd: folder, env });
    if (stdin !== undefined) command.stdin.end(stdin);
    return command.ended;
  }

  const put = (name: string, text: string) => writeFile(join(folder, name), text);

  async function verdicts(args: readonly string[], stdin?: string) {
    const { code, stdout, stderr } = await run([...args, '--json'], stdin);
    assert.equal(stderr, '');
    return { code, files: JSON.parse(stdout).files };
  }

  it('finds every fault and warning of a dictionary, one a line with its place, and exits with 1', async () => {
    await put(
      'bad.json',
      '{ "resources": [ {\n  "name": "a b",\n  "schema": { "fields": [ { "name": "x", "tpye": "integer" } ],\n    "primaryKey": ["X"] } } ] }',
    );
    const { code, stdout } = await run(['bad.json', 'some.csv']);
    assert.equal(code, 1);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/: (?!fault|warning|2 faults).*/, '')),
      [
        'bad.json:3:42: warning',
        'bad.json:2:3: fault',
        'bad.json:4:5: fault',
        'bad.json: 2 faults; not checked',
      ],
    );
    assert.match(stdout, /did you mean "type"\?/);
    assert.match(stdout, /has no field "X"; did you mean "x"\?/);
  });

  it('takes the dictionary of the variable, or of the folder', async () => {
    assert.match((await run([])).stdout, /^datapackage\.json: valid, 2 tables\n$/);
    assert.match((await run([], undefined, { LONGSHORE_DICTIONARY: SAMPLE })).stdout, /: valid, 3 tables\n$/);
    const none = startLongshore(['check'], { cwd: tmpdir(), env: {} });
    const { code, stderr } = await none.ended;
    assert.deepEqual([code, /LONGSHORE_DICTIONARY/.test(stderr)], [2, true]);
  });

  it('judges keys and references within a file as a load does', async () => {
    await put(
      'staff.csv',
      'id;mail;boss;team_id;pay\n1;a;;1;1.0\n2;b;1;;1.00\n3;c;2;;2\n4;d;3;;3\n5;a;1;;4\n01;e;1;;5\nx;f;1;;6\n7;g;99;;7\n',
    );
    const { code, files } = await verdicts(['staff.csv']);
    assert.equal(code, 3);
    const [file] = files;
    assert.deepEqual(file.rows, { read: 8, good: 1, rejected: 7 });
    const rules = file.rejects.map(
      (rule: { code: string; field: string; examples: { line: number }[] }) =>
        `${rule.code} ${rule.field} ${rule.examples.map(({ line }) => line)}`,
    );
    // Line 3 has the pay of line 2, so that line 4 has lost its boss, and line 5 that one.
    assert.deepEqual(rules.sort(), [
      'foreign-key boss 4,5,9',
      'primary-key id 7',
      'type-error id 8',
      'unique-error mail 6',
      'unique-error pay 3',
    ]);
    assert.match(file.notChecked.join(), /reference of team_id to team/);
  });

  it('judges references against the other files, in whatever order they are given', async () => {
    await put('staff.csv', 'id;mail;boss;team_id;pay\n1;a;;1;\n2;b;;2;\n3;c;;3;\n');
    await put('team.csv', 'id,name\n1,One\n2,\n');
    const { files } = await verdicts(['staff.csv', 'team.csv']);
    assert.deepEqual(
      files.map(({ table, rows }: { table: string; rows: object }) => [table, rows]),
      [
        ['team', { read: 2, good: 1, rejected: 1 }],
        ['staff', { read: 3, good: 1, rejected: 2 }],
      ],
    );
    assert.deepEqual(files[1].notChecked, ['whether keys are in the table already: only the database knows']);
  });

  it('judges several files of one table as loads one after the other', async () => {
    await put('one.csv', 'id,name\n1,One\n2,Two\n');
    await put('two.csv', 'id,name\n2,Zwei\n3,Drei\n');
    const append = await verdicts(['one.csv', 'two.csv', '-t', 'team']);
    assert.match(append.files[1].rejects[0].examples[0].message, /^id 2 is in the table already/);
    const merge = await verdicts(['one.csv', 'two.csv', '-t', 'team', '-m', 'merge']);
    assert.deepEqual([merge.code, merge.files[1].rows.rejected], [0, 0]);
  });

  it('reads standard input, which has no name', async () => {
    const { code, files } = await verdicts(['-', '--table', 'team'], 'id,name\n1,One\n');
    assert.deepEqual([code, files[0].rows.good], [0, 1]);
    const { code: unnamed, stderr } = await run(['-'], '');
    assert.equal(unnamed, 2);
    assert.match(stderr, /--table, one of team, staff/);
  });

  it('judges a packed file, and one in another encoding, as the text that a load would read', async () => {
    await writeFile(join(folder, 'team.csv.gz'), gzipSync('id,name\n1,One\nx,Two\n'));
    await writeFile(join(folder, 'team-2.csv'), Buffer.from('\ufeffid,name\n2,Two\n', 'utf16le'));
    const { files } = await verdicts(['team.csv.gz', 'team-2.csv', '-t', 'team']);
    assert.deepEqual(
      files.map(({ rows }: { rows: object }) => rows),
      [
        { read: 2, good: 1, rejected: 1 },
        { read: 1, good: 1, rejected: 0 },
      ],
    );
  });

  it('exits with 1 for a file that a load would refuse, and says why', async () => {
    await put('team.csv', 'id,nmae\n1,One\n');
    await writeFile(join(folder, 'Team.csv.gz'), gzipSync('%PDF-1.7\n'));
    await put('empty.csv', '');
    await put('nobody.csv', 'id,name\nx,\n');
    const { code, files } = await verdicts(['team.csv', 'Team.csv.gz']);
    assert.equal(code, 1);
    assert.deepEqual(
      files.map(({ error }: { error: { code: string } }) => error.code),
      ['header-mismatch', 'encoding-mismatch'],
    );
    const shown = await run(['team.csv', 'empty.csv', 'nobody.csv', '-t', 'team']);
    assert.equal(shown.code, 1);
    for (const reason of [/unexpected: "nmae" \(column 2\)/, /file-empty/, /too-many-rejects: all 1 rows/]) {
      assert.match(shown.stdout, reason);
    }
  });

  it('lists the tables where a file is named as none of them', async () => {
    const { code, stderr } = await run(['orders.csv']);
    assert.equal(code, 2);
    assert.match(stderr, /no table is named as orders\.csv: name its table by --table, one of team, staff/);
  });

  it("finds the rejects of the challenge's files", async () => {
    const files = ['departments', 'jobs', 'hired_employees'].map((name) => join(CHALLENGE, `${name}.csv`));
    const { code, files: judged } = await verdicts([SAMPLE, ...files]);
    assert.equal(code, 3);
    assert.deepEqual(judged[2].rows, { read: 1999, good: 1929, rejected: 70 });
    const counts = judged[2].rejects.map((rule: { field: string; count: number }) => [
      rule.field,
      rule.count,
    ]);
    assert.deepEqual(Object.fromEntries(counts), { department_id: 21, name: 19, job_id: 16, datetime: 14 });
  });

  it('reads files as the options say, and refuses an option that is none before it reads any', async () => {
    await writeFile(join(folder, 'tab.csv'), Buffer.from("1\t'Müller'\n", 'latin1'));
    const how = ['--delimiter', 'tab', '--no-header', '--quote', "'", '--encoding', 'latin1'];
    const { code, files } = await verdicts(['tab.csv', '-t', 'team', ...how]);
    assert.deepEqual([code, files[0].rows], [0, { read: 1, good: 1, rejected: 0 }]);
    const bad = await run(['tab.csv', '-t', 'team', '--delimiter', 'xx']);
    assert.deepEqual([bad.code, bad.stderr.includes('delimiter: expected one ASCII character')], [2, true]);
  });

  it('says how a file seems to be written that it refuses, with the option that reads it', async () => {
    await put('semicolons.csv', 'id;name\n1;Red\n');
    const header = await run(['semicolons.csv', '-t', 'team']);
    assert.equal(header.code, 1);
    const said =
      "the file seems to be separated by ';' (the table says ','): delimiter=%3B reads it, in the client --delimiter ';'";
    assert.ok(header.stdout.includes(`; ${said}\n`), header.stdout);
    assert.equal((await run(['semicolons.csv', '-t', 'team', '--delimiter', ';'])).code, 0);

    const latin = Buffer.from(`id,name\n${'1,Red\n'.repeat(50_000)}2,Grün\n`, 'latin1');
    await writeFile(join(folder, 'latin.csv'), latin);
    const { files } = await verdicts(['latin.csv', '-t', 'team']);
    assert.match(files[0].hint, /in windows-1252 \(the table says utf-8\): encoding=windows-1252 reads it/);
    assert.ok((await run(['-', '-t', 'team'], 'id\n1\n')).stdout.includes('missing: "name"\n'));
    await put('fine.csv', 'id,name\n1,Red\nx,Blue\n');
    assert.equal((await verdicts(['fine.csv', '-t', 'team'])).files[0].hint, null);
  });
});
