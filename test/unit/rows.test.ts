import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { columnsWithoutHeader } from '../../src/dictionary/match-header.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { type BinaryWriter, IN_DOUBT } from '../../src/rows/binary-cell.ts';
import { type ColumnType, columnType } from '../../src/rows/column-type.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import type { CellError, Table } from '../../src/types.ts';

/** A table of the given fields, read by the dictionary's own parser. */
function tableOf(fields: readonly object[], schema: object = {}): Table {
  const resource = { name: 't', dialect: { header: false }, schema: { fields, ...schema } };
  return parseDictionary({ resources: [resource] }).tables[0]!;
}

/** Checks one cell: the text, null, or the codes of its errors. */
function check(field: object, cell: string): string | null | readonly string[] {
  const checked = compileTable(tableOf([{ name: 'f', ...field }])).fields[0]!.check(cell);
  return typeof checked === 'string' || checked === null ? checked : checked.map((error) => error.code);
}

function codes(errors: readonly CellError[] | null): string[] {
  return (errors ?? []).map((error) => `${error.code} ${error.field}`);
}

const TYPE = ['type-error'];
const CONSTRAINT = ['constraint-error'];

/** field, cell, what `check` gives */
const CELLS: readonly (readonly [object, string, string | null | readonly string[]])[] = [
  [{ type: 'integer' }, '42', '42'],
  [{ type: 'integer' }, '-007', '-007'],
  [{ type: 'integer' }, ' 42 ', '42'],
  [{ type: 'integer' }, '', null],
  [{ type: 'integer' }, '9223372036854775807', '9223372036854775807'],
  [{ type: 'integer' }, '9223372036854775808', TYPE],
  [{ type: 'integer' }, '-9223372036854775808', '-9223372036854775808'],
  [{ type: 'integer' }, '-9223372036854775809', TYPE],
  [{ type: 'integer' }, `${'0'.repeat(500)}7`, '7'],
  [{ type: 'integer' }, '1_000', TYPE],
  [{ type: 'integer' }, '0x10', TYPE],
  [{ type: 'integer' }, '1.0', TYPE],
  [{ type: 'integer' }, '-', TYPE],
  [{ type: 'integer' }, '٣', TYPE],
  [{ type: 'integer', groupChar: ',' }, '1,000', '1000'],
  [{ type: 'integer', bareNumber: false }, '€ -95 %', '-95'],
  [{ type: 'integer', constraints: { minimum: '9007199254740993' } }, '9007199254740992', CONSTRAINT],
  [{ type: 'integer', constraints: { minimum: '9007199254740993' } }, '9007199254740993', '9007199254740993'],
  [{ type: 'integer', constraints: { exclusiveMaximum: 10 } }, '10', CONSTRAINT],
  [{ type: 'integer', constraints: { enum: [7] } }, '007', '007'],
  [{ type: 'number' }, '1.50', '1.50'],
  [{ type: 'number' }, '.5', '.5'],
  [{ type: 'number' }, '5.', '5.'],
  [{ type: 'number' }, '.', TYPE],
  [{ type: 'number' }, '+1e-3', '+1e-3'],
  [{ type: 'number' }, 'inf', 'Infinity'],
  [{ type: 'number' }, '-INF', '-Infinity'],
  [{ type: 'number' }, 'NaN', 'NaN'],
  [{ type: 'number' }, 'Infinity', 'Infinity'],
  [{ type: 'number' }, '-infinity', '-Infinity'],
  [{ type: 'number', bareNumber: false }, '-Infinity', '-Infinity'],
  [{ type: 'number' }, '+Infinity', TYPE],
  [{ type: 'number' }, 'infinit', TYPE],
  [{ type: 'number' }, 'constructor', TYPE],
  [{ type: 'number' }, '__proto__', TYPE],
  [{ type: 'number' }, '1e131071', '1e131071'],
  [{ type: 'number' }, '1e131072', TYPE],
  [{ type: 'number' }, '1e-16383', '1e-16383'],
  [{ type: 'number' }, '1e-16384', TYPE],
  [{ type: 'number' }, '0e999999999999', '0'],
  [{ type: 'number', decimalChar: ',', groupChar: '.' }, '1.234,5', '1234.5'],
  [{ type: 'number', decimalChar: ',' }, '1.5', TYPE],
  [{ type: 'number', bareNumber: false }, '.5%', '.5'],
  [{ type: 'number', constraints: { maximum: 0.1 } }, '0.10000000000000000000000001', CONSTRAINT],
  [{ type: 'number', constraints: { maximum: 0.1 } }, '0.1000', '0.1000'],
  [{ type: 'number', constraints: { enum: [1] } }, '1.00', '1.00'],
  [{ type: 'number', constraints: { minimum: 0 } }, 'NaN', CONSTRAINT],
  [{ type: 'boolean' }, 'TRUE', 'TRUE'],
  [{ type: 'boolean' }, 'yes', TYPE],
  [{ type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] }, 'ja', 'true'],
  [{ type: 'boolean', trueValues: ['f'], falseValues: ['t'] }, 'f', 'true'],
  [{ type: 'boolean', constraints: { enum: [true] } }, '1', '1'],
  [{ type: 'boolean', constraints: { enum: [true] } }, '0', CONSTRAINT],
  [{ type: 'date' }, '2024-02-29', '2024-02-29'],
  [{ type: 'date' }, '2023-02-29', TYPE],
  [{ type: 'date' }, '1900-02-29', TYPE],
  [{ type: 'date' }, '2000-02-29', '2000-02-29'],
  [{ type: 'date' }, '0000-01-01', TYPE],
  [{ type: 'date' }, '2024-1-5', TYPE],
  [{ type: 'date', format: '%d/%m/%y' }, '5/1/69', '1969-01-05'],
  [{ type: 'date', format: '%d %B %Y' }, '29 february 2023', TYPE],
  [{ type: 'date', format: 'any' }, 'Jan 5, 2024', '2024-01-05'],
  [{ type: 'date', constraints: { minimum: '2024-01-05' } }, '2024-01-04', CONSTRAINT],
  [{ type: 'datetime' }, '2021-11-07T02:48:42Z', '2021-11-07T02:48:42Z'],
  [{ type: 'datetime' }, '2021-11-07T02:48:42', '2021-11-07T02:48:42Z'],
  [{ type: 'datetime' }, '2021-11-07T02:48:42.1234567+14:00', '2021-11-07T02:48:42.123456+14:00'],
  [{ type: 'datetime' }, '2021-11-07T02:48:42+14:01', TYPE],
  [{ type: 'datetime' }, '2021-12-31T24:00:00Z', '2022-01-01T00:00:00Z'],
  [{ type: 'datetime' }, '9999-12-31T24:00:00Z', TYPE],
  [{ type: 'datetime' }, '2021-12-31T24:00:01Z', TYPE],
  [{ type: 'datetime' }, '2016-12-31T23:59:60Z', TYPE],
  [{ type: 'datetime' }, '2021-11-07 02:48:42', TYPE],
  [{ type: 'datetime' }, '2021-11-31T02:48:42Z', TYPE],
  [{ type: 'datetime' }, '2021-11-07T2x:48:42Z', TYPE],
  [{ type: 'datetime' }, 'x021-11-07T22:48:42Z', TYPE],
  [{ type: 'datetime', format: '%d.%m.%Y %I:%M %p' }, '7.11.2021 12:05 PM', '2021-11-07T12:05:00Z'],
  [
    { type: 'datetime', format: '%Y-%m-%dT%H:%M:%S%z' },
    '2021-11-07T02:48:42-0530',
    '2021-11-07T02:48:42-05:30',
  ],
  [{ type: 'datetime', format: 'any' }, '2021/11/07 2:05 pm', '2021-11-07T14:05:00Z'],
  [{ type: 'datetime', format: 'any' }, '2021-11-07 14:05:06.5+01:00', '2021-11-07T14:05:06.5+01:00'],
  [
    { type: 'datetime', format: 'any' },
    '2021-11-07 14:05:06.1230000 +01:00',
    '2021-11-07T14:05:06.123+01:00',
  ],
  [{ type: 'datetime', format: 'any' }, '2021-11-07 14:05:06.1234567', TYPE],
  [
    { type: 'datetime', constraints: { minimum: '2021-01-01T00:00:00Z' } },
    '2021-01-01T00:59:59.999999+01:00',
    CONSTRAINT,
  ],
  [{ type: 'time' }, '23:59:59.50', '23:59:59.5'],
  [{ type: 'time' }, '24:00:00', '00:00:00'],
  [{ type: 'time' }, '15:00:00Z', TYPE],
  [{ type: 'time' }, '15:60:00', TYPE],
  [{ type: 'time', format: '%H.%M' }, '7.05', '07:05:00'],
  [{ type: 'time', constraints: { maximum: '12:00:00' } }, '12:00:00.000001', CONSTRAINT],
  [{ type: 'string' }, ' a\tb ', ' a\tb '],
  [{ type: 'string' }, 'a\0b', TYPE],
  [{ type: 'any' }, 'a\0b', TYPE],
  [{ type: 'string', missingValues: ['-'] }, '', ''],
  [{ type: 'string', missingValues: ['-'] }, '-', null],
  [{ type: 'string', constraints: { maxLength: 2 } }, '😀😀', '😀😀'],
  [{ type: 'string', constraints: { minLength: 3 } }, '😀😀', CONSTRAINT],
  [{ type: 'string', constraints: { pattern: 'a|bc' } }, 'abc', CONSTRAINT],
  [{ type: 'string', constraints: { pattern: '^a.*$' } }, 'apple', 'apple'],
  [{ type: 'string', constraints: { minLength: 5, pattern: '\\d+' } }, 'abc', [...CONSTRAINT, ...CONSTRAINT]],
  [{ type: 'string', categories: [{ value: 'a', label: 'A' }, { value: 'b' }] }, 'c', CONSTRAINT],
  [{ type: 'string', format: 'email' }, 'ann.o+x@sub.example.org', 'ann.o+x@sub.example.org'],
  [{ type: 'string', format: 'email' }, 'ann@example', TYPE],
  [{ type: 'string', format: 'email' }, 'a@b@example.org', TYPE],
  [
    { type: 'string', format: 'uri' },
    'https://user@[::1]:80/a%20b?q=1#f',
    'https://user@[::1]:80/a%20b?q=1#f',
  ],
  [{ type: 'string', format: 'uri' }, 'https://exa mple.org', TYPE],
  [{ type: 'string', format: 'uri' }, '/only/a/path', TYPE],
  [{ type: 'string', format: 'binary' }, 'aGk=', 'aGk='],
  [{ type: 'string', format: 'binary' }, 'aGk', TYPE],
  [
    { type: 'string', format: 'uuid' },
    '2bc1c94f-0deb-43e9-92a1-4775189ec9f8',
    '2bc1c94f-0deb-43e9-92a1-4775189ec9f8',
  ],
  [{ type: 'string', format: 'uuid' }, '{2bc1c94f-0deb-43e9-92a1-4775189ec9f8}', TYPE],
  [{ type: 'integer', constraints: { required: true } }, '', CONSTRAINT],
];

describe('a cell', () => {
  for (const [field, cell, expected] of CELLS) {
    const shown = cell.length > 40 ? `${cell.slice(0, 40)}…` : cell;
    it(`${JSON.stringify(shown)} of ${JSON.stringify(field)}`, () => {
      assert.deepEqual(check(field, cell), expected);
    });
  }

  it('is quoted, shortened, in the message, with what was expected', () => {
    const field = compileTable(tableOf([{ name: 'n', type: 'integer' }])).fields[0]!;
    const errors = field.check(`x${'\u{1F600}'.repeat(5000)}`) as readonly CellError[];
    assert.match(errors[0]!.message, /^expected an integer, received "x.{20,60}…"$/u);
    assert.ok(errors[0]!.message.isWellFormed());
    const range = field.check('99999999999999999999') as readonly CellError[];
    assert.match(range[0]!.message, /outside the range of a 64-bit integer/);
  });
});

describe('a row', () => {
  const table = tableOf(
    [
      { name: 'id', type: 'integer' },
      { name: 'n', type: 'integer', constraints: { required: true } },
      { name: 's', type: 'string' },
    ],
    { primaryKey: 'id' },
  );
  const compiled = compileTable(table);
  const { columns, width } = columnsWithoutHeader(table);
  const row = (...cells: string[]) => compiled.checkRow(cells, columns, width);

  it('gives its values in the order of the dictionary', () => {
    assert.deepEqual(row('1', '2', ''), { values: ['1', '2', null], errors: null });
  });
  it('reports every error of every cell', () => {
    assert.deepEqual(codes(row('x', 'y', 'z').errors), ['type-error id', 'type-error n']);
  });
  it('needs a value in each field of the primary key', () => {
    assert.deepEqual(codes(row('', '2', 'z').errors), ['constraint-error id']);
  });
  it('names each cell too many, and each field without a cell', () => {
    assert.deepEqual(codes(row('1', '2', 'z', 'a', 'b').errors), ['extra-cell null', 'extra-cell null']);
    assert.deepEqual(codes(row('1').errors), ['constraint-error n', 'missing-cell n', 'missing-cell s']);
  });
  it('a blank row is reported only as blank, with any number of cells', () => {
    for (const cells of [[''], ['', '', ''], ['', '', '', 'x']]) {
      assert.deepEqual(codes(row(...cells).errors), ['blank-row null'], JSON.stringify(cells));
    }
  });
  it('a blank row is reported even where every field may be null', () => {
    const free = compileTable(tableOf([{ name: 'a' }, { name: 'b' }]));
    assert.deepEqual(codes(free.checkRow(['', ''], [0, 1], 2).errors), ['blank-row null']);
  });
  it('takes its cells from where the header says, and null where the file has no such column', () => {
    const free = compileTable(tableOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }]));
    assert.deepEqual(free.checkRow(['x', 'ignored', 'y'], [2, -1, 0], 3).values, ['y', null, 'x']);
    assert.deepEqual(codes(free.checkRow(['', 'only here', ''], [2, -1, 0], 3).errors), []);
  });
  it('a row whose key is too long for an index is rejected, so that the index does not fail', () => {
    const keyed = compileTable(tableOf([{ name: 'k' }, { name: 'v' }], { primaryKey: ['k'] }));
    assert.deepEqual(codes(keyed.checkRow(['ä'.repeat(1301), 'v'], [0, 1], 2).errors), [
      'constraint-error k',
    ]);
    assert.equal(keyed.checkRow(['ä'.repeat(1300), 'v'], [0, 1], 2).errors, null);
  });
});

describe('a column', () => {
  const typeOf = (field: object) => columnType(tableOf([{ name: 'f', ...field }]).fields[0]!);
  it('a column of integers is a bigint unless the bounds prove that 32 bits hold them', () => {
    assert.equal(typeOf({ type: 'integer' }), 'bigint');
    assert.equal(typeOf({ type: 'integer', constraints: { minimum: 0 } }), 'bigint');
    assert.equal(typeOf({ type: 'integer', constraints: { minimum: 0, maximum: 2147483647 } }), 'integer');
    assert.equal(typeOf({ type: 'integer', constraints: { minimum: 0, maximum: 2147483648 } }), 'bigint');
  });
});

/** Fields whose rules have a quick way, and cells near the edge of each rule. */
const QUICK: readonly object[] = [
  { type: 'string' },
  { type: 'string', constraints: { minLength: 2, maxLength: 3 } },
  { type: 'string', missingValues: ['', 'NA', '-'] },
  { type: 'any' },
  { type: 'integer' },
  { type: 'integer', missingValues: ['-9', ''] },
  { type: 'integer', constraints: { minimum: -5, exclusiveMaximum: 5 } },
  { type: 'number' },
  { type: 'number', constraints: { minimum: '0.1', maximum: '99.95' } },
  { type: 'boolean' },
  { type: 'boolean', trueValues: ['f', 'on'], falseValues: ['t', 'off'] },
  { type: 'date' },
  { type: 'date', constraints: { minimum: '2020-02-29', exclusiveMaximum: '2021-01-01' } },
  { type: 'datetime' },
  { type: 'time' },
  { type: 'string', format: 'uuid' },
  { type: 'string', constraints: { enum: ['a', 'b'] } },
];
const EDGES = [
  '',
  'NA',
  '-',
  '-9',
  '5',
  '4.99',
  '99.95',
  '0.1',
  '0.09999999999999999',
  'f',
  't',
  'on',
  'a\\b',
  'é',
];
const cell = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.string({ unit: fc.constantFrom(...'0123456789-+.eE \t\\\0'), maxLength: 20 }),
  fc.stringMatching(/^(2020|2021|0000)-[01]\d-[0-3]\d$/),
  fc.stringMatching(/^(2020|2021)-0[0-3]-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\dZ?$/),
  fc.stringMatching(/^[0-2]\d:[0-6]\d:[0-6]\d$/),
);

/** Of every year, so that each rule about leap years is met. */
const moment = fc
  .tuple(
    fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    }),
    fc.constantFrom([0, 10], [0, 20], [11, 19]),
  )
  .map(([date, [from, to]]) => date.toISOString().replace(/\.\d+/, '').slice(from, to));

function written(writeBinary: BinaryWriter, text: string) {
  const bytes = Buffer.from(`${text}\n${' '.repeat(24)}`);
  const buffer = Buffer.alloc(bytes.length + 64);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const row = { buffer, view, delimiter: 0x2c, limit: bytes.length, cellEnd: -1 };
  return { buffer, row, to: writeBinary(bytes, 0, row, 0) };
}

const EPOCH_MS = Date.parse('2000-01-01T00:00:00Z');

function valueOfBinary(type: ColumnType, bytes: Buffer): unknown {
  if (type === 'text') return bytes.toString();
  if (type === 'boolean') return bytes[0] === 1;
  return bytes.length === 8 ? bytes.readBigInt64BE() : BigInt(bytes.readInt32BE());
}

function valueOfText(type: ColumnType, text: string): unknown {
  const microsOf = (moment: string) => BigInt(Date.parse(moment)) * 1000n;
  if (type === 'text') return text;
  if (type === 'boolean') return /^(t|y|on|1)/i.test(text);
  if (type === 'date') return BigInt((Date.parse(text) - EPOCH_MS) / 86_400_000);
  if (type === 'timestamptz')
    return microsOf(text.endsWith('Z') ? text : `${text}Z`) - BigInt(EPOCH_MS) * 1000n;
  if (type === 'time') return microsOf(`1970-01-01T${text}Z`);
  return BigInt(text);
}

describe('the quick way', () => {
  for (const field of QUICK) {
    it(`agrees with the thorough one for ${JSON.stringify(field)}`, () => {
      const compiled = compileTable(tableOf([{ name: 'f', ...field }])).fields[0]!;
      fc.assert(
        fc.property(cell, fc.boolean(), (text, padded) => {
          const bytes = Buffer.from(padded ? `1,${text},2` : text);
          const start = padded ? 2 : 0;
          const end = padded ? bytes.length - 2 : bytes.length;
          if (!compiled.verbatim(bytes, start, end)) return;
          assert.equal(compiled.check(text), text);
          assert.doesNotMatch(text, /[\\\t\n\r\0]/);
        }),
        { numRuns: 2000 },
      );
    });
  }

  for (const field of QUICK) {
    const table = tableOf([{ name: 'f', ...field }]);
    const compiled = compileTable(table).fields[0]!;
    const { writeBinary } = compiled;
    if (writeBinary === null) continue;
    it(`writes in binary what the thorough one gives as text, for ${JSON.stringify(field)}`, () => {
      const type = columnType(table.fields[0]!);
      fc.assert(
        fc.property(fc.oneof(cell, moment), (text) => {
          const { buffer, row, to } = written(writeBinary, text);
          if (to === IN_DOUBT || row.cellEnd !== Buffer.byteLength(text)) return;
          assert.equal(compiled.check(text), text);
          assert.equal(buffer.readInt32BE(0), to - 4);
          assert.deepEqual(valueOfBinary(type, buffer.subarray(4, to)), valueOfText(type, text));
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('is taken by ordinary cells, or it would be of no use', () => {
    const ordinary: readonly (readonly [object, string])[] = [
      [{ type: 'string' }, 'Ann Ångström'],
      [{ type: 'string', constraints: { maxLength: 2 } }, '😀😀'],
      [{ type: 'integer' }, '-12345678901234567'],
      [{ type: 'integer', constraints: { minimum: 1 } }, '2'],
      [{ type: 'number' }, '-12.50'],
      [{ type: 'number', constraints: { minimum: 0 } }, '0.01'],
      [{ type: 'boolean' }, 'TRUE'],
      [{ type: 'date' }, '2024-02-29'],
      [{ type: 'date', constraints: { minimum: '2020-01-01' } }, '2024-02-29'],
      [{ type: 'datetime' }, '2021-11-07T02:48:42Z'],
      [{ type: 'time' }, '23:59:59'],
    ];
    for (const [field, text] of ordinary) {
      const bytes = Buffer.from(text);
      const compiled = compileTable(tableOf([{ name: 'f', ...field }])).fields[0]!;
      const shown = `${JSON.stringify(field)} ${text}`;
      assert.ok(compiled.verbatim(bytes, 0, bytes.length), shown);
      if (compiled.writeBinary) assert.notEqual(written(compiled.writeBinary, text).to, IN_DOUBT, shown);
    }
  });
});
