import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/db/migrate.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { startPostgres } from '../../src/platform/postgres.ts';
import { provideTools } from '../../src/platform/postgres-tools.ts';
import { BUNDLED_REPORTS } from '../../src/reports/read-reports.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { runSql } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import { startReports } from '../support/reports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const quiet = { info: () => undefined, warn: () => undefined };

test('the commands of the documentation dump and restore the embedded database', async (t) => {
  const home = await testHome(t);
  const section = readFileSync(join(ROOT, 'docs/recovery.md'), 'utf8')
    .split('## Dumps of PostgreSQL')[1]!
    .split('\n## ')[0]!;
  const commands = [...section.matchAll(/^npx --no longshore (.+)$/gm)].map(([, args = '']) =>
    args.split(' '),
  );
  assert.deepEqual(
    commands.map(([, tool]) => tool),
    ['pg_dump', 'pg_restore'],
  );

  const server = await startPostgres({ home, log: quiet });
  await migrate(server.url);
  await ensureTables(server.url, await readDictionary(undefined));
  await runSql(
    server.url,
    `insert into departments values (1, 'Zoo'); insert into jobs values (1, 'Keeper');
                           insert into hired_employees values (1, 'a', '2021-01-01T00:00:00Z', 1, 1)`,
  );
  await startReports(server.url, BUNDLED_REPORTS);
  const look = async (url: string) => [
    await runSql(url, 'select * from departments'),
    await runSql(url, 'select name from longshore.report order by name'),
    await runSql(url, 'select * from longshore_report."hires-by-quarter"'),
  ];
  const before = await look(server.url);
  assert.equal((await longshore(home, commands[0]!)).code, 0, 'while the server runs');
  await runSql(
    server.url,
    `truncate departments cascade; delete from longshore.report; insert into jobs values (2, 'Vet')`,
  );
  await server.stop();

  const restored = await longshore(home, commands[1]!);
  assert.equal(restored.code, 0, restored.output);
  assert.match(restored.output, /PostgreSQL is started for this alone/);
  const shown = await longshore(home, ['pg', 'psql', '-At', '-c', 'select count(*), current_user from jobs']);
  assert.match(shown.output, /^1\|longshore_app$/m);
  assert.equal((await longshore(home, ['pg', 'psql', '-c', 'select 1 / 0'])).code, 1, "the tool's exit code");
  assert.match((await longshore(home, ['pg', 'psql', '--version'])).output, /psql \(PostgreSQL\) 18/);
  assert.equal(existsSync(join(home, 'lock')), false);
  const again = await startPostgres({ home, log: quiet });
  t.after(() => again.stop());
  assert.deepEqual(await look(again.url), before);
});

test('a tool of which anything has changed is not run, but fetched anew', async (t) => {
  const cache = join(await testHome(t), 'cache');
  const programs = await provideTools({ log: quiet });
  const version = programs.split('/').at(-4)!;
  cpSync(join(programs, '..', '..', '..'), join(cache, version), { recursive: true, verbatimSymlinks: true });
  const psql = join(cache, version, 'embedded_postgres', 'pginstall', 'bin', 'psql');
  const whole = readFileSync(psql);
  const said: string[] = [];
  const log = { info: () => undefined, warn: (message: string) => said.push(message) };
  await provideTools({ log, cache });
  assert.deepEqual(said, []);
  appendFileSync(psql, 'x');
  await provideTools({ log, cache });
  assert.match(said.join('\n'), /bin\/psql is another file/);
  assert(readFileSync(psql).equals(whole));
});

/** As in a terminal, in the home's folder. */
async function longshore(home: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'src/cli/longshore.mjs'), ...args], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LONGSHORE_HOME: home },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
