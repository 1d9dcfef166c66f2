import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { parseOptions } from '../../src/csv/dialect-options.ts';
import { parseRecord, parseRecordInSteps } from '../../src/csv/parse-record.ts';
import { type CsvRecord, readRecords } from '../../src/csv/read-records.ts';
import { type SurveyOptions, Surveyor } from '../../src/csv/survey.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Survey } from '../../src/types.ts';
import { atOnce } from '../support/at-once.ts';
import { cut, dialects, texts } from '../support/csv-arbitraries.ts';

const RUNS = Number(process.env.CSV_TEST_RUNS ?? 3000);
const BOM = Buffer.from('\ufeff');

/** The survey, or null for a file without records. */
function survey(bytes: Buffer, options: SurveyOptions, sizes: readonly number[]): Survey | null {
  const surveyor = new Surveyor(options);
  for (const piece of cut(bytes, sizes)) {
    surveyor.push(piece);
    piece.fill(0x22);
  }
  try {
    return surveyor.end();
  } catch (error) {
    assert.ok(error instanceof LongshoreError && error.code === 'file-empty', String(error));
    return null;
  }
}

interface FileRecord extends CsvRecord {
  /** The record's bytes and where they stand in the file. */
  readonly raw: Buffer;
  readonly at: number;
}

function readAll(bytes: Buffer, found: Survey | null, options: SurveyOptions): FileRecord[] {
  return (found?.chunks ?? []).flatMap((chunk) => {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    const records = [...readRecords(range, chunk, options.dialect, options.encoding, options)];
    return records.map((record) => ({
      ...record,
      raw: range.subarray(record.start, record.end),
      at: chunk.startByte + record.start,
    }));
  });
}

/** An independent count: the line that holds the byte at `offset`. */
function lineAt(bytes: Buffer, offset: number): number {
  return bytes
    .subarray(0, offset)
    .toString('latin1')
    .split(/\r\n|\n|\r/).length;
}

const cases = dialects.chain((dialect) =>
  fc.record({
    dialect: fc.constant(dialect),
    text: texts(dialect),
    chunkBytes: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 200 })),
    sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
    maxRecordBytes: fc.constantFrom(undefined, undefined, 5, 20),
  }),
);

test('chunks cover the file, and their rows are those of csv-parse on the whole, at any chunk size', () => {
  fc.assert(
    fc.property(cases, ({ dialect, text, chunkBytes, sizes, maxRecordBytes }) => {
      const bytes = Buffer.from(text);
      const options = { dialect, encoding: 'utf-8', chunkBytes: () => chunkBytes, maxRecordBytes };
      const found = survey(bytes, options, sizes);
      const first = bytes.subarray(0, 3).equals(BOM) ? 3 : 0;
      const records = readAll(bytes, found, options);

      // Cover without gap or overlap, on line starts, flags right, however the pieces were cut.
      let at = first;
      for (const [no, chunk] of (found?.chunks ?? []).entries()) {
        assert.equal(chunk.no, no);
        assert.equal(chunk.startByte, at);
        assert.ok(chunk.endByte > at);
        assert.equal(chunk.firstLine, lineAt(bytes, at));
        const range = bytes.subarray(chunk.startByte, chunk.endByte);
        assert.equal(chunk.quotes, dialect.quoteChar !== null && range.includes(dialect.quoteChar));
        at = chunk.endByte;
      }
      if (found !== null) assert.equal(at, bytes.length);
      assert.deepEqual(found, survey(bytes, options, [bytes.length || 1]));

      // With each spoilt record replaced by a word, csv-parse on the whole gives the same records.
      const spoilt = records.filter((record) => record.error !== null);
      const strays = found?.chunks.reduce((sum, chunk) => sum + chunk.strayQuotes, 0) ?? 0;
      const oversize = found?.chunks.filter((chunk) => chunk.oversize).length ?? 0;
      assert.equal(spoilt.length, strays + oversize);
      if (maxRecordBytes === undefined) assert.equal(oversize, 0);
      const pieces: Buffer[] = [];
      let from = first;
      for (const { at: start, raw } of spoilt) {
        pieces.push(bytes.subarray(from, start), Buffer.from('SPOILT'));
        from = start + raw.length;
      }
      const whole = Buffer.concat([...pieces, bytes.subarray(from)]);
      const expected: string[][] = parse(whole, parseOptions(dialect));
      assert.deepEqual(
        records.map((record) => (record.error === null ? record.cells : ['SPOILT'])),
        expected,
      );

      for (const record of records) {
        assert.equal(record.line, lineAt(bytes, record.at));
        assert.ok(parseRecord(record.raw, dialect, 'utf-8').length > 0);
        assert.ok(record.error === null || record.error.code === 'quote-error');
      }
      // A record's raw bytes alone give its cells again: what a reject is shown from.
      for (const { raw, cells, error } of records) {
        if (error === null) assert.deepEqual(parseRecord(raw, dialect, 'utf-8'), cells);
        for (const pieceBytes of sizes) {
          const inPieces = atOnce(parseRecordInSteps(raw, dialect, 'utf-8', pieceBytes));
          assert.deepEqual(inPieces, parseRecord(raw, dialect, 'utf-8'));
        }
      }
    }),
    { numRuns: RUNS },
  );
});
