import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonFaultAt } from '../../src/json-fault.ts';

describe('the place of a fault in JSON', () => {
  it('is the first character that can not go on', () => {
    const cases: [text: string, at: number][] = [
      ['', 0],
      ['[1,x]', 3],
      ['[1,]', 3],
      ['{"a":1,}', 7],
      ['{"a" 1}', 5],
      ['{"a":[1,2}', 9],
      ['{"a":1', 6],
      ['1 2', 2],
      ['[]]', 2],
      ['"a\\u00e9\\"b', 0],
      ['"\\x"', 0],
      [`["${'a'.repeat(9e6)}`, 1],
      [`["${'\\n'.repeat(4e6)}`, 1],
    ];
    for (const [text, at] of cases) assert.equal(jsonFaultAt(text), at, text);
  });

  it('is the end of a text that has none', () => {
    fc.assert(fc.property(fc.json(), (text) => assert.equal(jsonFaultAt(text), text.length)));
  });

  it('is never behind the place that the parser names, and never at the end of a text with something wrong', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', 'x', '"', ',', ':', '{', ']', '\u0001', '01'))
      .map(
        ([text, at, wrong]) =>
          `${text.slice(0, at % (text.length + 1))}${wrong}${text.slice((at % (text.length + 1)) + 1)}`,
      );
    fc.assert(
      fc.property(broken, (text) => {
        const message = parseError(text);
        const named = / at position (\d+)/.exec(message ?? '')?.[1];
        if (message === null) assert.equal(jsonFaultAt(text), text.length);
        else if (named !== undefined) assert.ok(jsonFaultAt(text) <= Number(named), `${text}: ${message}`);
        else if (!message.includes('end of JSON'))
          assert.ok(jsonFaultAt(text) < text.length, `${text}: ${message}`);
      }),
      { numRuns: 2000 },
    );
  });
});

function parseError(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
