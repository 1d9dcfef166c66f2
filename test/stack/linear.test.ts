import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from 'recheck';
import { z } from 'zod';
import { HEADER_LIMITS } from '../../api/http/header-limits.ts';
import { PREFERENCE } from '../../api/http/prefer.ts';
import { LOCAL_PART } from '../../src/rows/cast-string.ts';
import { ATTACKS, FOREIGN_PARSERS, type ForeignParser } from '../support/foreign-parsers.ts';
import { readSourcePatterns } from '../support/source-patterns.ts';

/**
 * Where expressions are made of text, and how many. PREFERENCE and LOCAL_PART are judged as the literal ones are; what
 * URIs, patterns of a dictionary (RE2, linear by construction) and strptime formats match is measured below.
 */
const MADE: Readonly<Record<string, number>> = {
  'api/http/prefer.ts': 1,
  'src/rows/cast-string.ts': 2,
  'src/rows/check-constraints.ts': 1,
  'src/rows/strptime.ts': 1,
};

/** Judged by what they do with every attack, since the judge takes minutes for them: counters within repeats. */
const MEASURED: Readonly<Record<string, keyof typeof FOREIGN_PARSERS>> = {
  '/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9][a-z0-9-]{0,61}[a-z]$/i': 'cell of email',
};

/** Built by zod and used here. */
const OF_ZOD = [z.regexes.datetime({}), z.regexes.datetime({ offset: true }), z.regexes.uuid()];

/** Of one expression, which takes milliseconds on a quiet machine; the judge counts wall time. */
const JUDGED_MS = 240_000;

const source = readSourcePatterns();

describe('Every regular expression of the source', () => {
  it('matches in linear time, as a checker of automata proves', async () => {
    const literal = [...source.literals.values()].filter(
      ({ pattern, flags }) => !(`/${pattern}/${flags}` in MEASURED),
    );
    const built = [PREFERENCE, LOCAL_PART, ...OF_ZOD].map(({ source: pattern, flags }) => ({
      pattern,
      flags,
      at: `built: ${pattern}`,
    }));
    assert.ok(literal.length > 100, 'the source was not read');
    const faults: string[] = [];
    for (const { pattern, flags, at } of [...literal, ...built]) {
      const verdict = await check(pattern, flags, { checker: 'automaton', timeout: JUDGED_MS });
      // One that is too complex to be judged has to be made simpler: a counter less, an alternative less.
      if (verdict.status !== 'safe') faults.push(`${at} is ${verdict.status}`);
    }
    assert.deepEqual(faults, []);
  });

  it('is known to this test where it is made of text, and is still there', () => {
    assert.deepEqual(source.made, MADE);
    for (const pattern of Object.keys(MEASURED)) assert.ok(source.literals.has(pattern), pattern);
  });
});

describe('Every request header that is read', () => {
  it('has a limit, so that nothing matches a long one', () => {
    // A credential is bounded where it is read, to be refused as a wrong one is; an ID by its own form.
    const others = ['authorization', 'x-api-key', 'x-request-id', 'transfer-encoding'];
    const unlimited = [...source.headers].filter(
      (name) => !(name in HEADER_LIMITS) && !others.includes(name),
    );
    assert.deepEqual(unlimited, []);
  });
});

/** Characters; four times as many take 16 times as long where time grows by the square. */
const SHORT = 8_192;
const LONG = 4 * SHORT;
/** Below this nothing can be told: the garbage collector alone takes as long. */
const NOISE_MS = 25;

describe('Every parser of what others send', () => {
  for (const [name, parse] of Object.entries(FOREIGN_PARSERS)) {
    it(`takes time that grows with the length of ${name}`, () => {
      for (const [start, repeat, end] of ATTACKS) {
        const text = (length: number) => start + repeat.repeat(Math.ceil(length / repeat.length)) + end;
        const attack = JSON.stringify([start, repeat, end]);
        const [short, long] = [leastMs(parse, text(SHORT)), leastMs(parse, text(LONG))];
        assert.ok(long < 8 * short + NOISE_MS, `${attack}: ${short} ms, then ${long} ms for four times it`);
      }
    });
  }

  it('would be caught if its time grew by the square', () => {
    const slow: ForeignParser = (text) => /^bearer +(.+?) *$/i.test(`bearer ${text}`);
    const text = (length: number) => `a${' '.repeat(length)}b`;
    assert.ok(leastMs(slow, text(LONG)) > 8 * leastMs(slow, text(SHORT)) + NOISE_MS);
  });
});

/** Processor time of this thread, so that other processes do not count; the least of some runs. */
function leastMs(parse: ForeignParser, text: string): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3 && least > 0.2; run++) {
    const before = process.threadCpuUsage();
    try {
      parse(text);
    } catch {
      // Refusing it is a good answer, too; it is the time that counts.
    }
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
