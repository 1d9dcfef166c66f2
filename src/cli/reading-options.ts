import type { Command } from 'commander';
import { NONE, optionFor, READING_OPTIONS } from '../reading-words.ts';
import type { ReadAs } from '../types.ts';
import { plain } from './format.ts';

/** How files are written, in place of what the dictionary says of their table. */
export interface ReadingOptions {
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly header?: boolean;
  readonly quote?: string;
  readonly doubleQuote?: boolean;
  readonly escape?: string;
  readonly skipInitialSpace?: boolean;
  readonly comment?: string;
}

export function addReadingOptions(command: Command): Command {
  return command
    .option(
      '--delimiter <character>',
      "what separates the files' cells, in place of the table's; tab is a tab",
    )
    .option('--encoding <name>', "the files' encoding, in place of the table's: windows-1252")
    .option('--header', 'the first record of each file names the columns')
    .option('--no-header', 'the first record of each file is a row')
    .option('--quote <character>', "the files' quote, in place of the table's; none: nothing is quoted")
    .option('--double-quote', 'a doubled quote inside quotes is one of the cell')
    .option('--no-double-quote', 'it is not')
    .option(
      '--escape <character>',
      'what makes the next character inside quotes one of the cell; none: nothing',
    )
    .option('--skip-initial-space', 'white space before a cell is no part of it')
    .option('--no-skip-initial-space', 'it is one')
    .option('--comment <character>', 'what begins a comment; none: nothing does');
}

/** What was given, by the names of the dialect's members. */
export function readingOf(options: ReadingOptions): Readonly<Record<string, string | boolean>> {
  return Object.fromEntries(
    READING_OPTIONS.flatMap(([option, member]) => {
      const value = options[option];
      return value === undefined ? [] : [[member, isNone(option, value) ? '' : value]];
    }),
  );
}

function isNone(option: string, value: string | boolean): boolean {
  return value === NONE && (option === 'quote' || option === 'escape' || option === 'comment');
}

/** How something is read, by the options that say it; null: as the dictionary says. */
export function readAsText(readAs: ReadAs | null | undefined): string | null {
  // A platform of an earlier version does not say it.
  if (readAs === null || readAs === undefined) return null;
  return plain(
    READING_OPTIONS.filter(([, member]) => readAs[member] !== undefined)
      .map(([, member]) => optionFor(member, readAs[member]))
      .join(' '),
  );
}
