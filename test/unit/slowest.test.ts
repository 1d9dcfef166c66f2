import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import report from '../support/reporter.ts';
import { Slowest } from '../support/slowest.ts';

const event = (type: string, data: object) => ({ type, data }) as unknown as TestEvent;
const started = (name: string, nesting: number) => event('test:start', { name, nesting });
const ended = (name: string, nesting: number, ms: number, type = 'test') =>
  event('test:pass', { name, nesting, testNumber: 1, details: { duration_ms: ms, type } });
const file = (path: string | undefined, ms: number) =>
  event('test:summary', { file: path, duration_ms: ms, success: true });

/** A file with one suite of two tests, as the runner reports it. */
const EVENTS = [
  started('loads', 0),
  started('a quick one', 1),
  ended('a quick one', 1, 20),
  started('a slow one', 1),
  ended('a slow one', 1, 2_340),
  ended('loads', 0, 9_000, 'suite'),
  file('/repo/test/stack/loads.test.ts', 9_100),
];

describe('the list of the slowest', () => {
  it('names tests with their suites, and files, slowest first', () => {
    const slowest = new Slowest('/repo');
    for (const one of EVENTS) slowest.see(one);
    assert.equal(
      slowest.text(),
      '\nslowest tests\n' +
        '     2.3 s  loads › a slow one\n' +
        '     0.0 s  loads › a quick one\n' +
        '\nslowest files\n' +
        '     9.1 s  test/stack/loads.test.ts\n',
    );
  });

  it('knows the files of a process that ran many', () => {
    const slowest = new Slowest('/repo');
    for (const one of [
      started('test/unit/rows.test.ts', 0),
      started('rows', 1),
      started('a slow one', 2),
      ended('a slow one', 2, 2_340),
      ended('rows', 1, 3_000, 'suite'),
      ended('test/unit/rows.test.ts', 0, 4_000, 'suite'),
      file('/repo/.cache/test-shares/1.mjs', 9_100),
    ]) {
      slowest.see(one);
    }
    assert.equal(
      slowest.text(),
      '\nslowest tests\n     2.3 s  rows › a slow one\n\nslowest files\n     4.0 s  test/unit/rows.test.ts\n',
    );
  });

  it('shows ten of each', () => {
    const slowest = new Slowest();
    for (let n = 0; n < 25; n++) {
      slowest.see(started(`test ${n}`, 0));
      slowest.see(ended(`test ${n}`, 0, n * 1000));
    }
    const lines = slowest.text().trim().split('\n').slice(1);
    assert.deepEqual([lines.length, lines[0], lines[9]], [10, '    24.0 s  test 24', '    15.0 s  test 15']);
  });

  it("stands before the runner's closing lines", async () => {
    async function* events() {
      yield* EVENTS;
      yield event('test:diagnostic', { nesting: 0, message: 'tests 2' });
      yield event('test:diagnostic', { nesting: 0, message: 'pass 2' });
      yield file(undefined, 9_200);
    }
    const shown = await text(Readable.from(report(events())));
    assert.match(shown, /✔ a slow one.*slowest tests\n.*slowest files\n.*ℹ tests 2.*\n.*ℹ pass 2[^\n]*\n$/s);
  });

  it('says nothing of a run without tests', () => {
    assert.equal(new Slowest().text(), '');
  });
});
