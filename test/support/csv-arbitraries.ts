import fc from 'fast-check';
import type { Dialect } from '../../src/types.ts';

/** Dialects of every kind, their characters distinct from one another. */
export const dialects: fc.Arbitrary<Dialect> = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    quoteChar: fc.constantFrom('"', '"', "'", null),
    doubleQuote: fc.boolean(),
    escapeChar: fc.constantFrom(null, null, '\\', '^'),
    skipInitialSpace: fc.boolean(),
    commentChar: fc.constantFrom(null, '#'),
  })
  .map((dialect) => ({ ...dialect, header: false }));

/** Text made of what a CSV parser can trip over. */
export function texts(
  dialect: Dialect,
  options: { quotes: boolean } = { quotes: true },
): fc.Arbitrary<string> {
  const quote = dialect.quoteChar ?? '"';
  const pieces = [
    'a',
    'b',
    'ü',
    '😀',
    '\ufeff',
    '\u00a0',
    ' ',
    '\u2028',
    '\0',
    dialect.delimiter,
    dialect.delimiter,
  ];
  pieces.push('\n', '\r', '\r\n', '\n', '#', '\\', '^', dialect.escapeChar ?? 'x');
  if (options.quotes)
    pieces.push(quote, quote, quote, `${dialect.delimiter}${quote}`, `\n${quote}`, `${quote}${quote}`);
  return fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((all) => all.join(''));
}

/** Cuts bytes into pieces of the given sizes, over and over. */
export function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let turn = 0;
  for (let at = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    // A copy: the surveyor must not rely on a piece after `push`.
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}
