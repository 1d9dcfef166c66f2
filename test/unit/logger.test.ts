import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LongshoreError } from '../../src/errors.ts';
import { firstError } from '../../src/runtime/log-fields.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { sdkLogger } from '../../src/temporal/worker-runtime.ts';

const LOGGER = fileURLToPath(new URL('../../src/runtime/logger.ts', import.meta.url));
const MARKER = 'Ada-Lovelace-7743';

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ level: 'trace', process: 'test' }, { write: (line) => void lines.push(line) }));
  return lines.join('');
}

function script(body: string): string[] {
  const source = `import { createLogger } from ${JSON.stringify(LOGGER)};
const log = createLogger({ level: 'info', process: 'test' });
${body}`;
  return ['--input-type=module', '--eval', source];
}

describe('the log', () => {
  it('holds no secret, however deep', () => {
    const text = logged((log) => {
      log.info({ password: MARKER, req: { headers: { Authorization: MARKER, 'x-api-key': MARKER } } }, 'a');
      log.info({ list: [{ token: MARKER }], DATABASE_URL: MARKER, error: { cookie: MARKER } }, 'b');
      log.info({ a: { b: { c: { d: { e: { secret: MARKER } } } } } }, 'deeper than is looked');
    });
    assert.ok(!text.includes(MARKER), text);
    assert.match(text, /"password":"\[redacted\]"/);
  });

  it('shows where errors come from, and none of the rows that they quote', () => {
    const postgres = Object.assign(new Error(`invalid input syntax for type integer: "${MARKER}"`), {
      code: '22P02',
      detail: MARKER,
      where: `COPY jobs, line 1, column id: "${MARKER}"`,
      table: 'jobs',
    });
    const wrapped = new Error(`insert into jobs values ('${MARKER}')`, { cause: postgres });
    const text = logged((log) => {
      log.error({ err: wrapped }, 'a');
      log.warn({ reason: new LongshoreError('internal', 'no luck', { cause: postgres }) }, 'b');
      try {
        JSON.parse(`{"name": ${MARKER}}`);
      } catch (error) {
        log.error({ error }, 'c');
      }
    });
    assert.ok(!text.includes(MARKER), text);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(lines[0].err.cause.code, '22P02');
    assert.equal(lines[0].err.cause.table, 'jobs');
    assert.equal(lines[1].reason.message, 'no luck');
    assert.match(lines[2].error.stack, /logger\.test\.ts/);
  });

  it("leaves out what a user's own function says, whatever its SQLSTATE", () => {
    const raised = Object.assign(new Error(`refused ${MARKER}`), {
      code: 'XX000',
      where: 'PL/pgSQL function quotes_rows() line 1 at RAISE',
    });
    const text = logged((log) => log.error({ err: raised }, 'a'));
    assert.ok(!text.includes(MARKER) && text.includes('SQLSTATE XX000'), text);
  });

  it('keeps messages that quote nothing', () => {
    const gone = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
    assert.match(
      logged((log) => log.error({ err: gone }, 'a')),
      /connect ECONNREFUSED/,
    );
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    assert.match(
      logged((log) => log.error({ err: broken }, 'a')),
      /write EPIPE/,
    );
  });

  it('is complete and in order when the process ends at once', () => {
    const body = `for (let i = 0; i < 5000; i++) log.info({ i }, 'line'); log.fatal('the end'); log.info('after'); process.exit(3);`;
    const { stdout, status } = spawnSync(process.execPath, script(body), { encoding: 'utf8' });
    assert.equal(status, 3);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(lines.length, 5002);
    assert.deepEqual(
      lines.slice(0, 5000).map(({ i }) => i),
      Array.from({ length: 5000 }, (_, i) => i),
    );
    assert.deepEqual([lines[5000].msg, lines[5001].msg], ['the end', 'after']);
  });

  it('has a warning and all before it even after kill -9, and the rest a moment later', async () => {
    const body = `log.info('one'); log.warn('two'); log.info('three'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, script(body), { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    const shown = (what: string) => text.includes(`"${what}"`);
    child.stdout.on('data', (piece) => {
      text += piece;
    });
    const deadline = Date.now() + 20_000;
    while (!shown('three') && Date.now() < deadline) await sleep(20);
    assert.ok(shown('one') && shown('two') && shown('three'), text);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const urgent = spawnSync(
      process.execPath,
      script(`log.info('one'); log.warn('two'); log.info('three'); process.kill(process.pid, 'SIGKILL');`),
      { encoding: 'utf8' },
    );
    assert.deepEqual(
      urgent.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).msg),
      ['one', 'two'],
    );
  });

  it("has what Temporal's SDK warns of, but for what tells an operator nothing", () => {
    const lines = logged((log) => {
      const sdk = sdkLogger(log);
      sdk.warn('Activity not found on completion. This may happen if …');
      sdk.warn('Activity failed', { activityType: 'exportPart' });
      sdk.log('WARN', 'gRPC is slow', { sdkComponent: 'core' });
    });
    const levels = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ level, part }) => [level, part]);
    assert.deepEqual(levels, [
      ['debug', 'temporal'],
      ['debug', 'temporal'],
      ['warn', 'temporal'],
    ]);
  });

  it('has the error that came first where closing what was open failed, too', async () => {
    const first = new Error('no storage');
    const start = async () => {
      await using opened = new AsyncDisposableStack();
      opened.defer(() => Promise.reject(new Error('the pool did not close')));
      opened.defer(() => Promise.reject(new Error('the connection did not close')));
      throw first;
    };
    await assert.rejects(start, (error) => firstError(error) === first);
    assert.equal(firstError(first), first);
  });
});
