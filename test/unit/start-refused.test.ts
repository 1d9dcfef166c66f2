import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/platform/ports.ts';
import { testHome } from '../support/home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SECRET = 'secret-of-the-test';

/** Eleven faults. */
const FIELDS = Array.from({ length: 11 }, (_, n) => ({ name: `f${n}`, type: `no-type-${n}` }));

describe('a start that can not be', () => {
  it('tells every fault of every part on a line of its own, before anything is started', async (t) => {
    const folder = await testHome(t);
    const dictionary = join(folder, 'mine.json');
    await writeFile(
      dictionary,
      JSON.stringify({ name: 'd', resources: [{ name: 't', schema: { fields: FIELDS } }] }),
    );
    const port = await freePort();
    const { code, stdout, stderr } = await run('src/cli/start.ts', {
      LONGSHORE_HOME: join(folder, 'home'),
      LONGSHORE_PORT: 'nope',
      LONGSHORE_WORKRES: '3',
      LONGSHORE_DICTIONARY: dictionary,
      LONGSHORE_BACKUP_KEY: SECRET,
      LONGSHORE_STORAGE: `file:${dictionary}`,
      DATABASE_URL: `postgres://me:${SECRET}@127.0.0.1:${port}/db`,
    });
    assert.equal(code, 1);
    const [head, ...lines] = stderr.trimEnd().split('\n');
    assert.equal(head, '✖ Longshore can not start.');
    const places = lines.filter((line) => !line.startsWith('  → ')).map((line) => line.split(': ')[1]);
    assert.deepEqual(places, [
      'LONGSHORE_WORKRES',
      'LONGSHORE_PORT',
      ...FIELDS.map((_, n) => `${dictionary}#/resources/0/schema/fields/${n}/type`),
      'LONGSHORE_BACKUP_KEY',
      'LONGSHORE_STORAGE',
      `PostgreSQL at 127.0.0.1:${port} can not be reached (ECONNREFUSED)`,
    ]);
    assert.equal((stderr.match(/[✖!]/g) ?? []).length, 1, 'one mark');
    assert.doesNotMatch(
      stderr + stdout,
      new RegExp(`${SECRET}|    at |"level"`),
      'no secret, no stack, no raw log',
    );
    assert.equal(existsSync(join(folder, 'home')), false);
  });

  it('tells the faults of all reports, and of the home', async (t) => {
    const folder = await testHome(t);
    const reports = join(folder, 'reports');
    await mkdir(reports);
    await writeFile(join(reports, 'a.sql'), '-- title: A\n-- tables: nowhere\n-- key: id\nselect 1 as id\n');
    await writeFile(join(reports, 'b.sql'), '-- key: id\n-- no-word: x\nselect 1 as id\n');
    const home = join(folder, 'home');
    // As a home whose keys were deleted.
    await mkdir(join(home, 'postgres', 'data'), { recursive: true });
    await writeFile(join(home, 'postgres', 'data', 'PG_VERSION'), '18\n');
    const { code, stderr } = await run('src/cli/start.ts', {
      LONGSHORE_HOME: home,
      LONGSHORE_REPORTS: reports,
    });
    assert.equal(code, 1);
    assert.match(stderr, /report-invalid: \S*a\.sql:2: /);
    assert.match(stderr, /report-invalid: \S*b\.sql(:\d+)?: /);
    assert.match(stderr, /config-invalid: LONGSHORE_HOME: \S*postgres\.password is gone/);
    assert.equal(existsSync(join(home, 'temporal')), false, 'nothing was started');
  });

  it('tells every port that is taken', async (t) => {
    const folder = await testHome(t);
    const servers = await Promise.all([1, 2, 3].map(() => listening()));
    t.after(() => Promise.all(servers.map(({ server }) => server.close())));
    const [api, postgres, ui] = servers.map((one) => String(one.port));
    const { code, stderr } = await run('src/cli/start.ts', {
      LONGSHORE_HOME: join(folder, 'home'),
      LONGSHORE_PORT: api!,
      LONGSHORE_POSTGRES_PORT: postgres!,
      LONGSHORE_TEMPORAL_UI_PORT: ui!,
    });
    assert.equal(code, 1);
    for (const [variable, port] of Object.entries({
      LONGSHORE_PORT: api,
      LONGSHORE_POSTGRES_PORT: postgres,
      LONGSHORE_TEMPORAL_UI_PORT: ui,
    })) {
      assert.match(
        stderr,
        new RegExp(`^  config-invalid: ${variable}: another program uses 127\\.0\\.0\\.1:${port}`, 'm'),
      );
    }
    assert.equal(existsSync(join(folder, 'home', 'postgres')), false);
  });

  for (const [what, script] of [
    ['an API process', 'api/main.ts'],
    ['a worker', 'activities/main.ts'],
  ] as const) {
    it(`tells the same of ${what} on a server of its own`, async (t) => {
      const folder = await testHome(t);
      const port = await freePort();
      const { code, stdout, stderr } = await run(script, {
        LONGSHORE_HOME: folder,
        LONGSHORE_BACKUP_KEY: SECRET,
        DATABASE_URL: `postgres://me:${SECRET}@127.0.0.1:${port}/db`,
        TEMPORAL_ADDRESS: '127.0.0.1:1',
      });
      assert.equal(code, 1);
      assert.deepEqual(
        stderr
          .split('\n')
          .slice(0, 4)
          .map((line) =>
            line
              .split(/: | \(|;/)
              .slice(0, 2)
              .join(': '),
          ),
        [
          'Longshore can not start.',
          '  config-invalid: LONGSHORE_BACKUP_KEY',
          '  config-invalid: LONGSHORE_PAYLOAD_KEY',
          `  database-unavailable: PostgreSQL at 127.0.0.1:${port} can not be reached`,
        ],
      );
      const logged = JSON.parse(stdout) as { level: string; faults: object[]; msg: string };
      assert.equal(logged.level, 'fatal');
      assert.equal(logged.faults.length, 3);
      assert.doesNotMatch(stderr + stdout, new RegExp(`${SECRET}|    at |stack`));
    });
  }
});

async function run(script: string, env: Readonly<Record<string, string>>) {
  const own = { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...env };
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [script], { cwd: ROOT, env: own }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}
