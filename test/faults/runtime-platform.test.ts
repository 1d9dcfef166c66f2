import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RunRecord, readRun } from '../../src/platform/run-file.ts';
import { isRunning, processesWorkingIn } from '../../src/runtime/processes.ts';
import { testHome } from '../support/home.ts';
import { killEverything } from '../support/platform.ts';

const FAKE_PLATFORM = fileURLToPath(new URL('../support/fake-platform.ts', import.meta.url));

test('a stop leaves no process, no lock and exit code 0', async (t) => {
  const home = await testHome(t);
  const platform = await start(home);
  const pids = processIds(platform.run());
  assert.equal(Object.keys(pids).length, 6, 'supervisor, PostgreSQL, Temporal, API, two workers');
  assert.equal(await platform.stop(), 0);
  await waitFor('every process to end', () => Object.values(pids).every((pid) => !isRunning(pid)));
  assert.deepEqual(processesWorkingIn(join(home, 'postgres', 'data')), []);
  assert.equal(existsSync(join(home, 'lock')), false);
  assert.equal(readRun(home), null);
});

test('each process gets the secrets that it needs, and no other', async (t) => {
  const home = await testHome(t);
  const secrets = {
    LONGSHORE_ADMIN_KEY: 'admin-key-of-the-test',
    LONGSHORE_BACKUP_KEY: 'backup-key-of-the-test',
    LONGSHORE_PAYLOAD_KEY: 'payload-key-of-the-test',
    AWS_SECRET_ACCESS_KEY: 'storage-key-of-the-test',
    LONGSHORE_KEY: 'client-key-of-the-test',
    SOMEBODYS_TOKEN: 'token-of-the-test',
  };
  const platform = await start(home, secrets);
  const pids = processIds(platform.run());
  const own = ['LONGSHORE_BACKUP_KEY', 'LONGSHORE_PAYLOAD_KEY', 'AWS_SECRET_ACCESS_KEY'];
  for (const [role, wanted] of Object.entries({
    postgres: [],
    temporal: [],
    api: ['LONGSHORE_ADMIN_KEY', ...own],
    'worker-1': own,
    'worker-2': own,
  })) {
    const environment = readFileSync(`/proc/${pids[role]}/environ`, 'utf8');
    const found = Object.entries(secrets).filter(([, secret]) => environment.includes(secret));
    assert.deepEqual(
      found.map(([name]) => name),
      wanted,
      role,
    );
    const knowsPassword = environment.includes('DATABASE_URL=postgres');
    assert.equal(knowsPassword, wanted.length > 0, `${role}: the password of PostgreSQL`);
  }
  assert.equal(await platform.stop(), 0);
});

test('every process that is killed comes back, the servers on their old ports', async (t) => {
  const home = await testHome(t);
  const platform = await start(home);
  const before = processIds(platform.run());
  const answerBefore = await ask(platform.run().apiUrl);
  for (const role of ['worker-1', 'api', 'postgres', 'temporal']) {
    process.kill(before[role]!, 'SIGKILL');
    await waitFor(`${role} to come back`, () => {
      const now = processIds(platform.run())[role]!;
      return now !== before[role] && isRunning(now);
    });
  }
  await waitFor(
    'the API to answer as before',
    async () => (await ask(platform.run().apiUrl)) === answerBefore,
  );
  assert.equal(await platform.stop(), 0);
});

test('children end after kill -9 of their supervisor, and the next start takes over the servers', async (t) => {
  const home = await testHome(t);
  const first = await start(home);
  const before = processIds(first.run());
  process.kill(before.supervisor!, 'SIGKILL');
  await waitFor('the API and the workers to end by themselves', () =>
    ['api', 'worker-1', 'worker-2'].every((role) => !isRunning(before[role]!)),
  );
  const second = await start(home);
  assert.equal(isRunning(before.postgres!), false);
  assert.equal(isRunning(before.temporal!), false);
  assert.equal(await second.stop(), 0);
});

test('the platform starts normally after kill -9 of everything at once', async (t) => {
  const home = await testHome(t);
  const first = await start(home);
  killEverything(processIds(first.run()));
  const second = await start(home);
  assert.equal(await second.stop(), 0);
});

test('a second start on the same home is refused, naming the process that has it', async (t) => {
  const home = await testHome(t);
  const first = await start(home);
  const second = await outcome(home);
  assert.equal(second.code, 1);
  assert.match(
    second.output,
    new RegExp(`in use by Longshore, process ${first.run().processes.supervisor!.pid}`),
  );
  assert.equal(await first.stop(), 0);
});

test("a lock whose process ID now belongs to another program doesn't count", async (t) => {
  const home = await testHome(t);
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, startMark: 'of another life' }));
  const platform = await start(home);
  assert.equal(await platform.stop(), 0);
});

test('a port in use is said before anything is started', async (t) => {
  const home = await testHome(t);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const { code, output } = await outcome(home, { LONGSHORE_PORT: String(port) });
  assert.equal(code, 1);
  assert.match(output, new RegExp(`LONGSHORE_PORT: another program uses 127\\.0\\.0\\.1:${port}`));
  assert.equal(existsSync(join(home, 'postgres')), false);
});

test('a stop while the platform starts leaves nothing running', async (t) => {
  const home = await testHome(t);
  const supervisor = spawnSupervisor(home);
  await waitFor(
    'PostgreSQL or Temporal to run',
    () => Object.keys(readRun(home)?.processes ?? {}).length > 1,
  );
  const pids = processIds(readRun(home)!);
  supervisor.kill('SIGTERM');
  const code = await new Promise((resolve) => supervisor.once('exit', resolve));
  assert.equal(code, 0);
  await waitFor('every process to end', () => Object.values(pids).every((pid) => !isRunning(pid)));
  assert.deepEqual(processesWorkingIn(join(home, 'postgres', 'data')), []);
});

async function start(
  home: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ run(): RunRecord & { apiUrl: string }; stop(): Promise<number | null> }> {
  const supervisor = spawnSupervisor(home, env);
  let output = '';
  supervisor.stdout?.on('data', (text) => {
    output += text;
  });
  const exited = new Promise<number | null>((resolve) => supervisor.once('exit', resolve));
  const run = () => readRun(home);
  await waitFor('the platform to be up', () => {
    if (supervisor.exitCode !== null) throw new Error(`it did not start:\n${output}`);
    return run()?.processes.supervisor?.pid === supervisor.pid && run()?.apiUrl !== undefined;
  });
  return {
    run: () => run() as RunRecord & { apiUrl: string },
    stop() {
      supervisor.kill('SIGTERM');
      return exited;
    },
  };
}

/** Runs a platform that is expected to end by itself. */
async function outcome(
  home: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const supervisor = spawnSupervisor(home, env);
  let output = '';
  supervisor.stdout?.on('data', (text) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve) => supervisor.once('close', resolve));
  return { code, output };
}

function spawnSupervisor(home: string, env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [FAKE_PLATFORM], {
    env: {
      PATH: process.env.PATH,
      LONGSHORE_HOME: home,
      LONGSHORE_PORT: '0',
      LONGSHORE_WORKERS: '2',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

function processIds(run: RunRecord): Record<string, number> {
  return Object.fromEntries(Object.entries(run.processes).map(([role, { pid }]) => [role, pid]));
}

async function ask(url: string): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch (error) {
    return String(error);
  }
}

async function waitFor(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}
