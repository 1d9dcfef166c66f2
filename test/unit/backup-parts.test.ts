import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { rangeOf } from '../../api/http/byte-range.ts';
import { planParts } from '../../src/backups/plan-parts.ts';

const PAGE = 8192;

describe('the parts of a backup', () => {
  const tables = fc.uniqueArray(
    fc.record({
      table: fc.stringMatching(/^[a-z]{1,8}$/),
      bytes: fc.nat({ max: 2 ** 40 }).map((n) => n - (n % PAGE)),
    }),
    { selector: ({ table }) => table, minLength: 1, maxLength: 20 },
  );

  it('hold every page of every table once, and the last one is open', () => {
    fc.assert(
      fc.property(tables, fc.integer({ min: 1, max: 64 * 1024 * 1024 }), (given, partBytes) => {
        const parts = planParts(given, { partBytes, maxParts: 500 });
        for (const { table, bytes } of given) {
          const of = parts.filter((part) => part.table === table);
          assert.deepEqual(
            of.map(({ no }) => no),
            of.map((_, i) => i),
          );
          assert.equal(of[0]?.fromPage, 0);
          assert.equal(of.at(-1)?.toPage, null);
          for (let i = 1; i < of.length; i++) assert.equal(of[i]?.fromPage, of[i - 1]?.toPage);
          // Without rows in its last part, a table would have been cut once too often.
          if (bytes > 0) assert.ok((of.at(-1)?.fromPage ?? 0) < bytes / PAGE);
        }
        assert.ok(parts.length <= 500 + given.length);
      }),
    );
  });

  it('are some dozen megabytes, whatever the number of tables', () => {
    const parts = planParts([
      { table: 'small', bytes: 0 },
      { table: 'big', bytes: 200 * 1024 * 1024 },
    ]);
    assert.equal(parts.filter(({ table }) => table === 'small').length, 1);
    assert.ok(parts.filter(({ table }) => table === 'big').length >= 4);
  });
});

describe('a range of bytes', () => {
  const asked: [string | undefined, ReturnType<typeof rangeOf>][] = [
    [undefined, null],
    ['bytes=0-0', { startByte: 0, endByte: 1 }],
    ['bytes=5-', { startByte: 5, endByte: 10 }],
    ['bytes=-3', { startByte: 7, endByte: 10 }],
    ['bytes=-30', { startByte: 0, endByte: 10 }],
    ['bytes=8-100', { startByte: 8, endByte: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', null],
    ['bytes=0-1,3-4', null],
    ['bytes=-', null],
    ['rows=0-1', null],
  ];
  for (const [header, range] of asked) {
    it(`${header} of ten bytes`, () => assert.deepEqual(rangeOf(header, 10), range));
  }
  it('a range of an empty file is unsatisfiable', () =>
    assert.equal(rangeOf('bytes=0-', 0), 'unsatisfiable'));
});
