import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeOf } from '../../src/csv/dialect-options.ts';
import { parseRecord } from '../../src/csv/parse-record.ts';
import { RecordSplitter } from '../../src/infer/split-record.ts';
import type { Dialect } from '../../src/types.ts';
import { dialects, texts } from '../support/csv-arbitraries.ts';

/** A cell as a program writes it that quotes it; null where the dialect can't hold it in quotes. */
function quoted(text: string, dialect: Dialect): string | null {
  const { quoteChar } = dialect;
  const escaper = escapeOf(dialect);
  if (quoteChar === null || (escaper === null && text.includes(quoteChar))) return null;
  const inner = [...text].map((one) => (one === quoteChar || one === escaper ? escaper + one : one)).join('');
  return quoteChar + inner + quoteChar;
}

const records = dialects.chain((dialect) =>
  fc.record({
    dialect: fc.constant(dialect),
    cells: fc.array(fc.tuple(texts(dialect), fc.boolean()), { minLength: 1, maxLength: 6 }),
  }),
);

function bare(text: string, { delimiter, quoteChar }: Dialect): string {
  return [...text]
    .filter((one) => !`\r\n\0#\u00a0\ufeff\u2028${delimiter}${quoteChar ?? ''}`.includes(one))
    .join('');
}

test('a record is split into the cells that csv-parse makes of it, also where quotes are escaped', () => {
  let escaped = 0;
  const splitIs = fc.property(records, ({ dialect, cells }) => {
    const record = cells
      .map(
        ([text, asked]) => (asked ? quoted(text.replaceAll('\0', ''), dialect) : null) ?? bare(text, dialect),
      )
      .join(dialect.delimiter);
    if (record === '') return;
    const raw = Buffer.from(record);
    const splitter = new RecordSplitter(dialect);
    const { quoteChar } = dialect;
    const count = splitter.split(raw, 0, raw.length, quoteChar !== null && record.includes(quoteChar));
    const split = Array.from({ length: count }, (_, at) =>
      Buffer.from(splitter.bytes.subarray(splitter.starts[at]!, splitter.ends[at]!)).toString(),
    );
    assert.deepEqual(split, parseRecord(raw, dialect, 'utf-8'));
    assert.equal(splitter.irregular, 0);
    escaped += splitter.escaped;
  });
  fc.assert(splitIs, { numRuns: 3000 });
  assert.ok(escaped > 100, `${escaped} records with an escaped quote`);
});

test('a record with an escaped quote keeps its bytes, whatever its encoding', () => {
  const dialect = {
    delimiter: ';',
    header: false,
    quoteChar: '"',
    doubleQuote: true,
    escapeChar: null,
    skipInitialSpace: false,
    commentChar: null,
  };
  const raw = Buffer.from('"M\xfcller ""K\xf6ln""";7', 'latin1');
  const splitter = new RecordSplitter(dialect);
  assert.equal(splitter.split(raw, 0, raw.length, true), 2);
  const [start, end] = [splitter.starts[0]!, splitter.ends[0]!];
  assert.equal(Buffer.from(splitter.bytes.subarray(start, end)).toString('latin1'), 'Müller "Köln"');
});
