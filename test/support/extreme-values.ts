import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { Table } from '../../src/types.ts';

/** A table of all types, and rows for it as texts that PostgreSQL's casts take, in the order of its fields. */
export interface ExtremeTable {
  readonly table: Table;
  readonly rows: readonly (readonly (string | null)[])[];
}

const COLUMNS: Readonly<Record<string, { readonly field: object; readonly values: readonly string[] }>> = {
  big: {
    field: { type: 'integer' },
    values: [
      ...['0', '-1', '63', '64', '-64', '-65', '268435455', '268435456', '2147483647', '2147483648'],
      ...['-2147483648', '-2147483649', '9007199254740993', '36028797018963968', '4611686018427387904'],
      ...['9223372036854775807', '-9223372036854775808'],
    ],
  },
  small: {
    field: { type: 'integer', constraints: { minimum: '-2147483648', maximum: '2147483647' } },
    values: ['0', '-1', '2147483647', '-2147483648', '8191', '8192'],
  },
  words: {
    field: { type: 'string' },
    values: [
      '',
      'null',
      'a\tb\nc\r\\N"\'',
      '😀👩‍👩‍👧 é e\u0301 \u202e',
      '\u0001\u007f\uffff',
      'x'.repeat(2 ** 20),
    ],
  },
  yes: { field: { type: 'boolean' }, values: ['true', 'false'] },
  day: {
    field: { type: 'date' },
    values: [
      '1970-01-01',
      '1969-12-31',
      '0001-01-01',
      '9999-12-31',
      '2000-02-29',
      '1900-03-01',
      '2024-02-29',
    ],
  },
  moment: {
    field: { type: 'datetime' },
    values: [
      ...['1970-01-01 00:00:00+00', '1969-12-31 23:59:59.999999+00', '0001-01-01 00:00:00+00'],
      ...['9999-12-31 23:59:59.999999+00', '2021-07-27 16:02:08.000001+00', '1999-12-31 23:59:59.5+00'],
    ],
  },
  hour: { field: { type: 'time' }, values: ['00:00:00', '23:59:59.999999', '12:30:00.1', '00:00:00.000001'] },
  amount: {
    field: { type: 'number' },
    values: [
      ...[
        '0',
        '0.00',
        '1.10',
        '1.1',
        '-1.10',
        '10000',
        '9999',
        '0.0001',
        '0.00010',
        '-0.5',
        '100000000',
        'NaN',
      ],
      ...[
        'Infinity',
        '-Infinity',
        '12345678901234567890123456789012345678',
        `-${'9'.repeat(500)}.${'1'.repeat(40)}`,
      ],
      ...[`0.${'0'.repeat(100)}1`, `1${'0'.repeat(499)}`, '1e1000', '-1e-1000'],
    ],
  },
};

/** Each value in a row of its own, in rows with all others null; then rows that are full. `rename` gives odd names. */
export function extremeTable(
  name: string,
  rename: (field: string) => string = (field) => field,
): ExtremeTable {
  const entries = Object.entries(COLUMNS);
  const fields = entries.map(([field, column]) => ({ ...column.field, name: rename(field) }));
  const resource = { name, dialect: { header: false }, schema: { fields } };
  const table = parseDictionary({ name: 'extremes', resources: [resource] }).tables[0]!;
  const nothing: (string | null)[] = entries.map(() => null);
  const alone = entries.flatMap(([, { values }], at) => values.map((value) => nothing.with(at, value)));
  const most = Math.max(...entries.map(([, { values }]) => values.length));
  const full = Array.from({ length: most }, (_, no) =>
    entries.map(([, { values }]) => values[no % values.length]!),
  );
  return { table, rows: [nothing, ...alone, ...full] };
}
