import type { Options } from 'csv-parse/sync';
import type { Dialect } from '../types.ts';

/**
 * The character that makes the next one literal inside a quoted cell: `escapeChar` where the dialect names one
 * (Table Dialect has it exclude `doubleQuote`), the quote itself for `doubleQuote`, null for neither. As in
 * csv-parse it means nothing outside quotes.
 */
export function escapeOf(dialect: Dialect): string | null {
  if (dialect.quoteChar === null) return null;
  return dialect.escapeChar ?? (dialect.doubleQuote ? dialect.quoteChar : null);
}

/**
 * csv-parse's options for a dialect: with `src/csv/scan.ts`, the definition of what a record is. Any of CRLF, LF
 * and CR ends one, also mixed in one file. A quote in the middle of a cell is a character like any other
 * (`relax_quotes`), the number of cells is the validator's business (`relax_column_count`), and a byte-order
 * mark is the surveyor's.
 *
 * `skipInitialSpace` skips every kind of white space (that of `String.prototype.trim`) before a cell, which is
 * what Table Dialect says ("whitespace"); Python's csv module, and so frictionless, skips U+0020 only.
 */
export function parseOptions(dialect: Dialect): Options {
  return {
    delimiter: dialect.delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    quote: dialect.quoteChar,
    escape: escapeOf(dialect),
    comment: dialect.commentChar,
    comment_no_infix: dialect.commentChar !== null,
    ltrim: dialect.skipInitialSpace,
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: false,
    bom: false,
  };
}
