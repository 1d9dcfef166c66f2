import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BackupAnswer } from '../../api/backups/backup-schemas.ts';
import { until } from '../support/eventually.ts';
import { type Finished, isInstalled, start } from '../support/programs.ts';
import { testStack } from '../support/stack.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));

interface Language {
  readonly folder: string;
  readonly program: string;
  /** Of the example with a name like `load-file`. */
  file(name: string): string;
  /** Each language loads rows of its own: the same file again would be the load of before. */
  readonly digit: string;
}

const LANGUAGES: readonly Language[] = [
  { folder: 'curl', program: 'bash', file: (name) => `${name}.sh`, digit: '0' },
  { folder: 'node', program: process.execPath, file: (name) => `${name}.mjs`, digit: '1' },
  { folder: 'python', program: 'python3', file: (name) => `${name.replaceAll('-', '_')}.py`, digit: '2' },
];
const NAMES = ['back-up', 'insert-rows', 'load-file', 'report-as-csv', 'restore', 'watch-load'];

const NEEDED = { bash: 'curl', python3: 'python3' } as Readonly<Record<string, string>>;

const stack = await testStack({ after });
const folder = await mkdtemp(join(tmpdir(), 'longshore-examples-'));
after(() => rm(folder, { recursive: true }));

describe('The examples', () => {
  before(async () => {
    await stack.load('departments', '1,Supply Chain\n2,Maintenance\n');
    await stack.load('jobs', '1,Welder\n2,Clerk\n3,Engineer\n');
  });

  for (const language of LANGUAGES) {
    const needed = NEEDED[language.program];
    const skip = needed !== undefined && !isInstalled(needed) ? `${needed} is not installed here` : false;
    describe(`in ${language.folder}`, { skip }, () => {
      const { digit } = language;
      const begin = (name: string, args: readonly string[], url = stack.url) =>
        start(language.program, [join(EXAMPLES, language.folder, language.file(name)), ...args], {
          LONGSHORE_URL: url,
          LONGSHORE_KEY: stack.key,
          PYTHONDONTWRITEBYTECODE: '1',
        });
      async function run(name: string, args: readonly string[], url?: string): Promise<string> {
        const { code, stdout, stderr } = await begin(name, args, url).finished;
        assert.equal(code, 0, stdout + stderr);
        return stdout;
      }
      async function fails(name: string, args: readonly string[]): Promise<Finished> {
        const finished = await begin(name, args).finished;
        assert.notEqual(finished.code, 0, finished.stdout);
        return finished;
      }
      async function copy(name: string, change: (text: string) => string): Promise<string> {
        const path = join(folder, `${language.folder}-${name}`);
        await writeFile(path, change(await readFile(EXAMPLES + name, 'utf8')));
        return path;
      }
      const jobs = async () => (await stack.rows('jobs')).map(({ id }) => Number(id));

      it('are all run here', async () => {
        const files = (await readdir(join(EXAMPLES, language.folder))).filter(
          (name) => !name.startsWith('_'),
        );
        const shared = files.filter((name) => name.startsWith('longshore.'));
        assert.equal(shared.length, 1);
        assert.deepEqual(files.filter((name) => !shared.includes(name)).sort(), NAMES.map(language.file));
      });

      it('load a file, and show what was rejected', async () => {
        const file = await copy('hires.csv', (text) => text.replaceAll(/^50/gm, `5${digit}`));
        const said = await run('load-file', ['hired_employees', file]);
        const [first = '', header, ...rejects] = said.trimEnd().split('\n');
        assert.match(first, /^load \d+ of hired_employees: 5 read, 3 loaded, 2 rejected$/);
        assert.match(header!, /^id,name,datetime,department_id,job_id,_line,_field,_code,_message\r?$/);
        assert.deepEqual(
          rejects.map((line) => line.split(',')[0]),
          [`5${digit}02`, `5${digit}05`],
        );
        const names = (await stack.rows('hired_employees'))
          .filter(({ id }) => String(id).startsWith(`5${digit}`))
          .map(({ name }) => name);
        assert.deepEqual(names, ['Ada Fields', 'Edsger Wall', 'Moor, Barbara']);
      });

      it('end in an error that says what is wrong', async () => {
        const { stdout, stderr } = await fails('load-file', ['cities', join(EXAMPLES, 'hires.csv')]);
        assert.match(stdout + stderr, /the dictionary has no table/);
      });

      it('watch a load while it runs, to its end', async () => {
        let release = () => {};
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        let held = () => {};
        const locked = new Promise<void>((resolve) => {
          held = resolve;
        });
        // Readers and this transaction may go on; the load, which changes the table, waits.
        const lock = stack.db.transaction(async ({ client }) => {
          await client.query('lock table jobs in share row exclusive mode');
          held();
          await released;
        });
        await locked;
        const response = await fetch(`${stack.url}/v1/tables/jobs/loads`, {
          method: 'POST',
          headers: { 'content-type': 'text/csv', 'x-api-key': stack.key },
          body: `8${digit},Rigger\n`,
        });
        const { id } = (await response.json()) as { id: number };
        const watching = begin('watch-load', [String(id)]);
        await until(
          async () => watching.output(),
          (text) => /is (?!done)\w+: /.test(text),
        );
        release();
        await lock;
        const { code, stdout } = await watching.finished;
        assert.equal(code, 0);
        assert.match(stdout, new RegExp(`\nload ${id} is done: 10 of 10 bytes, 1 rows loaded\n$`));
      });

      it('insert rows once, however often they are sent', async () => {
        const file = await copy('jobs.json', (text) => text.replaceAll('"id": 90', `"id": 9${digit}`));
        const busy = await busyAtFirst(stack.url);
        const said = await run('insert-rows', ['jobs', file], busy.url);
        await busy.stop();
        assert.deepEqual(busy.statuses, [503, 200]);
        assert.match(said, /^batch \S+: 3 accepted\n/);
        if (language.folder !== 'curl') assert.match(said, /\nrow 2: .*required/);
        assert.equal(await run('insert-rows', ['jobs', file]), said);
        const wanted = [1, 2, 4].map((last) => Number(`9${digit}${last}`));
        assert.deepEqual(
          (await jobs()).filter((id) => id >= 900 && String(id)[1] === digit),
          wanted,
        );
      });

      it('back a table up, restore it, and undo that', async () => {
        const backup = (await run('back-up', ['jobs'])).trim();
        const { body } = await stack.get(`/v1/backups/${backup}`);
        assert.equal((body as unknown as BackupAnswer).verification?.ok, true);
        const whole = await jobs();
        await stack.db.query(`delete from jobs where id = 9${digit}1`);
        const left = whole.filter((id) => id !== Number(`9${digit}1`));
        assert.deepEqual(await jobs(), left);

        const said = await run('restore', ['jobs']);
        assert.match(said, /^restoring jobs: 1 rows come back, 0 go, 0 change\n/);
        assert.deepEqual(await jobs(), whole);
        const undo = /to undo it: \S+ jobs (\S+)\n$/.exec(said)![1]!;
        assert.match(
          await run('restore', ['jobs', undo]),
          /^restoring jobs: 0 rows come back, 1 go, 0 change\n/,
        );
        assert.deepEqual(await jobs(), left);
      });

      it('print a report as CSV', async () => {
        const refresh = await stack.post('/v1/reports/hires-by-quarter/refresh', undefined, {
          prefer: 'wait=50',
        });
        assert.equal(refresh.status, 200);
        const csv = await run('report-as-csv', ['hires-by-quarter', 'year=2021&sort=job']);
        const lines = csv.trimEnd().split(/\r?\n/);
        assert.equal(lines[0], 'department,job,Q1,Q2,Q3,Q4');
        assert.ok(lines.includes(`Maintenance,Engineer,${Number(digit) + 1},0,0,0`), csv);
        if (language.folder === 'curl') return;
        // Each page has a header, of which the first is enough.
        assert.equal(await run('report-as-csv', ['hires-by-quarter', 'year=2021&sort=job&limit=1']), csv);
      });
    });
  }
});

/** The platform behind a server that is too busy for the first request. */
async function busyAtFirst(url: string) {
  const statuses: number[] = [];
  const server = createServer(async (req, res) => {
    const body = await buffer(req);
    if (statuses.length === 0) {
      const problem = { code: 'overloaded', title: 'Too much at once', detail: 'busy', remedy: 'Wait.' };
      statuses.push(503);
      res.writeHead(503, { 'retry-after': '1', 'content-type': 'application/problem+json' });
      res.end(JSON.stringify(problem));
      return;
    }
    const headers = Object.entries(req.headersDistinct).flatMap(([name, values = []]) =>
      ['host', 'connection', 'content-length', 'transfer-encoding'].includes(name)
        ? []
        : [[name, values.join(', ')] as [string, string]],
    );
    const answer = await fetch(url + req.url, { method: req.method, headers, body: new Uint8Array(body) });
    statuses.push(answer.status);
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    res.end(await answer.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statuses,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
