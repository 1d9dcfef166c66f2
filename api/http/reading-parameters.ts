import { z } from 'zod';
import type { ReadingOverrides } from '../../src/dictionary/read-as.ts';
import type { ReadAs } from '../../src/types.ts';
import { flag } from './parameters.ts';

const INSTEAD = 'in place of what the dictionary says of the table';

function text(description: string, example?: string) {
  return z
    .string()
    .optional()
    .meta({ description: `${description}, ${INSTEAD}`, ...(example !== undefined && { example }) });
}

function truth(description: string) {
  return flag.optional().meta({ description: `${description}, ${INSTEAD}` });
}

/**
 * Parameters of a request with a file or rows that are not written as their table's are. What they may be is up to the
 * table, and is checked with it (`parseReadAs`).
 */
export const readingParameters = {
  delimiter: text('What separates cells (`tab` is a tab)', ';'),
  encoding: text('The encoding', 'windows-1252'),
  header: truth('Whether the first record names the columns'),
  quoteChar: text('What quotes cells (`none` or empty: nothing does)', "'"),
  doubleQuote: truth('Whether a doubled quote inside quotes is one of the cell'),
  escapeChar: text(
    'What makes the next character inside quotes one of the cell (`none` or empty: nothing does)',
    '\\',
  ),
  skipInitialSpace: truth('Whether white space before a cell is no part of it'),
  commentChar: text('What begins a comment (`none` or empty: nothing does)', '#'),
};

type ReadingParameters = ReadingOverrides & { readonly [name: string]: unknown };

const character = z.string().length(1);

/** The same, as answers have it. */
export const readAsSchema = z
  .object({
    delimiter: character,
    encoding: z.string(),
    header: z.boolean(),
    quoteChar: character.nullable().meta({ description: 'null: nothing is quoted' }),
    doubleQuote: z.boolean(),
    escapeChar: character.nullable(),
    skipInitialSpace: z.boolean(),
    commentChar: character.nullable(),
  })
  .partial()
  .meta({ id: 'ReadAs' });
readAsSchema satisfies z.ZodType<ReadAs>;

/** Those of a query that say how a file is read. */
export function readingOf(query: ReadingParameters): ReadingOverrides {
  return Object.fromEntries(Object.keys(readingParameters).map((name) => [name, query[name]]));
}
