import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createRateLimiter } from '../../api/http/rate-limit.ts';
import { startTestApi } from '../support/api-fakes.ts';
import { FakeKeys } from '../support/fake-keys.ts';

const rates = fc.record({
  perSecond: fc.integer({ min: 1, max: 1_000_000 }),
  burst: fc.integer({ min: 1, max: 50 }),
});

describe('a rate', () => {
  it('is never exceeded: in any time t at most burst + rate * t requests', () => {
    const pauses = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 50, noNaN: true })), {
      maxLength: 400,
      size: 'max',
    });
    const starts = fc.double({ min: 0, max: 1e10, noNaN: true });
    fc.assert(
      fc.property(rates, pauses, starts, (rate, waits, startMs) => {
        let nowMs = startMs;
        const limiter = createRateLimiter(() => nowMs);
        const allowedAt: number[] = [];
        for (const wait of waits) {
          nowMs += wait;
          if (limiter.take('k', rate).allowed) allowedAt.push(nowMs);
        }
        for (let first = 0; first < allowedAt.length; first += 1) {
          for (let last = first; last < allowedAt.length; last += 1) {
            const t = (allowedAt[last]! - allowedAt[first]!) / 1000;
            // Clocks of 1e10 ms are exact to 2e-6 ms.
            const most = rate.burst + rate.perSecond * (t + 1e-8) + 1e-3;
            assert.ok(last - first + 1 <= most, `${last - first + 1} in ${t} s, not ${most}`);
          }
        }
      }),
    );
  });

  it('is reached: a client that waits as long as Retry-After says is let in, and one with some left too', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 600 }), (rate, requests) => {
        let nowMs = 5;
        const limiter = createRateLimiter(() => nowMs);
        for (let n = 0; n < requests; n += 1) {
          const taken = limiter.take('k', rate);
          if (n < rate.burst) assert.ok(taken.allowed, `request ${n} of ${rate.burst} at once`);
          if (taken.left > 0) continue;
          nowMs += taken.retryInMs;
          assert.ok(limiter.take('k', rate).allowed, `after ${taken.retryInMs} ms`);
        }
      }),
    );
  });

  it('belongs to its key, and comes back whole after a pause', () => {
    let nowMs = 0;
    const limiter = createRateLimiter(() => nowMs);
    const rate = { perSecond: 10, burst: 3 };
    const lefts = () =>
      [1, 2, 3, 4].map(() => limiter.take('a', rate)).map((t) => (t.allowed ? t.left : 'no'));
    assert.deepEqual(lefts(), [2, 1, 0, 'no']);
    assert.equal(limiter.take('b', rate).left, 2);
    nowMs = 300;
    assert.deepEqual(lefts(), [2, 1, 0, 'no']);
    nowMs = 1e9;
    assert.deepEqual(lefts(), [2, 1, 0, 'no']);
  });

  it('holds for every key also after full buckets were forgotten', () => {
    let nowMs = 0;
    const limiter = createRateLimiter(() => nowMs);
    const rate = { perSecond: 1, burst: 1 };
    for (let n = 0; n < 9_999; n += 1) limiter.take(`old ${n}`, rate);
    nowMs = 1500;
    assert.ok(limiter.take('recent', rate).allowed);
    for (let n = 0; n < 30_000; n += 1) limiter.take(`new ${n}`, rate);
    assert.ok(!limiter.take('recent', rate).allowed);
    assert.ok(!limiter.take('new 0', rate).allowed);
  });

  it('is shown in every answer to an API key, and enforced with 429 before a body is read', async () => {
    const limiter = createRateLimiter(() => 0);
    const keys = new FakeKeys();
    const made = await keys
      .deps()
      .keyService.create(
        { name: 'slow', scopes: ['write'], tables: null, rate: { perSecond: 1, burst: 2 } },
        (id) => ({
          id,
          at: '',
          keyId: '',
          keyName: '',
          action: '',
          target: id,
          table: null,
          status: 201,
          requestId: '',
        }),
      );
    await using api = await startTestApi({ ...keys.deps(), limiter });
    const ask = () => api.call('/v1/loads', { key: made.text });
    const first = await ask();
    assert.equal(first.headers.get('ratelimit-policy'), '"default";q=2;w=2');
    assert.equal(first.headers.get('ratelimit'), '"default";r=1;t=1');
    assert.equal((await ask()).headers.get('ratelimit'), '"default";r=0;t=2');
    const refused = await ask();
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal(((await refused.json()) as { code: string }).code, 'rate-limited');
    const answer = await api.raw(
      `POST /v1/tables/jobs/loads HTTP/1.1\r\nHost: x\r\nx-api-key: ${made.text}\r\nContent-Type: text/csv\r\n` +
        'Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n',
      { untilText: 'rate-limited' },
    );
    assert.match(answer, /^HTTP\/1\.1 429 /);
    assert.doesNotMatch(answer, /100 Continue/);
    assert.deepEqual(await api.files(), []);
    const other = await api.call('/v1/loads');
    assert.equal(other.headers.get('ratelimit-policy'), '"default";q=4000;w=2');
    assert.equal((await fetch(`${api.url}/healthz`)).headers.get('ratelimit'), null);
    assert.deepEqual(
      keys.audit.map(({ status }) => status),
      [201],
    );
  });
});
