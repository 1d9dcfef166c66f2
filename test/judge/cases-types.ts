import { csv, packageOf } from './packages.ts';
import type { JudgeCase } from './verdict.ts';

/** One pool of cells for every type: what is a date to one is a mistake to another. */
const POOL: readonly string[] = [
  ...['', ' ', '0', '1', '-1', '+1', '007', '-0', ' 42 ', '42abc', '1_000', '1,000', '٣', '½', '0x10', '1e3'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'],
  ...['0.1', '.5', '5.', '.', '-', '+', '1.5E-3', '1e', 'e1', '1.2.3', '--1', '1-', '1e200000', '1e-20000'],
  ...[
    'NaN',
    'nan',
    'INF',
    '-INF',
    '+INF',
    'inf',
    'Infinity',
    'sNaN',
    '95%',
    '€95',
    'EUR 95',
    '-95 %',
    '€ 1,5',
  ],
  ...['true', 'True', 'TRUE', 'tRUE', 'false', 'False', 'FALSE', 'yes', 'no', 't', 'f', 'ja', 'nein'],
  ...['2024-01-26', '2024-02-29', '2023-02-29', '1900-02-29', '2000-02-29', '2024-13-01', '2024-00-10'],
  ...[
    '2024-01-00',
    '2024-04-31',
    '2024-1-5',
    '24-01-26',
    '20240126',
    '2024/01/26',
    '26/01/2024',
    '0000-01-01',
  ],
  ...[
    '0001-01-01',
    '9999-12-31',
    '10000-01-01',
    '-0001-01-01',
    '2024-01-26T15:00:00',
    '2024-01-26T15:00:00Z',
  ],
  ...['2024-01-26T15:00:00.3-05:00', '2024-01-26T15:00:00.1234567Z', '2024-01-26T15:00:00+14:00'],
  ...[
    '2024-01-26T15:00:00+15:30',
    '2024-01-26T15:00:00+24:00',
    '2024-01-26T15:00:00+0100',
    '2024-01-26T15:00Z',
  ],
  ...['2024-01-26 15:00:00', '2024-01-26t15:00:00z', '2024-01-26T15:00:00,5Z', '2024-01-26T24:00:00Z'],
  ...['2024-01-26T24:00:01Z', '2024-01-26T23:59:60Z', '2024-01-26T25:00:00Z', '2024-02-30T15:00:00Z'],
  ...[
    '9999-12-31T24:00:00Z',
    '15:00:00',
    '15:00:00.25',
    '15:00',
    '24:00:00',
    '25:00:00',
    '15:60:00',
    '15:00:60',
  ],
  ...[
    '15:00:00Z',
    '15:00:00+01:00',
    '3:00:00',
    '3:05 PM',
    '12/11/2018 09:15:32',
    '12.11.2018',
    '26 January 2024',
  ],
  ...['Jan 26, 2024', '26 Jan 2024', '2024-01-26 3:05 pm', 'tomorrow', '2024'],
  ...[
    'plain',
    'Ünïcödé',
    '😀😀',
    'a\tb',
    'a\\b',
    '\\N',
    'say "hi"',
    'two\nlines',
    'a,b',
    'NA',
    '-',
    'null',
    'x'.repeat(300),
  ],
  ...['a@b.org', 'a.b+c@sub.example.org', 'a@b', '@b.org', 'a@', 'a@@b.org', 'a b@c.org', 'é@example.org'],
  ...[
    'https://example.org/a?b=c#d',
    'mailto:a@b.org',
    'example.org',
    '//x',
    'http://exa mple.org',
    'urn:isbn:1',
  ],
  ...[
    'aGk=',
    'aGk',
    'aGkh',
    'a?k=',
    '2bc1c94f-0deb-43e9-92a1-4775189ec9f8',
    '2bc1c94f0deb43e992a14775189ec9f8',
  ],
  ...[
    '{2bc1c94f-0deb-43e9-92a1-4775189ec9f8}',
    '2bc1c94f-0deb-43e9-92a1-4775189ec9f',
    'apple',
    'abc',
    'bc',
    'a',
  ],
];

const TYPES: readonly object[] = [
  { type: 'string' },
  { type: 'any' },
  {},
  { type: 'integer' },
  { type: 'number' },
  { type: 'boolean' },
  { type: 'date' },
  { type: 'datetime' },
  { type: 'time' },
  ...['email', 'uri', 'binary', 'uuid'].map((format) => ({ type: 'string', format })),
  ...['%d/%m/%Y', '%d %B %Y', '%b %d, %Y', '%Y%m%d', '%d.%m.%y', 'any'].map((format) => ({
    type: 'date',
    format,
  })),
  ...['%d/%m/%Y %H:%M:%S', '%Y-%m-%dT%H:%M:%S%z', '%Y-%m-%d %I:%M %p', '%Y-%m-%dT%H:%M:%S.%fZ', 'any'].map(
    (format) => ({ type: 'datetime', format }),
  ),
  ...['%H:%M', '%I:%M %p', '%H:%M:%S.%f', 'any'].map((format) => ({ type: 'time', format })),
  { type: 'boolean', trueValues: ['yes', 'ja', 't'], falseValues: ['no', 'nein', 'f', '-'] },
  { type: 'number', groupChar: ',' },
  { type: 'number', groupChar: '.', decimalChar: ',' },
  { type: 'number', decimalChar: ',' },
  { type: 'number', bareNumber: false },
  { type: 'integer', bareNumber: false },
  { type: 'integer', groupChar: ',' },
];

const CONSTRAINTS: readonly object[] = [
  { type: 'integer', constraints: { minimum: 0, maximum: 42 } },
  { type: 'integer', constraints: { exclusiveMinimum: 0, exclusiveMaximum: '42' } },
  { type: 'integer', constraints: { minimum: '9223372036854775807' } },
  { type: 'integer', constraints: { enum: [1, '7'], required: true } },
  { type: 'number', constraints: { minimum: '0.1', exclusiveMaximum: 42 } },
  { type: 'number', constraints: { enum: ['1.0', 1000], minimum: 1 } },
  { type: 'boolean', constraints: { enum: [true], required: true } },
  { type: 'date', constraints: { minimum: '2024-01-26', maximum: '2024-02-29' } },
  { type: 'date', constraints: { exclusiveMinimum: '2024-01-26', enum: ['2024-01-26', '2024-02-29'] } },
  { type: 'date', format: '%d/%m/%Y', constraints: { maximum: '25/01/2024' } },
  { type: 'time', constraints: { minimum: '15:00:00', exclusiveMaximum: '15:00:00.25' } },
  { type: 'string', constraints: { minLength: 2, maxLength: 4 } },
  { type: 'string', constraints: { maxLength: 2, pattern: '[a-z0-9]*' } },
  { type: 'string', constraints: { pattern: '^a.*$' } },
  { type: 'string', constraints: { pattern: 'a|bc' } },
  { type: 'string', constraints: { pattern: '[0-9]{4}-[0-9]{2}-[0-9]{2}' } },
  { type: 'string', constraints: { enum: ['apple', 'NA', ''], required: true } },
  { type: 'string', format: 'email', constraints: { minLength: 8 } },
  { type: 'any', constraints: { enum: ['apple', '1'] } },
  { type: 'string', title: 'categories', categories: ['apple', { value: 'abc', label: 'ABC' }].slice(0, 1) },
];

const MISSING: readonly (readonly [object, object])[] = [
  [{ type: 'integer' }, { missingValues: ['', '-', 'NA', '007'] }],
  [{ type: 'string', constraints: { required: true } }, { missingValues: ['NA'] }],
  [{ type: 'integer' }, { missingValues: [] }],
  [{ type: 'number', missingValues: ['nan', '0'] }, { missingValues: ['', '-'] }],
  [{ type: 'date' }, { missingValues: [{ value: '', label: 'none' }, { value: 'null' }] }],
];

/** Comparing these with a bound raises an exception in Python: a signalling NaN, a time with an offset. */
const INCOMPARABLE: ReadonlySet<string> = new Set(['sNaN', '15:00:00Z', '15:00:00+01:00']);

/** Each type, format and constraint against the whole pool; datetime bounds need offsets on both sides in Python. */
export function typeCases(): JudgeCase[] {
  const comparable = POOL.filter((cell) => !INCOMPARABLE.has(cell));
  const plain = [
    ...TYPES.map((field) => pooled(field, {}, POOL)),
    ...CONSTRAINTS.map((field) => pooled(field, {}, comparable)),
  ];
  const missing = MISSING.map(([field, schema]) => pooled(field, schema, POOL));
  const moments = POOL.filter((cell) => /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(cell));
  const bounds = { minimum: '2024-01-26T15:00:00Z', exclusiveMaximum: '2024-01-26T20:00:00.3Z' };
  return [...plain, ...missing, pooled({ type: 'datetime', constraints: bounds }, {}, moments)];
}

/** A line number beside the cell, so that a null does not make the row blank. */
function pooled(field: object, schema: object, pool: readonly string[]): JudgeCase {
  const fields = [
    { name: 'n', type: 'integer' },
    { name: 'v', ...field },
  ];
  const file = csv(pool.map((cell, index) => [String(index + 8), cell]));
  const shown = `${JSON.stringify(field)}${'missingValues' in schema ? ` ${JSON.stringify(schema)}` : ''}`;
  return packageOf(shown, [{ name: 'pool', fields, schema, file }]);
}
