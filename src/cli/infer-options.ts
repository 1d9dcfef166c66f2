import { type Command, InvalidArgumentError, Option } from 'commander';
import type { InferOverrides, InferredRules } from '../infer/infer.ts';

/** Options of the commands that find what a file holds. */
export interface InferCommandOptions {
  readonly table?: string;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly header?: boolean;
  readonly quote?: string;
  readonly dates?: 'day' | 'month';
  /** `false`: no primary key. */
  readonly primaryKey?: string | false;
  readonly rules: InferredRules;
}

export function addInferOptions(command: Command): Command {
  return command
    .option('-t, --table <table>', 'the name of the table (that of the file)')
    .option('--delimiter <character>', 'what separates the cells; "tab" is a tab', delimiter)
    .option('--encoding <name>', 'the encoding, as windows-1252', encoding)
    .option('--header', 'the first line names the columns')
    .option('--no-header', 'the first line is a row')
    .option('--quote <character>', 'what quotes cells; "none": nothing does', quote)
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
    dates,
    primaryKey,
  } = options;
  return {
    ...(table === undefined ? {} : { table }),
    ...(separator === undefined ? {} : { delimiter: separator }),
    ...(label === undefined ? {} : { encoding: label }),
    ...(header === undefined ? {} : { header }),
    ...(quoteChar === undefined ? {} : { quoteChar: quoteChar === '' ? null : quoteChar }),
    ...(dates === undefined ? {} : { dateOrder: dates }),
    ...(primaryKey === undefined ? {} : { primaryKey: primaryKey === false ? [] : primaryKey.split(',') }),
  };
}

function delimiter(text: string): string {
  const character = text === 'tab' || text === '\\t' ? '\t' : text;
  if (/^[\t !-~]$/.test(character) && !/["'\dA-Za-z]/.test(character)) return character;
  throw new InvalidArgumentError('expected one ASCII character that is no letter, digit or quote, or "tab"');
}

function quote(text: string): string {
  if (text === 'none') return '';
  if (/^[!-/:-@[-`{-~]$/.test(text)) return text;
  throw new InvalidArgumentError('expected one ASCII character that is no letter or digit, or "none"');
}

function encoding(text: string): string {
  try {
    return new TextDecoder(text).encoding;
  } catch {
    throw new InvalidArgumentError('expected the name of an encoding, as utf-8 or windows-1252');
  }
}
