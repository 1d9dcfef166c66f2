import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import pg from 'pg';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { columnType } from '../../src/rows/column-type.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import { compareWith } from '../../src/rows/decimal.ts';
import { postgresServer } from '../support/servers.ts';

/**
 * Whatever passes the rules is taken by PostgreSQL and read back as the same value: a good row can never make a
 * COPY fail. The session's time zone and date style are odd ones, on purpose.
 */

const digits = (max: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
const sign = fc.constantFrom('', '-', '+');
const two = (below: number) => fc.integer({ min: 0, max: below - 1 }).map((n) => String(n).padStart(2, '0'));
const fraction = fc.oneof(
  fc.constant(''),
  digits(9).map((text) => `.${text}`),
);
const time = fc.tuple(two(25), two(61), two(61), fraction).map(([h, m, s, f]) => `${h}:${m}:${s}${f}`);
const date = fc
  .tuple(fc.integer({ min: 0, max: 10000 }), two(14), two(33))
  .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${month}-${day}`);
const offset = fc.oneof(
  fc.constantFrom('', 'Z', '+14:00', '-14:00', '+14:30', '+15:00'),
  fc.tuple(fc.constantFrom('+', '-'), two(16), two(61)).map(([s, h, m]) => `${s}${h}:${m}`),
);

interface Case {
  readonly field: object;
  readonly cells: fc.Arbitrary<string>;
  /** Compares what was sent with what PostgreSQL shows. */
  readonly same: (sent: string, shown: string) => void;
  readonly show?: string;
}

const sameText = (sent: string, shown: string) => assert.equal(shown, sent);

const CASES: readonly Case[] = [
  {
    field: { type: 'integer' },
    cells: fc.oneof(
      fc.bigInt(-(2n ** 64n), 2n ** 64n).map(String),
      fc.tuple(sign, digits(22)).map((p) => p.join('')),
    ),
    same: (sent, shown) => assert.equal(shown, String(BigInt(sent.replace('+', '')))),
  },
  {
    field: { type: 'integer', constraints: { minimum: '-2147483648', maximum: '2147483647' } },
    cells: fc.integer({ min: -3e9, max: 3e9 }).map(String),
    same: sameText,
  },
  {
    field: { type: 'number' },
    cells: fc.oneof(
      fc.constantFrom(
        'NaN',
        'inf',
        '-INF',
        '.',
        '5.',
        '.5',
        '1e131071',
        '9e131072',
        '1e-16383',
        '1e-16384',
        '0e99999999',
      ),
      fc
        .tuple(sign, digits(30), fraction, fc.constantFrom('', 'e5', 'E-7', 'e+100', 'e-3000'))
        .map((p) => p.join('')),
      fc.tuple(digits(17000), fraction).map((p) => p.join('')),
      digits(17000).map((text) => `1.${text}`),
      fc.tuple(digits(5), fc.integer({ min: -17000, max: 140000 })).map(([text, e]) => `${text}e${e}`),
    ),
    same: (sent, shown) => {
      if (sent === 'NaN') assert.equal(shown, 'NaN');
      else assert.equal(compareWith(sent)(shown), 0, `${sent.slice(0, 50)} became ${shown.slice(0, 50)}`);
    },
  },
  {
    field: {
      type: 'boolean',
      trueValues: ['TRUE', 'oui', 'f', 'yes'],
      falseValues: ['False', 'non', 'T', '0'],
    },
    cells: fc.constantFrom('TRUE', 'oui', 'f', 'yes', 'False', 'non', 'T', '0', 'maybe'),
    same: (sent, shown) => assert.equal(shown, String(['TRUE', 'true', 'yes'].includes(sent))),
  },
  { field: { type: 'date' }, cells: date, same: sameText, show: "to_char(v, 'YYYY-MM-DD')" },
  {
    field: { type: 'time' },
    cells: time,
    same: (sent, shown) => assert.equal(shown, sent),
  },
  {
    field: { type: 'datetime' },
    cells: fc.tuple(date, time, offset).map(([d, t, o]) => `${d}T${t}${o}`),
    show: '(extract(epoch from v) * 1000000)::bigint::text',
    same: (sent, shown) => {
      const [, seconds, micros = '0', zone] = /^(.{19})(?:\.(\d+))?(.+)$/.exec(sent) ?? [];
      const expected = BigInt(Date.parse(`${seconds}${zone}`)) * 1000n + BigInt(micros.padEnd(6, '0'));
      assert.equal(shown, String(expected));
    },
  },
  { field: { type: 'string' }, cells: fc.string({ unit: 'binary', maxLength: 20 }), same: sameText },
  { field: { type: 'any' }, cells: fc.string({ unit: 'grapheme', maxLength: 20 }), same: sameText },
];

describe('PostgreSQL takes every checked value', () => {
  let client: pg.Client;
  before(async () => {
    client = new pg.Client({ connectionString: (await postgresServer()).url });
    await client.connect();
    await client.query("set time zone 'Asia/Kathmandu'; set datestyle to 'SQL, DMY'");
  });
  after(() => client.end());

  for (const { field, cells, same, show = 'v::text' } of CASES) {
    it(JSON.stringify(field), async () => {
      const dictionary = parseDictionary({
        resources: [{ name: 't', schema: { fields: [{ name: 'f', ...field }] } }],
      });
      const table = dictionary.tables[0]!;
      const compiled = compileTable(table).fields[0]!;
      const values = fc.sample(cells, 1500).map((cell) => compiled.check(cell));
      const sent = values.filter((value) => typeof value === 'string');
      assert.ok(sent.length > 100, 'too few of the cells are valid to prove anything');
      const type = columnType(table.fields[0]!);
      const result = await client.query<{ shown: string }>(
        `select ${show} as shown from unnest($1::text[]::${type}[]) with ordinality as u (v, n) order by n`,
        [sent],
      );
      result.rows.forEach(({ shown }, index) => {
        same(sent[index]!, shown);
      });
    });
  }
});
