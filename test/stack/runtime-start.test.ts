import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testHome } from '../support/home.ts';
import { testPlatform } from '../support/platform.ts';

const START = fileURLToPath(new URL('../../src/cli/start.ts', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../src/cli/longshore.mjs', import.meta.url));

test('--help explains the options and starts nothing', async (t) => {
  const home = await testHome(t);
  const { status, stdout } = run(START, ['--help'], { LONGSHORE_HOME: home });
  assert.equal(status, 0);
  assert.match(stdout, /--no-sample/);
  assert.equal(existsSync(join(home, 'postgres')), false);
});

test('an unknown option is refused with the help', () => {
  const { status, stderr } = run(START, ['--no-smaple']);
  assert.equal(status, 2);
  assert.match(stderr, /Unknown option '--no-smaple'/);
  assert.match(stderr, /Usage: npm start/);
});

test('an unknown variable is refused by its name before anything is started', async (t) => {
  const home = await testHome(t);
  const { status, stderr } = run(START, [], { LONGSHORE_HOME: home, LONGSHORE_PROT: '8081' });
  assert.equal(status, 1);
  assert.match(stderr, /config-invalid: LONGSHORE_PROT: unknown variable/);
  assert.equal(existsSync(join(home, 'postgres')), false);
});

test('the longshore command passes arguments and the exit code', () => {
  assert.equal(run(LAUNCHER, ['--help']).status, 0);
  assert.notEqual(run(LAUNCHER, ['no-such-command']).status, 0);
});

test('a platform comes up, says where it is without its secrets, and is there again after a stop', async (t) => {
  const home = await testHome(t);
  const first = await testPlatform(t, { home });
  assert.equal((await fetch(`${first.apiUrl}/healthz`)).status, 200);
  const tables = await fetch(`${first.apiUrl}/v1/tables`, { headers: { 'x-api-key': first.adminKey } });
  assert.equal(tables.status, 200);
  assert.equal(await first.stop(), 0);
  assert.match(first.output(), /Longshore is up/);
  assert.ok(first.output().includes(`${first.apiUrl}/docs`));
  assert.equal(first.output().includes(first.adminKey), false);

  const second = await testPlatform(t, { home });
  assert.equal(second.adminKey, first.adminKey);
  assert.equal(await second.stop(), 0);
});

function run(script: string, args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
}
