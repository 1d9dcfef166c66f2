import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { columnsWithoutHeader } from '../../src/dictionary/match-header.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import {
  BUNDLED_SAMPLE,
  departmentsCsv,
  type HiresOptions,
  hiresCsv,
  jobsCsv,
} from '../../src/sample/generate.ts';
import { type ExpectedError, FAULTS } from '../../src/sample/spoil-row.ts';

function textOf(options: HiresOptions): string {
  return Buffer.concat([...hiresCsv(options)]).toString();
}

/** Errors that only the whole table shows; the rules of a row can't see them. */
const NEEDS_TABLE = new Set(['primary-key', 'foreign-key']);

describe('the sample', () => {
  it('is the same bytes for the same seed, and others for another', () => {
    const hash = (seed: number) =>
      createHash('sha256')
        .update(textOf({ seed, hires: 3000 }))
        .digest('hex');
    assert.equal(hash(1), hash(1));
    assert.notEqual(hash(1), hash(2));
  });

  it('has the requested number of rows, about 45 bytes each', () => {
    const text = textOf({ seed: 3, hires: 20_000 });
    assert.equal(text.split('\n').length - 1, 20_000);
    assert.ok(text.length / 20_000 > 40 && text.length / 20_000 < 50, `${text.length / 20_000}`);
  });

  it('is bad where it says it is, in the way it says, and nowhere else', async () => {
    const table = (await readDictionary(undefined)).tables.at(-1)!;
    const { columns, width } = columnsWithoutHeader(table);
    const compiled = compileTable(table);
    const expected = new Map<number, readonly ExpectedError[]>();
    const text = textOf({
      seed: 4,
      hires: 5000,
      badShare: 0.2,
      faults: FAULTS,
      onBadRow: (line, errors) => expected.set(line, errors),
    });
    const seen = new Set<string>();
    text
      .trimEnd()
      .split('\n')
      .forEach((line, index) => {
        const { errors } = compiled.checkRow(line.split(','), columns, width);
        const found = (errors ?? []).map(({ code, field }) => ({ code, field }));
        const wanted = (expected.get(index + 1) ?? []).filter(({ code }) => !NEEDS_TABLE.has(code));
        assert.deepEqual(found, wanted, `line ${index + 1}: ${line}`);
        for (const { code } of expected.get(index + 1) ?? []) seen.add(code);
      });
    assert.equal(expected.size > 800 && expected.size < 1200, true, `${expected.size}`);
    assert.deepEqual([...seen].sort(), [
      'blank-row',
      'constraint-error',
      'extra-cell',
      'foreign-key',
      'missing-cell',
      'primary-key',
      'type-error',
    ]);
  });

  it('the sample without its bad rows equals the good ones, byte for byte', () => {
    const options = { seed: 5, hires: 4000, badShare: 0.1, faults: FAULTS };
    const bad = new Set<number>();
    const all = textOf({ ...options, onBadRow: (line) => bad.add(line) }).split('\n');
    const good = textOf({ ...options, goodOnly: true });
    assert.equal(all.filter((_, index) => !bad.has(index + 1)).join('\n'), good);
  });

  it('counts lines past the line breaks in quoted names', () => {
    const bad: number[] = [];
    const text = textOf({
      seed: 6,
      hires: 500,
      quotedShare: 0.5,
      badShare: 0.1,
      faults: ['blank-row'],
      onBadRow: (line) => bad.push(line),
    });
    const blank = text.split('\n').flatMap((line, index) => (line === ',,,,' ? [index + 1] : []));
    assert.deepEqual(bad, blank);
    assert.ok(text.split('\n').length > 550);
  });

  it('has departments and jobs with names of their own', () => {
    const departments = departmentsCsv(BUNDLED_SAMPLE).toString().trimEnd().split('\n');
    const jobs = jobsCsv({ ...BUNDLED_SAMPLE, jobs: 400 })
      .toString()
      .trimEnd()
      .split('\n');
    assert.equal(departments.length, 12);
    assert.equal(new Set(jobs.map((line) => line.split(',')[1])).size, 400);
  });
});
