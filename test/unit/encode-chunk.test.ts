import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileTable } from '../../src/rows/compile-table.ts';
import type { CompiledTable } from '../../src/rows/contract.ts';
import { copyRow, copyValue } from '../../src/rows/copy-text.ts';
import { encodeChunk } from '../../src/rows/encode-chunk.ts';
import type { EncodeInput } from '../../src/rows/encode-input.ts';
import type { CopyFormat, EncodedReject, EncodeTotals } from '../../src/rows/encoded-pieces.ts';
import type { Dialect, Field } from '../../src/types.ts';
import { copyLines } from '../support/copy-lines.ts';
import { dialects, texts } from '../support/csv-arbitraries.ts';

const RUNS = Number(process.env.CSV_TEST_RUNS ?? 3000);

const DIALECT: Dialect = {
  delimiter: ',',
  header: false,
  quoteChar: '"',
  doubleQuote: true,
  escapeChar: null,
  skipInitialSpace: false,
  commentChar: null,
};

function field(name: string, type: Field['type'], rest: Partial<Field> = {}): Field {
  return { name, type, format: 'default', constraints: {}, missingValues: [''], ...rest };
}

function tableOf(...fields: Field[]): CompiledTable {
  return compileTable({
    name: 'people',
    fields,
    fieldsMatch: 'exact',
    primaryKey: [],
    uniqueKeys: [],
    foreignKeys: [],
    dialect: DIALECT,
    encoding: 'utf-8',
  });
}

const PEOPLE = tableOf(
  field('id', 'integer', { constraints: { required: true } }),
  field('name', 'string'),
  field('born', 'date'),
);

interface Encoded {
  /** COPY text of all good rows by line, whichever format they came in; integers without leading zeros. */
  readonly copy: string;
  readonly rejects: readonly EncodedReject[];
  readonly totals: EncodeTotals;
  readonly largestPiece: number;
  readonly binary: boolean;
}

function encode(input: Partial<EncodeInput> & { bytes: Buffer }): Encoded {
  const compiled = input.compiled ?? PEOPLE;
  const iterator = encodeChunk({
    chunk: { firstLine: 1, quotes: input.bytes.includes('"'), oversize: false },
    compiled,
    columns: compiled.fields.map((_, i) => i),
    width: compiled.fields.length,
    dialect: DIALECT,
    encoding: 'utf-8',
    ...input,
  });
  const copies: Record<CopyFormat, Buffer[]> = { text: [], binary: [] };
  const rejects: EncodedReject[] = [];
  for (;;) {
    const { done, value } = iterator.next();
    if (done) {
      const largestPiece = Math.max(0, ...[...copies.text, ...copies.binary].map((copy) => copy.length));
      const copy = copyLines(compiled.table, copies);
      return { copy, rejects, totals: value, largestPiece, binary: copies.binary.length > 0 };
    }
    if (value.kind === 'rejects') rejects.push(...value.rejects);
    else copies[value.kind].push(value.copy);
  }
}

test('good rows become COPY text with their line first, others rejects with every error', () => {
  const { copy, rejects, totals } = encode({
    bytes: Buffer.from('1,Ada,1815-12-10\nx,Bob,1815-13-01\r\n,,\n3,,\n\n5,Eve,2000-01-01,6'),
  });
  assert.equal(copy, '1\t1\tAda\t1815-12-10\n4\t3\t\\N\t\\N\n');
  assert.deepEqual(
    rejects.map(({ line, raw, errors }) => [line, raw.toString(), errors.map((error) => error.code)]),
    [
      [2, 'x,Bob,1815-13-01', ['type-error', 'type-error']],
      [3, ',,', ['blank-row']],
      [5, '', ['blank-row']],
      [6, '5,Eve,2000-01-01,6', ['extra-cell']],
    ],
  );
  assert.deepEqual(totals, { rowsRead: 6, rowsGood: 2, rowsRejected: 4 });
});

test('quoted cells keep their commas, quotes, tabs, backslashes and line ends', () => {
  const { copy, totals } = encode({ bytes: Buffer.from('1,"a,""b""\t\\\r\nc",\n2,"",1999-12-31\n') });
  assert.equal(copy, '1\t1\ta,"b"\\t\\\\\\r\\nc\t\\N\n3\t2\t\\N\t1999-12-31\n');
  assert.equal(totals.rowsGood, 2);
});

test('a stray quote, bytes that are no text and NUL cost their own row only', () => {
  const bytes = Buffer.concat([
    Buffer.from('1,ok,\n2,"stray,\n3,b'),
    Buffer.of(0xff),
    Buffer.from('d,\n4,n\0l,\n5,ok,\n'),
  ]);
  const { copy, rejects } = encode({ bytes });
  assert.equal(copy, '1\t1\tok\t\\N\n5\t5\tok\t\\N\n');
  assert.deepEqual(
    rejects.map(({ line, errors }) => [line, errors[0]!.code]),
    [
      [2, 'quote-error'],
      [3, 'encoding-error'],
      [4, 'type-error'],
    ],
  );
});

test('columns may come in another order, be unknown to the table or absent from the file', () => {
  const bytes = Buffer.from('extra,Ada,1\nextra,Bob,x\n');
  const { copy, rejects } = encode({ bytes, columns: [2, 1, -1], width: 3 });
  assert.equal(copy, '1\t1\tAda\t\\N\n');
  assert.deepEqual(
    rejects.map(({ line }) => line),
    [2],
  );
});

test('an oversize record is one reject, whatever it holds', () => {
  const bytes = Buffer.from(`1,${'x'.repeat(100)}\n`);
  const { rejects, totals } = encode({
    bytes,
    chunk: { firstLine: 7, quotes: false, oversize: true },
    maxRecordBytes: 50,
  });
  assert.deepEqual(totals, { rowsRead: 1, rowsGood: 0, rowsRejected: 1 });
  assert.equal(rejects[0]!.line, 7);
  assert.equal(rejects[0]!.errors[0]!.code, 'quote-error');
  assert.match(rejects[0]!.errors[0]!.message, /50 bytes/);
  assert.equal(rejects[0]!.raw.length, bytes.length - 1);
});

test('a single-byte encoding arrives as UTF-8', () => {
  const bytes = Buffer.from('1,M\xfcller,\n2,\x80,\n', 'latin1');
  assert.equal(encode({ bytes, encoding: 'iso-8859-1' }).copy, '1\t1\tMüller\t\\N\n2\t2\t€\t\\N\n');
});

test('output comes in pieces of bounded size, rows longer than a piece included', () => {
  const text = tableOf(field('id', 'integer'), field('text', 'string'));
  const row = (id: number, length: number) => `${id},${'y'.repeat(length)}\n`;
  const rows = Array.from({ length: 3000 }, (_, i) => row(i, i % 500 === 499 ? 300_000 : 100));
  const bytes = Buffer.from(rows.join(''));
  const { copy, totals, largestPiece } = encode({ bytes, compiled: text });
  assert.equal(totals.rowsGood, 3000);
  assert.ok(largestPiece < 310_000);
  assert.equal(copy, rows.map((line, i) => `${i + 1}\t${line.replace(',', '\t')}`).join(''));
  const asked = encode({ bytes, compiled: text, chunk: { firstLine: 1, quotes: true, oversize: false } });
  assert.equal(asked.copy, copy);
});

test('line numbers count up through every number of digits', () => {
  for (const firstLine of [1, 8, 98, 9_999_998, 4_294_967_294]) {
    const bytes = Buffer.from('1,a,\n'.repeat(5));
    const { copy } = encode({ bytes, chunk: { firstLine, quotes: false, oversize: false } });
    assert.equal(copy, [0, 1, 2, 3, 4].map((i) => `${firstLine + i}\t1\ta\t\\N\n`).join(''));
  }
});

test('COPY text escapes what COPY would read as something else', () => {
  assert.equal(copyValue(null), '\\N');
  assert.equal(copyValue('\\N'), '\\\\N');
  assert.equal(copyValue('\\.'), '\\\\.');
  assert.equal(copyRow(12, ['a\tb', '', null, 'c\r\nd']), '12\ta\\tb\t\t\\N\tc\\r\\nd\n');
});

const tables = fc.constantFrom(
  PEOPLE,
  tableOf(field('a', 'string'), field('b', 'integer')),
  tableOf(field('a', 'any'), field('b', 'string', { missingValues: [] })),
  tableOf(field('a', 'string', { constraints: { required: true } })),
  tableOf(
    field('a', 'string', { missingValues: ['', 'a'], constraints: { minLength: 1, maxLength: 3 } }),
    field('b', 'boolean', { trueValues: ['a'], falseValues: ['b'] }),
    field('c', 'any', { constraints: { required: true } }),
    field('d', 'string'),
  ),
);

/** The same with cells that are trimmed, and values for rows that have none. */
const filled = fc.constantFrom(
  tableOf(field('a', 'string', { trim: true }), field('b', 'integer', { trim: true, default: '7' })),
  tableOf(
    field('a', 'any', { default: 'x\ty\\' }),
    field('b', 'string', { constant: 'ü' }),
    field('c', 'boolean'),
  ),
  tableOf(field('a', 'date', { default: '2020-02-29', constraints: { required: true } })),
  tableOf(
    field('a', 'string', { trim: true, missingValues: ['', 'a'], constraints: { maxLength: 2 } }),
    field('b', 'integer', { constant: '5' }),
    field('c', 'string', { default: 'late', keepsAbsent: true }),
  ),
);

/** Quote-free bytes, now and then broken. */
const plainCases = fc.tuple(dialects, fc.oneof(tables, filled)).chain(([dialect, compiled]) => {
  const cells = fc.constantFrom(
    '1',
    '-20',
    '2020-02-29',
    '2021-02-29',
    'true',
    'a',
    'üb',
    '',
    '',
    'x y',
    ' a',
    '1 ',
    ' ',
    '\u00a0b',
    'b\u3000',
  );
  const rows = fc
    .array(fc.array(cells, { minLength: 1, maxLength: 5 }), { maxLength: 12 })
    .map((all) => all.map((row) => row.join(dialect.delimiter)).join('\n'));
  const broken = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0xff, 0xc3, 0x80, 0xed, 0)), { maxLength: 2 });
  const bytes = fc.tuple(fc.oneof(texts(dialect, { quotes: false }), rows), broken).map(([text, changes]) => {
    const all = Buffer.from(dialect.quoteChar === null ? text : text.replaceAll(dialect.quoteChar, ''));
    for (const [at, byte] of changes) if (all.length > 0) all[at % all.length] = byte;
    return all;
  });
  const width = fc.integer({ min: 1, max: 5 });
  const mapping = width.chain((cellCount) =>
    fc.record({
      width: fc.constant(cellCount),
      columns: fc
        .shuffledSubarray(
          Array.from({ length: cellCount }, (_, i) => i),
          { minLength: Math.min(cellCount, compiled.fields.length), maxLength: cellCount },
        )
        .map((chosen) => compiled.fields.map((_, i) => chosen[i] ?? -1)),
    }),
  );
  const inOrder = fc.constant({
    width: compiled.fields.length,
    columns: compiled.fields.map((_, i) => i),
  });
  return fc.record({
    dialect: fc.constant(dialect),
    compiled: fc.constant(compiled),
    bytes,
    mapping: fc.oneof(inOrder, mapping),
    encoding: fc.constantFrom('utf-8', 'utf-8', 'windows-1252', 'windows-1253'),
    firstLine: fc.constantFrom(1, 95),
  });
});

test('the fast path gives the same as the slow path for any bytes without quotes', () => {
  fc.assert(
    fc.property(plainCases, ({ mapping, firstLine, ...input }) => {
      const by = (quotes: boolean) =>
        encode({ ...input, ...mapping, chunk: { firstLine, quotes, oversize: false } });
      const [fast, slow] = [by(false), by(true)];
      assert.equal(fast.copy, slow.copy);
      assert.deepEqual(fast.rejects, slow.rejects);
      assert.deepEqual(fast.totals, slow.totals);
      assert.equal(fast.totals.rowsRead, fast.totals.rowsGood + fast.totals.rowsRejected);
    }),
    { numRuns: RUNS },
  );
});
