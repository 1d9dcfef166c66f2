import fc from 'fast-check';
import type { FieldAnswer } from './answers.ts';

/** A table, its right values, and a file that some program may have written of it. */
export interface WrittenTable {
  readonly bytes: Buffer;
  readonly fields: readonly FieldAnswer[];
  readonly values: readonly (readonly (string | boolean | null)[])[];
  /** To show where something is wrong. */
  readonly told: string;
}

/** How a country writes numbers and days. */
interface Style {
  readonly group: string;
  readonly decimal: string;
  day(year: string, month: string, day: string): string;
}

const STYLES: readonly Style[] = [
  { group: '', decimal: '.', day: (y, m, d) => `${y}-${m}-${d}` },
  { group: ',', decimal: '.', day: (y, m, d) => `${m}/${d}/${y}` },
  { group: ',', decimal: '.', day: (y, m, d) => `${d}/${m}/${y}` },
  { group: '.', decimal: ',', day: (y, m, d) => `${d}.${m}.${y}` },
  { group: '\u00a0', decimal: ',', day: (y, m, d) => `${d}/${m}/${y}` },
  { group: "'", decimal: '.', day: (y, m, d) => `${d}.${m}.${y}` },
];

interface Dialect {
  readonly delimiter: string;
  readonly lineEnd: string;
  readonly quotesAll: boolean;
  readonly encoding: 'utf-8' | 'marked utf-8' | 'utf-16le' | 'windows-1252';
  readonly header: boolean;
  readonly missing: string;
  readonly blankLines: number;
}

const DIALECTS: fc.Arbitrary<Dialect> = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  quotesAll: fc.boolean(),
  encoding: fc.constantFrom('utf-8', 'marked utf-8', 'utf-16le', 'windows-1252'),
  header: fc.constantFrom(true, true, false),
  missing: fc.constantFrom('', 'NULL', 'N/A', '\\N'),
  blankLines: fc.nat({ max: 2 }),
});

/** One column: its right values and how they are written; `at` is the row's number, from 0. */
interface Kind {
  readonly field: Omit<FieldAnswer, 'name'>;
  readonly mayMiss: boolean;
  cell(at: number, draw: number, style: Style): readonly [value: string | boolean, written: string];
}

const WORDS = [
  'Straße',
  'Müller',
  'café',
  'naïve',
  'señor',
  'plain',
  'over there',
  'Ångström',
  'Zoë',
  'east',
];

const TEXTS: Kind = {
  field: { type: ['string'] },
  mayMiss: true,
  cell(at, draw) {
    const text = `${WORDS[draw % 10]} ${['of', 'or, else;', 'a "quoted"', 'two\nlines', '| and\ttab'][at % 5]} ${WORDS[(draw + at) % 10]}`;
    return [text, text];
  },
};

const KINDS: readonly Kind[] = [
  TEXTS,
  {
    field: { type: ['number'] },
    mayMiss: true,
    cell(at, draw, { group, decimal }) {
      // One is beyond a thousand twice over, so that its groups are seen.
      const cents = at === 1 ? 123_456_789 : draw % 50_000_000;
      const [whole, fraction] = [String(Math.floor(cents / 100)), String(cents % 100).padStart(2, '0')];
      const sign = draw % 7 === 0 && cents > 0 ? '-' : '';
      return [
        `${sign}${whole}.${fraction}`,
        `${sign}${whole.replace(/\B(?=(?:\d{3})+$)/g, group)}${decimal}${fraction}`,
      ];
    },
  },
  {
    field: { type: ['date'] },
    mayMiss: true,
    cell(at, draw, style) {
      // One day is beyond twelve, which decides the order.
      const [month, day] =
        at === 2 ? ['03', '25'] : [pad(1 + (draw % 12)), pad(1 + (Math.floor(draw / 12) % 28))];
      const year = String(1970 + (draw % 60));
      return [`${year}-${month}-${day}`, style.day(year, month, day)];
    },
  },
  {
    field: { type: ['datetime'] },
    mayMiss: true,
    cell(_at, draw) {
      const text = new Date(draw * 1000).toISOString().replace('.000', '');
      return [text, text];
    },
  },
  {
    field: { type: ['boolean'] },
    mayMiss: true,
    cell: (at, draw) => (at === 0 || (at > 1 && draw % 2 === 0) ? [true, 'Y'] : [false, 'N']),
  },
  {
    field: { type: ['string'] },
    mayMiss: true,
    cell(at, draw) {
      const code = at === 1 ? '00420' : String(draw % 100_000).padStart(5, '0');
      return [code, code];
    },
  },
  {
    field: { type: ['integer'] },
    mayMiss: true,
    cell: (_at, draw) => [String(draw % 1000), String(draw % 1000)],
  },
];

const ROWS = 40;

/** Tables of forty rows and up to eight columns, the first of which is a number that identifies the row. */
export const writtenTables: fc.Arbitrary<WrittenTable> = fc
  .record({
    style: fc.constantFrom(...STYLES),
    dialect: DIALECTS,
    kinds: fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 7 }),
    draws: fc.array(fc.nat({ max: 2_000_000_000 }), { minLength: ROWS, maxLength: ROWS }),
    misses: fc.nat({ max: 3 }),
  })
  .map(({ style, dialect, kinds, draws, misses }) => {
    const lines: string[][] = [];
    const values: (string | boolean | null)[][] = [];
    for (const [at, draw] of draws.entries()) {
      const cells = kinds.map((kind, column): readonly [string | boolean | null, string] => {
        // What decides a column stands in its first rows, which are never without a value.
        const isMissing = at > 3 && kind.mayMiss && (at + column) % 9 < misses;
        return isMissing ? [null, dialect.missing] : kind.cell(at, draw + column * 97, style);
      });
      lines.push([String(at + 1), ...cells.map(([, written]) => written)]);
      values.push([String(at + 1), ...cells.map(([value]) => value)]);
    }
    const names = ['id', ...kinds.map((_, at) => `field_${at + 1}`)];
    const rows = dialect.header ? [names, ...lines] : lines;
    return {
      bytes: encode(textOf(rows, dialect), dialect.encoding),
      fields: [{ type: ['integer'] as const }, ...kinds.map(({ field }) => field)].map((field, at) => ({
        ...field,
        name: dialect.header ? names[at]! : null,
      })),
      values,
      told: JSON.stringify({
        ...dialect,
        day: style.day('Y', 'M', 'D'),
        number: `1${style.group}234${style.decimal}5`,
      }),
    };
  });

function textOf(rows: readonly (readonly string[])[], dialect: Dialect): string {
  const { delimiter, lineEnd, quotesAll, blankLines } = dialect;
  const write = (cell: string) =>
    quotesAll || cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const lines = rows.map((row) => row.map(write).join(delimiter) + lineEnd);
  return lines.join('') + lineEnd.repeat(blankLines);
}

function encode(text: string, encoding: Dialect['encoding']): Buffer {
  switch (encoding) {
    case 'utf-8':
      return Buffer.from(text);
    case 'marked utf-8':
      return Buffer.from(`\ufeff${text}`);
    case 'utf-16le':
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 'windows-1252':
      // The words have no character that it has elsewhere than ISO-8859-1.
      return Buffer.from(text, 'latin1');
  }
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}
