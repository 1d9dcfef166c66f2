import { type Command, InvalidArgumentError, Option } from 'commander';
import type { InferOverrides, InferredRules } from '../infer/infer.ts';
import {
  DELIMITER_EXPECTED,
  ENCODING_EXPECTED,
  QUOTE_EXPECTED,
  readDelimiter,
  readEncoding,
  readQuote,
} from '../infer/read-overrides.ts';
import type { ReadingOptions } from './reading-options.ts';

/** Options of the commands that find what a file holds. */
export interface InferCommandOptions extends ReadingOptions {
  readonly table?: string;
  readonly dates?: 'day' | 'month';
  /** `false`: no primary key. */
  readonly primaryKey?: string | false;
  readonly rules: InferredRules;
}

export function addInferOptions(command: Command): Command {
  return command
    .option('-t, --table <table>', 'the name of the table (that of the file)')
    .option(
      '--delimiter <character>',
      'what separates the cells; "tab" is a tab',
      reading(readDelimiter, DELIMITER_EXPECTED),
    )
    .option('--encoding <name>', 'the encoding, as windows-1252', reading(readEncoding, ENCODING_EXPECTED))
    .option('--header', 'the first line names the columns')
    .option('--no-header', 'the first line is a row')
    .option(
      '--quote <character>',
      'what quotes cells; "none": nothing does',
      reading(readQuote, QUOTE_EXPECTED),
    )
    .option('--double-quote', 'a doubled quote inside quotes is one of the cell')
    .option('--no-double-quote', 'it is not')
    .option(
      '--escape <character>',
      'what makes the next character inside quotes one of the cell; "none": nothing does',
      reading(readQuote, QUOTE_EXPECTED),
    )
    .option('--skip-initial-space', 'white space before a cell is no part of it')
    .option('--no-skip-initial-space', 'it is one')
    .option(
      '--comment <character>',
      'what begins a comment; "none": nothing does',
      reading(readQuote, QUOTE_EXPECTED),
    )
    .addOption(
      new Option('--dates <order>', 'what comes first in dates such as 01/02/2026').choices(['day', 'month']),
    )
    .option('--primary-key <fields>', 'the fields that identify a row, with commas between them')
    .option('--no-primary-key', 'the table has no primary key')
    .addOption(
      new Option(
        '--rules <rules>',
        'which rules are taken from the rows: none, the usual ones (required, unique, lists), or also lengths and ranges as observed',
      )
        .choices(['none', 'usual', 'observed'])
        .default('usual'),
    );
}

export function overridesOf(options: InferCommandOptions): InferOverrides {
  const {
    table,
    delimiter: separator,
    encoding: label,
    header,
    quote: quoteChar,
    doubleQuote,
    escape: escapeChar,
    skipInitialSpace,
    comment,
    dates,
    primaryKey,
  } = options;
  return {
    ...(table === undefined ? {} : { table }),
    ...(separator === undefined ? {} : { delimiter: separator }),
    ...(label === undefined ? {} : { encoding: label }),
    ...(header === undefined ? {} : { header }),
    ...(quoteChar === undefined ? {} : { quoteChar: orNone(quoteChar) }),
    ...(doubleQuote === undefined ? {} : { doubleQuote }),
    ...(escapeChar === undefined ? {} : { escapeChar: orNone(escapeChar) }),
    ...(skipInitialSpace === undefined ? {} : { skipInitialSpace }),
    ...(comment === undefined ? {} : { commentChar: orNone(comment) }),
    ...(dates === undefined ? {} : { dateOrder: dates }),
    ...(primaryKey === undefined ? {} : { primaryKey: primaryKey === false ? [] : primaryKey.split(',') }),
  };
}

function orNone(text: string): string | null {
  return text === 'none' ? null : text;
}

/** An option's value, or how it has to be. */
function reading(read: (text: string) => string | null, expected: string): (text: string) => string {
  return (text) => {
    const value = read(text);
    if (value === null) throw new InvalidArgumentError(expected);
    return value;
  };
}
