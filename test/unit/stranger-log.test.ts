import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { LongshoreError } from '../../src/errors.ts';
import { createCoalescedLog } from '../../src/runtime/coalesced-log.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { until } from '../support/eventually.ts';
import { FakeKeys } from '../support/fake-keys.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly status?: number | null;
  readonly code?: string;
  readonly count?: number;
  readonly keyId?: string | null;
  readonly address?: string;
  readonly err?: object;
  readonly sources?: readonly { readonly count: number; readonly [field: string]: unknown }[];
  readonly fromOthers?: number;
}

function memoryLog() {
  const lines: Line[] = [];
  const log = pino(
    { level: 'info', formatters: { level: (level) => ({ level }) } },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { lines, log };
}

/** An API whose lines about strangers are counted until the test asks for them. */
async function quietApi(change: Parameters<typeof startTestApi>[0] = {}) {
  const { lines, log } = memoryLog();
  const strangers = createCoalescedLog(log, 3_600_000);
  const api = await startTestApi({ log, strangers, ...change });
  return {
    api,
    lines,
    /** How many events of a kind the lines tell, with all that were counted. */
    async told(is: (line: Line) => boolean, expected: number): Promise<number> {
      const sum = async () => {
        strangers[Symbol.dispose]();
        return lines.filter(is).reduce((all, line) => all + (line.count ?? 1), 0);
      };
      return until(sum, (seen) => seen >= expected);
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

const isRefusal = ({ msg }: Line) => msg.startsWith('A key or token was refused');
const badKey = (n: number) => `lsk_stranger${n}_${'x'.repeat(43)}`;

async function times(n: number, ask: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < n; i += 1) await ask(i);
}

async function breakOff(api: TestApi): Promise<void> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /v1/tables/jobs/loads HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1');
  socket.destroy();
}

describe('the log of what strangers do', () => {
  it('has the first refused key at once, and the others as one line with their number and sources', async () => {
    await using quiet = await quietApi();
    const { api, lines } = quiet;
    await times(100, (i) => api.call('/v1/loads', { key: badKey(i % 40) }));
    const [first, ...others] = lines.filter(isRefusal);
    assert.deepEqual(
      [first?.level, first?.keyId, first?.address, others.length],
      ['warn', 'stranger0', '127.0.0.1', 0],
    );
    assert.equal(await quiet.told(isRefusal, 100), 100);
    const summary = lines.filter(isRefusal)[1]!;
    assert.equal(summary.level, 'warn');
    assert.equal(summary.sources?.length, 16);
    const counted = summary.sources!.reduce((sum, { count }) => sum + count, 0);
    assert.equal(counted + summary.fromOthers!, 99);
    assert.ok(!JSON.stringify(lines).includes('xxxx'), 'no secret is in it');
  });

  it('counts every way to be refused without a key, and no such request is a line of its own', async () => {
    await using quiet = await quietApi();
    const { api, lines } = quiet;
    const basic = `Basic ${Buffer.from('a:b').toString('base64')}`;
    const ways: readonly [status: number, ask: (i: number) => Promise<unknown>][] = [
      [401, () => api.call('/v1/loads', { key: null })],
      [401, () => api.call('/v1/tokens', { key: null, method: 'POST', headers: { authorization: basic } })],
      [401, () => api.call('/v1/loads', { key: null, headers: { authorization: 'Bearer eyJa.b.c' } })],
      [401, () => api.call('/v1/loads', { key: 'k'.repeat(6_000) })],
      [404, (i) => api.call(`/nothing/at/${i}`, { key: null })],
      [405, () => api.call('/healthz', { key: null, method: 'DELETE' })],
      [400, () => api.call('/v1/tables/%E0%A4%A', { key: null })],
      [200, () => api.call('/healthz', { key: null })],
    ];
    for (const [, ask] of ways) await times(20, ask);
    for (const status of new Set(ways.map(([one]) => one))) {
      const expected = ways.filter(([one]) => one === status).length * 20;
      const is = (line: Line) => line.status === status;
      assert.equal(await quiet.told(is, expected), expected, String(status));
    }
    // One when it begins and one with the count, for each status and for the refusals.
    assert.ok(lines.length <= 2 * 8, `${lines.length} lines`);

    const before = lines.length;
    await times(5, () => api.raw('not HTTP at all\r\n\r\n'));
    await times(5, () => api.raw(`GET / HTTP/1.1\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`));
    assert.equal(lines.length, before, 'what is not HTTP is not logged');
  });

  it('counts connections that are broken off', async () => {
    const keys = new FakeKeys().deps();
    const { promise: never, resolve } = Promise.withResolvers<null>();
    let gone = new AbortController();
    const verify = () => {
      // The request has arrived, and waits for its answer.
      gone.abort();
      return never;
    };
    await using quiet = await quietApi({ keys: { ...keys.keys, verify } });
    const path = '/v1/loads';
    await times(20, async () => {
      gone = new AbortController();
      await quiet.api.call(path, { key: badKey(1), signal: gone.signal }).catch(() => undefined);
    });
    await breakOff(quiet.api);
    const isBroken = ({ msg }: Line) => msg.startsWith('request broken off');
    assert.ok((await quiet.told(isBroken, 2)) >= 2);
    assert.ok(quiet.lines.length <= 6, `${quiet.lines.length} lines`);
    resolve(null);
  });

  it('has the error that strangers meet while the database is away once, and how often they met it', async () => {
    const { keys } = new FakeKeys().deps();
    const verify = async (text: string) => {
      if (text.startsWith('lsk_')) throw new LongshoreError('database-unavailable', 'no connection');
      return keys.verify(text);
    };
    await using quiet = await quietApi({ keys: { ...keys, verify } });
    await times(30, (i) => quiet.api.call('/v1/loads', { key: badKey(i) }));
    const isError = ({ level }: Line) => level === 'error';
    assert.equal(quiet.lines.filter(isError).length, 1);
    assert.ok(quiet.lines.find(isError)?.err, 'with the error itself');
    assert.equal(await quiet.told(isError, 30), 30);
  });

  it('keeps a line for each request with a good key', async () => {
    await using quiet = await quietApi();
    await times(10, () => quiet.api.call('/v1/loads'));
    await times(10, () => quiet.api.call('/v1/loads/77'));
    const own = () => quiet.lines.filter(({ keyId, msg }) => keyId === 'a1' && msg === 'request');
    await until(
      async () => own().length,
      (seen) => seen === 20,
    );
  });

  it('logs each kind at most once in each span, and at once again after a quiet one', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { lines, log } = memoryLog();
    const strangers = createCoalescedLog(log, 10_000);
    const happen = (kind: string) =>
      strangers.write({
        level: 'warn',
        kind,
        message: kind,
        fields: { requestId: '1' },
        source: { address: 'a' },
      });
    happen('one');
    happen('two');
    happen('one');
    happen('one');
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['one', 'two'],
    );
    t.mock.timers.tick(10_000);
    assert.deepEqual(
      lines.slice(2).map(({ msg, count }) => [msg, count]),
      [['one: 2 more within 10 s', 2]],
    );
    happen('one');
    happen('two');
    assert.deepEqual(
      lines.slice(3).map(({ msg }) => msg),
      ['two'],
    );
    t.mock.timers.tick(10_000);
    assert.deepEqual(
      lines.slice(4).map(({ msg }) => msg),
      ['one: 1 more within 10 s'],
    );
    t.mock.timers.tick(10_000);
    happen('one');
    assert.equal(lines.at(-1)?.msg, 'one');
    assert.equal(lines.length, 6);
  });
});
