import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BatchFormat, MAX_BATCH_ROWS } from '../../src/batches/batch.ts';
import { readBatch } from '../../src/batches/read-batch.ts';
import { foreignKindOf, HEAD_BYTES } from '../../src/csv/file-kind.ts';
import { readRecords } from '../../src/csv/read-records.ts';
import { Surveyor, surveyOptionsOf } from '../../src/csv/survey.ts';
import { columnsWithoutHeader, matchHeader } from '../../src/dictionary/match-header.ts';
import { type ErrorCode, LongshoreError } from '../../src/errors.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import type { CompiledTable } from '../../src/rows/contract.ts';
import type { Dialect, Field, Table } from '../../src/types.ts';
import { atOnce } from '../support/at-once.ts';
import { received } from '../support/batches.ts';

const RUNS = Number(process.env.CSV_TEST_RUNS ?? 1500);

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

function tableOf(fields: readonly Field[], rest: Partial<Table> = {}): CompiledTable {
  return compileTable({
    name: 'things',
    fields,
    fieldsMatch: 'exact',
    primaryKey: [],
    uniqueKeys: [],
    foreignKeys: [],
    dialect: DIALECT,
    encoding: 'utf-8',
    ...rest,
  });
}

const THINGS = tableOf([
  field('id', 'integer', { constraints: { required: true } }),
  field('name', 'string', { missingValues: ['', '-'] }),
  field('price', 'number', { decimalChar: ',', groupChar: ' ' }),
  field('on', 'boolean', { trueValues: ['oui'], falseValues: ['non'] }),
  field('any', 'any'),
]);

function read(body: unknown, { format = 'json' as BatchFormat, table = THINGS } = {}) {
  return atOnce(readBatch(received(body, { format }), table, 'append'));
}

const values = (body: unknown, format: BatchFormat = 'json') =>
  read(body, { format }).good.map((row) => row.values);
const faults = (body: unknown, format: BatchFormat = 'json') =>
  read(body, { format }).rejects.flatMap(({ index, errors }) =>
    errors.map(({ code, field }) => [index, code, field]),
  );

function refuses(body: unknown, format: BatchFormat, code: string, message = /./, table = THINGS): void {
  assert.throws(
    () => read(body, { format, table }),
    (error) => {
      assert.ok(error instanceof LongshoreError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('reading batches', () => {
  it('takes an array of objects, or an object whose only member is rows', () => {
    const rows = [
      { id: 1, name: 'a', on: true },
      { id: '2', price: 1.5, on: false, any: 7 },
    ];
    const expected = [
      ['1', 'a', null, 'true', null],
      ['2', null, '1.5', 'false', '7'],
    ];
    assert.deepEqual(values(rows), expected);
    assert.deepEqual(values({ rows }), expected);
    assert.deepEqual(
      values(`\ufeff${rows.map((row) => JSON.stringify(row)).join('\r\n\n \t\n')}\n`, 'ndjson'),
      expected,
    );
    for (const body of [{}, { rows, more: 1 }, { row: rows }, { rows: {} }, 1, null, '"x"', '[]x']) {
      refuses(body, 'json', 'malformed-body', /line 1/);
    }
  });

  it('takes CSV in the dialect of the table, with or without a header', () => {
    assert.deepEqual(values('1,a,"1,5",oui,\n2,-,,non,"x\ny"', 'csv'), [
      ['1', 'a', '1.5', 'true', null],
      ['2', null, null, 'false', 'x\ny'],
    ]);
    const { fields } = THINGS.table;
    const table = tableOf(fields, { dialect: { ...DIALECT, header: true }, fieldsMatch: 'superset' });
    const checked = read('\ufeffname,id\na,1\nb\n', { format: 'csv', table });
    assert.deepEqual(checked.good[0]?.values, ['1', 'a', null, null, null]);
    assert.equal(checked.rejects[0]?.row, '["b"]');
    assert.equal(checked.rejects[0]?.index, 1);
    refuses('nam,id\na,1\n', 'csv', 'header-mismatch', /unexpected: column 1/, table);
    refuses('name,id\0\na,1\n', 'csv', 'header-mismatch', /NUL/, table);
    refuses('name,id\n', 'csv', 'batch-empty', /./, table);
  });

  it('names the place of malformed JSON', () => {
    refuses('[{"id": 1},\n {"id": }]', 'json', 'malformed-body', /line 2, column 9/);
    refuses('[{"id": 1}', 'json', 'malformed-body', /ends too early: line 1, column 11/);
    refuses('{"id": 1}\n\n{"id" 2}', 'ndjson', 'malformed-body', /line 3, column 7/);
    refuses('{"id": 1},{"id": 2}\n', 'ndjson', 'malformed-body', /line 1, column 10/);
    refuses('', 'json', 'malformed-body');
  });

  it('refuses no rows and too many', () => {
    for (const [body, format] of [
      ['[]', 'json'],
      ['{"rows": []}', 'json'],
      ['\n\n', 'ndjson'],
      ['', 'csv'],
    ] as const) {
      refuses(body, format, 'batch-empty');
    }
    const rows = (n: number) => Array.from({ length: n }, (_, id) => ({ id }));
    assert.equal(read(rows(MAX_BATCH_ROWS)).sent, MAX_BATCH_ROWS);
    refuses(rows(MAX_BATCH_ROWS + 1), 'json', 'batch-too-large');
    refuses('1,,,,\n'.repeat(MAX_BATCH_ROWS + 1), 'csv', 'batch-too-large');
    refuses('{"id":1}\n'.repeat(MAX_BATCH_ROWS + 1), 'ndjson', 'batch-too-large');
  });

  it('refuses what would take long to parse before it does', () => {
    const most = 8 * 1024 * 1024;
    const many = (text: string) => text.repeat(Math.floor(most / text.length) - 1);
    const cases: [body: string, format: BatchFormat, code: string][] = [
      [many(','), 'csv', 'batch-empty'],
      [`1${many(',')}`, 'csv', 'batch-too-large'],
      [many('"",'), 'csv', 'batch-too-large'],
      [`a"${many(',')}`, 'csv', 'batch-too-large'],
      [`${many(',').slice(0, 8000)}\n`.repeat(999).concat('1'), 'csv', 'batch-too-large'],
      [many('\n'), 'csv', 'batch-empty'],
      [`${many('\n')}1`, 'csv', 'batch-too-large'],
      [many(`${','.repeat(8000)}\n`), 'csv', 'batch-empty'],
      [`1,"${many('\n')}`, 'csv', 'batch-too-large'],
      [many('['), 'json', 'malformed-body'],
      [`[${many('{},')}`, 'json', 'batch-too-large'],
      [`{"rows":[${many('{},')}`, 'json', 'batch-too-large'],
      [`[{"id":1,"any":[${many('1e1,')}1]}]`, 'json', 'batch-too-large'],
      [`[{${Array.from({ length: 400_000 }, (_, n) => `"f${n}":1`).join()}}]`, 'json', 'batch-too-large'],
      [`["${many('a')}`, 'json', 'malformed-body'],
      [many('\n'), 'ndjson', 'batch-empty'],
      [many('1\n'), 'ndjson', 'batch-too-large'],
      [`{"a":[${many('1,')}1]}`, 'ndjson', 'batch-too-large'],
      [`{"a":[${'1,'.repeat(400)}1]}\n`.repeat(999), 'ndjson', 'batch-too-large'],
    ];
    for (const [body, format, code] of cases) {
      const before = process.threadCpuUsage();
      refuses(body, format, code);
      const { user, system } = process.threadCpuUsage(before);
      const ms = (user + system) / 1000;
      // Of processor time, whatever else runs: about 200 ms at most; without the bounds, seconds.
      assert.ok(ms < 1000, `${format} ${body.slice(0, 20)}: ${Math.round(ms)} ms`);
    }
  });

  it('counts cells as the parser would, whatever is in quotes', () => {
    const commas = `"${','.repeat(100_000)}"`;
    assert.equal(values(`1,${commas},,,\n`, 'csv')[0]?.[1]?.length, 100_000);
    assert.equal(values([{ id: 1, name: ',[{"'.repeat(20_000) }])[0]?.[1]?.length, 80_000);
    assert.deepEqual(faults([{ id: 1, any: Array.from({ length: 30_000 }, () => 1) }]), [
      [0, 'type-error', 'any'],
    ]);
  });

  it('rejects what is no row, and names every fault of one', () => {
    assert.deepEqual(faults('[1, null, "x", [], true, 12345678901234567890, {"id": 1}]'), [
      ...[0, 1, 2, 3, 4, 5].map((index) => [index, 'type-error', null]),
    ]);
    assert.deepEqual(
      faults([
        { extra: 1, name: {}, price: [] },
        { id: null },
        {},
        { id: 1, name: 5 },
        { id: 1, name: true },
      ]),
      [
        [0, 'constraint-error', 'id'],
        [0, 'type-error', 'name'],
        [0, 'type-error', 'price'],
        [0, 'extra-cell', null],
        [1, 'blank-row', null],
        [2, 'blank-row', null],
        [3, 'type-error', 'name'],
        [4, 'type-error', 'name'],
      ],
    );
    assert.match(read([{ id: 1, nam: 2 }]).rejects[0]!.errors[0]!.message, /no field "nam"/);
    const required = ({ name = 'a', ...rest }: { name?: unknown; id?: null }) =>
      read([{ name, ...rest }]).rejects[0]!.errors.find(({ field }) => field === 'id')?.message;
    for (const name of ['a', {}]) {
      assert.equal(required({ id: null, name }), 'expected a value (the field is required), received null');
      assert.equal(required({ name }), 'expected a value (the field is required), received no cell');
    }
  });

  it('keeps every digit', () => {
    const digits = '12345678901234567890.123456789';
    assert.deepEqual(values(`[{"id": 9223372036854775807, "price": ${digits}}]`), [
      ['9223372036854775807', null, digits, null, null],
    ]);
    assert.deepEqual(faults('[{"id": 9223372036854775808}]'), [[0, 'type-error', 'id']]);
    // One number has one text, whatever else the body holds.
    for (const other of ['', ', {"id": 9007199254740993}']) {
      const [first] = values(`[{"id": 1e3, "price": 1.50, "any": 1.0}${other}]`);
      assert.deepEqual(first, ['1000', null, '1.5', null, '1']);
    }
    assert.deepEqual(values('[{"id": 9007199254740993.00}]')[0]?.[0], '9007199254740993');
    assert.deepEqual(values('[{"id": 1, "price": 1e400}]')[0]?.[2], '1e400');
    assert.equal(
      read('[{"id": 9007199254740993, "x": 1e400}]').rejects[0]?.row,
      '{"id":9007199254740993,"x":1e400}',
    );
  });

  it('is not led astray by odd names and odd text', () => {
    assert.deepEqual(faults('[{"id": 1, "__proto__": {"name": "x"}}, {"id": 1, "toString": 1}]'), [
      [0, 'extra-cell', null],
      [1, 'extra-cell', null],
    ]);
    const odd = tableOf([field('__proto__', 'string'), field('constructor', 'integer')]);
    assert.deepEqual(
      read('[{"__proto__": "a"}, {"constructor": 1e0}]', { table: odd }).good.map((row) => row.values),
      [
        ['a', null],
        [null, '1'],
      ],
    );
    assert.deepEqual(values('[{"id": 1, "id": 2}]')[0]?.[0], '2');
    assert.deepEqual(
      faults('[{"id": 1, "name": "\\ud800"}, {"id": 1, "name": "a\\u0000"}, {"id": 1, "\\ud800": 1}]'),
      [
        [0, 'encoding-error', 'name'],
        [1, 'type-error', 'name'],
        [2, 'extra-cell', null],
      ],
    );
    assert.ok(read('[{"id": 1, "\\ud800": 1}]').rejects[0]!.errors[0]!.message.isWellFormed());
    const deep = (n: number) => `[{"id": 1, "name": ${'['.repeat(n)}${']'.repeat(n)}}]`;
    assert.deepEqual(faults(deep(500)), [[0, 'type-error', 'name']]);
    refuses(deep(500_000), 'json', 'malformed-body', /nested/);
    refuses(deep(500_000).replace('1', '1e0'), 'json', 'malformed-body', /nested/);
  });
});

const TABLES = [
  THINGS,
  tableOf([
    field('a', 'string', { constraints: { minLength: 2 }, missingValues: [] }),
    field('b', 'date'),
    field('c', 'datetime', { constraints: { required: true } }),
  ]),
  tableOf([field('a', 'integer', { groupChar: ',' }), field('b', 'number', { bareNumber: false })], {
    primaryKey: ['a'],
  }),
];

const cells = fc.oneof(
  fc.constantFrom(
    '',
    '-',
    '1',
    ' 2 ',
    '1,5',
    '2020-02-29',
    '2021-02-29',
    'oui',
    'non',
    'true',
    '€ 5',
    '\0',
    '😀',
  ),
  fc.constantFrom('2020-02-29T10:00:00Z', '9223372036854775808', '1e5', 'NaN', 'a"b', 'line\nend', 'x\r'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);

const cases = fc.constantFrom(...TABLES).chain((compiled) =>
  fc.record({
    compiled: fc.constant(compiled),
    header: fc.boolean(),
    rows: fc.array(
      fc.array(cells, { minLength: compiled.fields.length, maxLength: compiled.fields.length }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
  }),
);

/** Quotes every cell. */
function csvOf(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map((text) => `"${text.replaceAll('"', '""')}"`).join(',')}\n`).join('');
}

/** What a load makes of a file: values or errors for each record. */
function loaded(csv: string, compiled: CompiledTable) {
  const { dialect, encoding } = compiled.table;
  const bytes = Buffer.from(csv);
  const surveyor = new Surveyor(surveyOptionsOf(compiled.table));
  surveyor.push(bytes);
  const survey = surveyor.end();
  const map = survey.header
    ? matchHeader(compiled.table, survey.header)
    : columnsWithoutHeader(compiled.table);
  return survey.chunks.flatMap((chunk) =>
    [...readRecords(bytes.subarray(chunk.startByte, chunk.endByte), chunk, dialect, encoding)].map(
      (record) => {
        if (record.error) return [record.error];
        const { values, errors } = compiled.checkRow(record.cells, map.columns, map.width);
        return values ?? errors;
      },
    ),
  );
}

function batched(body: string, format: BatchFormat, compiled: CompiledTable) {
  const { sent, good, rejects } = read(body, { format, table: compiled });
  const all: unknown[] = new Array(sent);
  for (const row of good) all[row.index] = row.values;
  for (const reject of rejects) all[reject.index] = reject.errors;
  return all;
}

describe('the same cells', () => {
  it('give the same values and errors in a load, as CSV, NDJSON and JSON', () => {
    fc.assert(
      fc.property(cases, ({ compiled, header, rows }) => {
        const table = compileTable({ ...compiled.table, dialect: { ...DIALECT, header } });
        const names = table.fields.map(({ name }) => name);
        const csv = csvOf(header ? [names, ...rows] : rows);
        const expected = loaded(csv, table);
        assert.deepEqual(batched(csv, 'csv', table), expected);
        const objects = rows.map((row) => Object.fromEntries(row.map((cell, i) => [names[i], cell])));
        assert.deepEqual(batched(JSON.stringify(objects), 'json', table), expected);
        const ndjson = objects.map((row) => JSON.stringify(row)).join('\n');
        assert.deepEqual(batched(ndjson, 'ndjson', table), expected);
      }),
      { numRuns: RUNS },
    );
  });

  it('give the same in a load and as CSV, whatever the bytes are', () => {
    const text = fc
      .array(
        fc.constantFrom(
          '1',
          'a',
          ',',
          ',',
          '"',
          '""',
          '\n',
          '\n',
          '\r\n',
          '\r',
          ' ',
          '#',
          '2020-02-29',
          '\0',
        ),
        {
          minLength: 1,
          maxLength: 40,
        },
      )
      .map((all) => all.join(''));
    fc.assert(
      fc.property(fc.constantFrom(...TABLES), text, (compiled, csv) => {
        // What looks like UTF-16 is refused by both, and so is what has no rows, each in its own words.
        fc.pre(foreignKindOf(Buffer.from(csv).subarray(0, HEAD_BYTES)) === null);
        if (emptyTo(() => loaded(csv, compiled), 'file-empty')) {
          assert.ok(emptyTo(() => batched(csv, 'csv', compiled), 'batch-empty'));
          return;
        }
        assert.deepEqual(batched(csv, 'csv', compiled), loaded(csv, compiled));
      }),
      { numRuns: RUNS },
    );
  });
});

function emptyTo(read: () => unknown, code: ErrorCode): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof LongshoreError && error.code === code) return true;
    throw error;
  }
}
