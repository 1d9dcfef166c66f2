import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openLog } from '../../src/platform/server-process.ts';
import { rotateLog } from '../../src/runtime/rotate-log.ts';
import { until } from '../support/eventually.ts';
import { testPlatform } from '../support/platform.ts';

describe('a log', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-logs-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is put aside while its process writes: every line is in one of the two, once and whole', async () => {
    const path = join(folder, 'writer.log');
    const body = `for (let i = 0; i < 3000; i++) { console.log('line ' + i + ' ' + 'x'.repeat(50)); if (i % 10 === 0) await new Promise((r) => setTimeout(r, 1)); }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', body], {
      stdio: ['ignore', openLog(path), 'inherit'],
    });
    const ended = once(child, 'exit');
    await until(
      async () => statSync(path).size,
      (size) => size > 20_000,
    );
    rotateLog(path, 10_000_000);
    rotateLog(path, statSync(path).size - 1);
    await ended;
    const aside = readFileSync(`${path}.1`, 'utf8');
    const rest = readFileSync(path, 'utf8');
    assert.ok(!rest.includes('\0'), 'it begins anew at its beginning');
    const numbers = `${aside}${rest}`
      .trim()
      .split('\n')
      .map((line) => Number(/^line (\d+) x{50}$/.exec(line)?.[1]));
    // The first may be cut off with what is more than the limit.
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => i + 3000 - numbers.length),
    );
    assert.ok(numbers.length >= 2998, String(numbers.length));
  });

  it('keeps its end within the limit, in whole lines, in the place of the one before', () => {
    const path = join(folder, 'long.log');
    writeFileSync(`${path}.1`, 'older\n');
    writeFileSync(path, Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join(''));
    rotateLog(path, 1_000);
    const aside = readFileSync(`${path}.1`, 'utf8');
    assert.ok(aside.length <= 1_000 && aside.length > 980, String(aside.length));
    assert.match(aside, /^line \d+\n/);
    assert.ok(aside.endsWith('line 999\n'));
    assert.equal(statSync(path).size, 0);
    rotateLog(path, 1_000);
    assert.equal(readFileSync(`${path}.1`, 'utf8'), aside, 'a short one stays');
  });

  it('grows no further than twice the limit where it can not be put aside', () => {
    const path = join(folder, 'stuck.log');
    mkdirSync(join(`${path}.1`, 'in the way'), { recursive: true });
    writeFileSync(path, 'x'.repeat(1_500));
    assert.throws(() => rotateLog(path, 1_000));
    assert.equal(statSync(path).size, 1_500, 'it stays while there is room');
    appendFileSync(path, 'x'.repeat(1_000));
    assert.throws(() => rotateLog(path, 1_000));
    assert.equal(statSync(path).size, 0);
  });

  it('the log of every process of a running platform is rotated beyond 16 MiB, and goes on', async (t) => {
    const platform = await testPlatform(t, { env: { LONGSHORE_WORKERS: '1' } });
    const logs = join(platform.home, 'logs');
    const names = readdirSync(logs).filter((name) => name.endsWith('.log'));
    assert.deepEqual(names.sort(), ['api.log', 'postgres.log', 'temporal.log', 'worker-1.log']);
    const filling = `${'f'.repeat(1_023)}\n`.repeat(17 * 1024);
    for (const name of names) appendFileSync(join(logs, name), filling);
    for (const name of names) {
      const sizes = async () =>
        [name, `${name}.1`].map((one) => statSync(join(logs, one), { throwIfNoEntry: false })?.size);
      await until(sizes, ([log = 0, aside = 0]) => log < 1024 * 1024 && aside > 15 * 1024 * 1024);
      assert.ok(statSync(join(logs, `${name}.1`)).size <= 17 * 1024 * 1024);
    }
    await fetch(`${platform.apiUrl}/v1/loads/77`, {
      headers: { 'x-api-key': platform.adminKey, 'x-request-id': 'after-it' },
    });
    await until(
      async () => readFileSync(join(logs, 'api.log'), 'utf8'),
      (text) => text.startsWith('{') && text.includes('after-it'),
    );
    assert.equal(await platform.stop(), 0);
    const text = readFileSync(join(logs, 'postgres.log'), 'utf8');
    assert.ok(text.includes('database system is shut down') && !text.includes('\0'), 'PostgreSQL wrote on');
  });
});
