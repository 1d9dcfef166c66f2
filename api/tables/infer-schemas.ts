import { z } from 'zod';
import {
  DELIMITER_EXPECTED,
  ENCODING_EXPECTED,
  QUOTE_EXPECTED,
  readDelimiter,
  readEncoding,
  readQuote,
} from '../../src/infer/read-overrides.ts';
import { flag } from '../http/parameters.ts';

/** A parameter that is read as the option of `longshore infer` of its name is. */
function readAs(read: (text: string) => string | null, expected: string) {
  return z.string().transform((text, context) => {
    const value = read(text);
    if (value !== null) return value;
    context.addIssue(expected);
    return z.NEVER;
  });
}

export const inferQuery = z.strictObject({
  name: z.string().min(1).max(1024).optional().meta({
    description: 'Name of the file, from which its table gets its own; of a body that is no form',
    example: 'orders.csv.gz',
  }),
  table: z.string().min(1).max(255).optional().meta({
    description: 'Name of the table; of several tables, of the first',
    example: 'orders',
  }),
  delimiter: readAs(readDelimiter, DELIMITER_EXPECTED)
    .optional()
    .meta({ description: 'What separates the cells; `tab` is a tab', override: { type: 'string' } }),
  encoding: readAs(readEncoding, ENCODING_EXPECTED)
    .optional()
    .meta({ description: 'The encoding, as windows-1252', override: { type: 'string' } }),
  header: flag.optional().meta({ description: 'Whether the first line names the columns' }),
  quote: readAs(readQuote, QUOTE_EXPECTED)
    .optional()
    .meta({ description: 'What quotes cells; `none`: nothing does', override: { type: 'string' } }),
  doubleQuote: flag
    .optional()
    .meta({ description: 'Whether a doubled quote inside quotes is one of the cell' }),
  escape: readAs(readQuote, QUOTE_EXPECTED)
    .optional()
    .meta({
      description: 'What makes the next character inside quotes one of the cell; `none`: nothing does',
      override: { type: 'string' },
    }),
  skipInitialSpace: flag
    .optional()
    .meta({ description: 'Whether white space before a cell is no part of it' }),
  comment: readAs(readQuote, QUOTE_EXPECTED)
    .optional()
    .meta({ description: 'What begins a comment; `none`: nothing does', override: { type: 'string' } }),
  dates: z
    .enum(['day', 'month'])
    .optional()
    .meta({ description: 'What comes first in dates such as 01/02/2026' }),
  primaryKey: z.string().max(16_384).optional().meta({
    description: 'The fields that identify a row, with commas between them; empty: the table has no key',
    example: 'order_id,line_no',
  }),
  rules: z
    .enum(['none', 'usual', 'observed'])
    .optional()
    .meta({
      description:
        'Which rules are taken from the rows: none, the usual ones (required, unique, lists), or also lengths and ' +
        'ranges as observed; `usual` when left out',
    }),
});

const evidenceSchema = z
  .object({
    choice: z.string().meta({ description: 'What was chosen, in words' }),
    rows: z.int().meta({ description: 'Rows that were looked at; of a field, those with a value' }),
    exceptions: z.int().meta({ description: 'Rows that do not fit, and become rejects' }),
    examples: z
      .array(z.string())
      .meta({ description: 'At most three: exceptions where there are any, else values' }),
    note: z.string().optional(),
  })
  .meta({ id: 'InferenceEvidence', description: 'Why something was chosen' });

const fileSchema = z
  .object({
    name: z.string(),
    bytes: z.int().meta({ description: 'As they were sent' }),
    rows: z.int(),
    badRows: z.int().meta({ description: 'Rows that would be rejected for their form' }),
    compression: z.string().nullable().meta({ example: 'gzip' }),
    encoding: evidenceSchema,
    delimiter: evidenceSchema,
    quote: evidenceSchema,
    header: evidenceSchema,
    lineEnd: evidenceSchema,
    skippedLines: z.int().meta({ description: 'Lines above the table, such as a title' }),
    prepared: z
      .object({
        recode: z.string().nullable().meta({ description: 'The encoding to be recoded to UTF-8' }),
        skipBytes: z.int().meta({ description: 'To be dropped at the begin, after that' }),
        header: z.string().nullable().meta({ description: 'To be put there in their place' }),
      })
      .meta({ description: 'What has to be done to the file before a load of its table takes it' }),
    table: z.string(),
    primaryKey: evidenceSchema,
    references: z.array(evidenceSchema),
    fields: z.array(
      z.object({
        name: z.string(),
        heading: z.string().nullable().meta({ description: 'As the file has it' }),
        evidence: z.array(evidenceSchema).meta({ description: 'The type first, then the rules' }),
      }),
    ),
    preview: z
      .object({ rows: z.array(z.array(z.string().nullable())) })
      .meta({ description: 'The first rows as they would be cast' }),
  })
  .meta({ id: 'InferredFile' });

export const inferredSchema = z
  .object({
    descriptor: z
      .object({ name: z.string(), resources: z.array(z.record(z.string(), z.unknown())) })
      .meta({ description: 'A Data Package, as `POST /v1/tables` takes it' }),
    files: z.array(fileSchema),
    warnings: z.array(z.string()).meta({ description: 'What nothing decides, and what was not usual' }),
  })
  .meta({ id: 'Inferred' });
