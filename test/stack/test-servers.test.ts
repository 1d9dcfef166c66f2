import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { ServerHost } from '../support/server-host.ts';

const SERVERS = new URL('../support/servers.ts', import.meta.url).href;
const FILE_WITH_STACK = fileURLToPath(new URL('bad-rows.test.ts', import.meta.url));

describe('the servers of a test run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-servers-'));
  after(() => rmSync(folder, { recursive: true }));

  const script = (path: string, content: string) => {
    const full = join(folder, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(full, content);
    return full;
  };
  /** A process that belongs to no run. */
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(TEST_|NODE_TEST_)/.test(name));
    return spawn(process.execPath, args, {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  };
  const endOf = async (child: ChildProcess) => {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close'),
    ]);
    return { code: code as number | null, stdout, stderr };
  };
  const answers = async (url: string): Promise<boolean> => {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  };

  it('are started for a file that is run alone, and stopped after it', async () => {
    const own = script(
      'by-hand.mjs',
      `import { postgresServer } from '${SERVERS}'; console.log((await postgresServer()).url);`,
    );
    const { code, stdout, stderr } = await endOf(start([own]));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^postgres:\/\//);
    await eventually(() => answers(stdout.trim()), false);
  });

  it('are stopped after a run that was killed', async () => {
    const own = script(
      'killed.mjs',
      `import { postgresServer } from '${SERVERS}'; console.log((await postgresServer()).url); setInterval(() => {}, 1e6);`,
    );
    const child = start([own]);
    const [line] = await once(child.stdout!, 'data');
    const url = String(line).trim();
    assert.equal(await answers(url), true);
    child.kill('SIGKILL');
    await eventually(() => answers(url), false);
  });

  it('servers that can not be started fail every request for them, each time at once', async () => {
    const failing = script(
      'failing.mjs',
      `let asked = 0;
       process.on('message', ({ start }) => process.send({ server: start, failed: \`no disk (\${++asked})\` }));`,
    );
    await using host = new ServerHost(failing);
    await assert.rejects(host.ask('postgres'), /^Error: no disk \(1\)$/);
    await assert.rejects(host.ask('postgres'), /^Error: no disk \(1\)$/);
    await assert.rejects(host.ask('temporal'), /^Error: no disk \(2\)$/);
  });

  it('servers that end in the middle of a run fail every later request for them', async () => {
    const ending = script(
      'ending.mjs',
      `process.on('message', ({ start }) => process.send({ server: start, values: { url: 'x' } }, () => process.exit(7)));`,
    );
    await using host = new ServerHost(ending);
    assert.deepEqual(await host.ask('postgres'), { url: 'x' });
    const seen = () =>
      host.ask('postgres').then(
        () => '',
        (error: Error) => error.message,
      );
    await eventually(seen, 'postgres is not there: the process of the test servers ended (exit code 7)');
  });

  it('are refused to unit tests', async () => {
    const unit = script(
      'test/unit/wrong.mjs',
      `import { testDatabase } from '${SERVERS}/../database.ts'; await testDatabase();`,
    );
    const { code, stderr } = await endOf(start([unit]));
    assert.notEqual(code, 0);
    assert.match(stderr, /test in test\/unit asked for postgres; .* belongs in test\/stack/);
  });

  it('missing servers fail a test file at once, which ends', async () => {
    const { code, stdout } = await endOf(
      start(['--test', FILE_WITH_STACK], { TEST_SERVERS: 'http://127.0.0.1:9/gone' }),
    );
    assert.equal(code, 1);
    assert.match(stdout, /postgres is not there: the test run that TEST_SERVERS names does not answer/);
  });
});
