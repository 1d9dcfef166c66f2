import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { LoadView } from '../../src/loads/load-view.ts';
import { loadView, startTestApi, type TestApi } from '../support/api-fakes.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, longshore, spawnLongshore } from '../support/longshore.ts';

const CSV = '1,Engineer\n2,Sales\n';
const DONE: Partial<LoadView> = {
  status: 'done',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:02.500Z',
  rows: { read: 2, loaded: 2, rejected: 0, unchanged: 0, discarded: 0 },
};
const WITH_REJECTS: Partial<LoadView> = {
  ...DONE,
  rows: { read: 1002, loaded: 1001, rejected: 1, unchanged: 0, discarded: 0 },
};

describe('the longshore command', () => {
  let api: TestApi;
  let file: string;
  beforeEach(async () => {
    api = await startTestApi();
    file = join(api.home, 'jöbs.csv');
    await writeFile(file, CSV);
  });
  afterEach(() => api[Symbol.asyncDispose]());

  const options = (env: Record<string, string> = {}) => ({
    cwd: api.home,
    env: {
      LONGSHORE_HOME: api.home,
      LONGSHORE_URL: api.url,
      LONGSHORE_KEY: 'admin-key-of-the-tests',
      ...env,
    },
  });
  const run = (args: readonly string[], env?: Record<string, string>) => longshore(args, options(env));

  it('loads a file and sums up what became of it', async () => {
    api.loads.outcome = DONE;
    const { code, stdout, stderr } = await run([
      'load',
      file,
      '--table',
      'jobs',
      '--mode',
      'replace',
      '--max-rejects',
      '2%',
    ]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^Load 1\n {2}status {4}done\n {2}table {5}jobs \(replace\)\n {2}file {6}jöbs\.csv\n/,
    );
    assert.match(stdout, /loaded {4}2\n/);
    assert.match(stdout, /time {6}2\.5 s\n/);
    assert.match(stdout, /http:\/\/127\.0\.0\.1:8233\/namespaces/);
    const [started] = api.loads.started;
    assert.deepEqual([started!.mode, started!.maxRejects], ['replace', { kind: 'percent', value: 2 }]);
    assert.equal((await api.storage.read(started!.source.key, 0, CSV.length)).toString(), CSV);
  });

  it('says how a file is written, where that is not as the table has it', async () => {
    api.loads.outcome = DONE;
    await writeFile(file, 'id;job\n1;Büro\n', 'latin1');
    const how = [
      ...['--delimiter', ';', '--encoding', 'windows-1252', '--header', '--quote', 'none'],
      ...['--no-double-quote', '--escape', '', '--skip-initial-space', '--comment', '#'],
    ];
    const { code, stderr } = await run(['load', file, '--table', 'jobs', ...how]);
    assert.equal(code, 0, stderr);
    const { readAs, survey } = api.loads.started[0]!;
    assert.deepEqual(readAs, {
      delimiter: ';',
      encoding: 'windows-1252',
      header: true,
      quoteChar: null,
      doubleQuote: false,
      escapeChar: null,
      skipInitialSpace: true,
      commentChar: '#',
    });
    const said =
      / {2}read as +--delimiter ';' --encoding windows-1252 --header --quote none --no-double-quote --escape none/;
    assert.match((await run(['status', '1'])).stdout, said);
    assert.deepEqual(survey?.header, ['id', 'job']);
    const bad = await run(['load', file, '--table', 'jobs', '--delimiter', '||', '--encoding', 'utf-61']);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /delimiter: expected one ASCII character/);
    assert.match(bad.stderr, /encoding: expected the name of an encoding/);
    assert.equal(api.loads.started.length, 1);
  });

  it('loads standard input, and prints one document a line for programs', async () => {
    api.loads.outcome = DONE;
    const child = spawnLongshore(['load', '-', file, '--table', 'jobs', '--json'], options());
    child.stdin!.end(`9,Nine\n${CSV}`);
    const { code, stdout, stderr } = await endOf(child);
    assert.equal(code, 0, stderr);
    const loads = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      loads.map((load) => load.source.name),
      ['stdin.csv', 'jöbs.csv'],
    );
    assert.equal(stderr, '');
  });

  it('ends with 3 when rows were rejected, and shows the first ones, harmless to the terminal', async () => {
    api.loads.outcome = WITH_REJECTS;
    api.loads.rejected.set(1, [
      {
        line: 7,
        cells: ['x'],
        errors: [{ code: 'type-error', field: 'id', message: 'received \u001b]0;evil\u0007"x"' }],
      },
    ]);
    const { code, stdout } = await endOf(spawnLongshore(['load', file, '-t', 'jobs'], options()));
    assert.equal(code, 3);
    assert.match(stdout, /read {6}1,002\n/);
    assert.match(stdout, /line {2}field {2}code {8}message\n +7 {2}id {5}type-error {2}received/);
    assert.ok(!stdout.includes('\u001b'));
  });

  it('ends with 1 when a load failed, and sends no file after it', async () => {
    api.loads.outcome = {
      status: 'failed',
      rows: { read: 3, loaded: 0, rejected: 2, unchanged: 0, discarded: 1 },
      error: { code: 'too-many-rejects', message: '2 of 2 rows were rejected', remedy: 'Correct the file.' },
    };
    const { code, stdout, stderr } = await run(['load', file, '-', '-t', 'jobs', '--max-rejects', '1']);
    assert.equal(code, 1);
    assert.match(stdout, /2 of 2 rows were rejected \(too-many-rejects\)/);
    assert.match(stdout, /loaded {4}0\n.*\n +discarded {1}1 \(the table is as it was\)/);
    assert.match(stderr, /not sent, after this failure: -/);
    assert.equal(api.loads.started.length, 1);
    const refused = await run(['load', file, '-t', 'none']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /unknown-table.*\n.*"none".*\n.*"longshore tables" lists/);
  });

  it('ends with 2 at wrong usage, and sends nothing', async () => {
    for (const args of [
      ['load', file],
      ['load', file, '-t', 'jobs', '--mode', 'mix'],
      ['load', 'missing.csv', '-t', 'jobs'],
      ['load', api.home, '-t', 'jobs'],
      ['status', 'x'],
      ['status', '--watch'],
      ['explode'],
      ['tables', '--url', 'ftp://x'],
    ]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.notEqual(stderr, '');
    }
    assert.deepEqual(api.loads.started, []);
  });

  it('ends with 4 when nobody answers, or the key is refused or missing', async () => {
    const gone = await run(['tables'], { LONGSHORE_URL: 'http://127.0.0.1:1' });
    assert.deepEqual([gone.code, /can not be reached/.test(gone.stderr)], [4, true], gone.stderr);
    const refused = await run(['tables'], { LONGSHORE_KEY: 'some-wrong-key' });
    assert.deepEqual([refused.code, /unauthenticated/.test(refused.stderr)], [4, true], refused.stderr);
    const none = await run(['tables'], { LONGSHORE_KEY: '' });
    assert.deepEqual([none.code, /LONGSHORE_KEY/.test(none.stderr)], [4, true], none.stderr);
  });

  it("finds the running platform and its admin key in the platform's home", async () => {
    await mkdir(join(api.home, 'keys'), { recursive: true });
    await writeFile(join(api.home, 'keys/admin.key'), 'admin-key-of-the-tests\n');
    await chmod(join(api.home, 'keys/admin.key'), 0o600);
    await writeFile(join(api.home, 'run.json'), JSON.stringify({ apiUrl: api.url, processes: {} }));
    const { code, stdout, stderr } = await run(['tables'], { LONGSHORE_URL: '', LONGSHORE_KEY: '' });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^table {2}rows {2}size {5}primary key {2}last load\njobs {6}0 {2}8\.0 KiB {2}id\n/);
  });

  it('sends any text that an operator chose as a key', async () => {
    const { code, stderr } = await run(['tables'], { LONGSHORE_KEY: 'ключ of an operator, with spaces' });
    assert.equal(code, 0, stderr);
  });

  it('says that the same file is loaded already', async () => {
    api.loads.outcome = DONE;
    await run(['load', file, '-t', 'jobs']);
    const again = await run(['load', file, '-t', 'jobs']);
    assert.equal(again.code, 0);
    assert.match(again.stderr, /loaded before/);
    assert.equal((await run(['load', file, '-t', 'jobs', '--force', '--no-wait'])).code, 0);
    assert.equal(api.loads.started.length, 2);
  });

  it('lists loads, follows one to its end, and controls it', async () => {
    assert.match((await run(['status'])).stdout, /No loads yet/);
    api.loads.views.set(1, loadView(1, { status: 'loading' }));
    assert.match(
      (await run(['status'])).stdout,
      /^id {2}table {2}mode {4}status .*\n 1 {2}jobs {3}append {2}loading/,
    );
    const readsBefore = api.loads.reads;
    const watching = run(['status', '1', '--watch', '--json']);
    await eventually(async () => api.loads.reads > readsBefore + 2, true);
    api.loads.views.set(1, loadView(1, WITH_REJECTS));
    const watched = await watching;
    assert.deepEqual([watched.code, JSON.parse(watched.stdout).status], [3, 'done']);
    api.loads.views.set(2, loadView(2, { status: 'loading', note: 'it got a new workflow' }));
    assert.match((await run(['status', '2'])).stdout, /^ {2}note {6}it got a new workflow$/m);
    assert.equal((await run(['pause', '2'])).stdout, 'Load 2 pauses.\n');
    assert.equal((await run(['cancel', '2'])).code, 0);
    assert.equal((await run(['status', '2'])).code, 1);
    assert.match((await run(['resume', '1'])).stderr, /load-state/);
  });

  it('leaves the load running at Ctrl-C, and says how to go on', async () => {
    const child = spawnLongshore(['load', file, '-t', 'jobs'], options());
    const ended = endOf(child);
    // Asked for once the file was sent: from then on it waits.
    await eventually(async () => api.loads.reads > 0, true);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130);
    assert.match(stderr, /load 1 goes on; watch it with "longshore status 1 --watch".*cancel 1"/);
  });

  it('writes rejects as CSV to stdout or, only when whole, into a file', async () => {
    api.loads.views.set(1, loadView(1, WITH_REJECTS));
    api.loads.rejected.set(1, [
      { line: 7, cells: ['x', 'y'], errors: [{ code: 'type-error', field: 'id', message: 'no integer' }] },
    ]);
    const expected = 'id,job,_line,_field,_code,_message\r\nx,y,7,id,type-error,no integer\r\n';
    assert.equal((await run(['rejects', '1', '--csv'])).stdout, expected);
    assert.match((await run(['rejects', '1'])).stdout, /7 {2}id {5}type-error {2}no integer/);
    const out = join(api.home, 'rejects.csv');
    assert.equal((await run(['rejects', '1', '--out', out])).stdout, '');
    assert.equal(await readFile(out, 'utf8'), expected);
    assert.equal((await run(['rejects', '9', '--out', out])).code, 1);
    assert.ok(!(await readdir(api.home)).includes('rejects.csv.part'));
  });

  it('makes a key, prints it alone for scripts, lists and revokes it', async () => {
    const args = ['key', 'create', 'nightly', '--scope', 'write', '--table', 'jobs', '--rate', '100'];
    const made = await run(args);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^lsk_[0-9a-f]{12}_\S{43}\n$/);
    const key = made.stdout.trim();
    const { id, ...view } = api.keys.views[0]!;
    assert.deepEqual(
      [view.name, view.scopes, view.tables, view.rate],
      ['nightly', ['write'], ['jobs'], { perSecond: 100, burst: 200 }],
    );
    assert.equal((await run(['status'], { LONGSHORE_KEY: key })).code, 0);
    const listed = (await run(['key', 'list'])).stdout;
    assert.match(listed, new RegExp(`\n${id} {2}nightly {2}write {3}jobs {4}100/200 `));
    assert.ok(!listed.includes(key));
    assert.equal((await run(['key', 'revoke', id])).stdout, `Key ${id} is revoked.\n`);
    assert.equal((await run(['status'], { LONGSHORE_KEY: key })).code, 4);
    assert.match((await run(['key', 'revoke', 'ffff'])).stderr, /unknown-key/);
    for (const wrong of [['x'], ['x', '-s', 'root'], ['x', '-s', 'read', '--burst', '5']]) {
      assert.equal((await run(['key', 'create', ...wrong])).code, 2, wrong.join(' '));
    }
    assert.equal((await run(['key', 'create', 'x', '-s', 'read', '-t', 'nothing'])).code, 1);
    assert.equal(api.keys.views.length, 1);
  });

  it('explains its exit codes and environment', async () => {
    const { code, stdout } = await run(['--help']);
    assert.equal(code, 0);
    for (const word of ['130', 'LONGSHORE_KEY', 'LONGSHORE_URL']) assert.ok(stdout.includes(word), word);
  });
});
