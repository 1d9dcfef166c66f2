import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AnswerCache } from '../../api/reports/answer-cache.ts';
import type { Rendered } from '../../src/reports/report-service.ts';

describe("The cache of reports' answers", () => {
  let cache: AnswerCache;
  /** Of each answer that was made: its ETag. */
  let made: string[];

  beforeEach(() => {
    cache = new AnswerCache(1_000);
    made = [];
  });

  function ask(key: string, etag: string, bytes = 100): Promise<Rendered | null> {
    return cache.get(key, etag, async () => {
      made.push(etag);
      return { body: Buffer.alloc(bytes, 'x'), total: null, count: null };
    });
  }

  it('makes an answer once, and again for another ETag', async () => {
    const first = await ask('/a', '"1"');
    assert.equal(await ask('/a', '"1"'), first);
    await ask('/a', '"2"');
    await ask('/a', '"2"');
    assert.deepEqual(made, ['"1"', '"2"']);
  });

  it('makes an answer once for all who ask at the same time', async () => {
    const answers = await Promise.all([ask('/a', '"1"'), ask('/a', '"1"'), ask('/a', '"1"')]);
    assert.deepEqual(made, ['"1"']);
    assert.equal(new Set(answers).size, 1);
  });

  it('evicts the least recently used answers when there are too many bytes', async () => {
    for (const key of ['/a', '/b', '/c', '/d']) await ask(key, key, 240);
    await ask('/a', '/a', 240);
    await ask('/e', '/e', 240);
    made = [];
    for (const key of ['/a', '/c', '/d', '/e']) await ask(key, key, 240);
    assert.deepEqual(made, []);
    await ask('/b', '/b', 240);
    assert.deepEqual(made, ['/b']);
  });

  it('does not keep an answer that alone fills a quarter of it, nor the one before', async () => {
    await ask('/a', '"1"');
    await ask('/b', '"1 of b"');
    await ask('/a', '"2"', 251);
    await ask('/b', '"1 of b"');
    assert.deepEqual(made, ['"1"', '"1 of b"', '"2"']);
    await ask('/a', '"2"', 251);
    await ask('/a', '"1"');
    assert.deepEqual(made.slice(3), ['"2"', '"1"']);
  });

  it('does not keep that there is no answer, nor an error', async () => {
    const none = () => cache.get('/a', '"1"', () => Promise.resolve(null));
    assert.equal(await none(), null);
    await assert.rejects(
      cache.get('/a', '"1"', () => Promise.reject(new Error('lost'))),
      /lost/,
    );
    assert.notEqual(await ask('/a', '"1"'), null);
  });
});
