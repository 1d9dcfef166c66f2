import { z } from 'zod';
import type { LoadView } from '../../src/loads/load-view.ts';
import type { RejectView } from '../../src/rejects/rejects.ts';
import { LOAD_MODES, type LoadMode, type LoadStatus } from '../../src/types.ts';
import { readAsSchema } from '../http/reading-parameters.ts';
import { count, instant, jobMembers, path, temporalLinkSchema } from '../http/schemas.ts';

/** Schemas of answers about loads, for the OpenAPI document. `satisfies` checks them against the ledger's types. */

export const loadModeSchema = z.enum(LOAD_MODES as [LoadMode, ...LoadMode[]]).meta({
  id: 'LoadMode',
  description:
    'append: add the rows; replace: the table holds exactly these rows afterwards; merge: by primary key; a field that the header leaves out stays as it is',
});

const STATUSES = [
  'accepted',
  'queued',
  'surveying',
  'loading',
  'checking',
  'publishing',
  'done',
  'failed',
  'cancelled',
] as const satisfies readonly LoadStatus[];

export const loadStatusSchema = z.enum(STATUSES).meta({ id: 'LoadStatus' });

const loadView = z.object({
  id: z.int().min(1),
  table: z.string(),
  mode: loadModeSchema,
  status: loadStatusSchema,
  paused: z.boolean(),
  queuedBehind: z.int().nullable().meta({ description: 'The load of this table that has to end first' }),
  source: z.object({
    kind: z.enum(['upload', 'inbox']),
    name: z.string(),
    key: z.string(),
    wrappings: z
      .array(z.string())
      .optional()
      .meta({
        description: 'What was taken off the file, from the outside to the inside',
        example: ['gzip'],
      }),
  }),
  sha256: z.string().nullable(),
  maxRejects: z.object({ kind: z.enum(['count', 'percent']), value: z.number().min(0) }).nullable(),
  readAs: readAsSchema.nullable().meta({
    description: 'How the file is read in place of what the dictionary says of the table; null: as it says',
  }),
  progress: z.object({
    bytes: count,
    bytesTotal: count.nullable(),
    chunks: count,
    chunksTotal: count.nullable(),
    rowsPerSecond: z.number().min(0).nullable(),
    secondsLeft: z.number().min(0).nullable(),
  }),
  rows: z.object({ read: count, loaded: count, rejected: count, unchanged: count, discarded: count }).meta({
    description:
      'At the end, read = loaded + rejected + unchanged + discarded. Only a merge leaves rows `unchanged`; ' +
      '`discarded` rows are good ones that are not in the table: all of a load that failed or was cancelled, and those ' +
      'that a trigger or a rule of the table kept out.',
  }),
  ...jobMembers,
  hint: z.string().optional().meta({
    description:
      'How the file seems to be written, and what reads it so: where it was read otherwise, and its header or many of its rows were refused',
  }),
  startedAt: instant.nullable(),
});
loadView satisfies z.ZodType<LoadView>;

export const loadSchema = loadView
  .extend({
    links: z.object({
      self: path,
      table: path,
      rejects: path,
      pause: path,
      resume: path,
      cancel: path,
      temporal: temporalLinkSchema,
    }),
  })
  .meta({ id: 'Load' });

export type LoadAnswer = z.infer<typeof loadSchema>;

export const startedLoadSchema = loadSchema
  .extend({
    existing: z.boolean().meta({ description: 'The same file was loaded before: this is that load' }),
    rulesChanged: z.boolean().optional().meta({
      description:
        'Of an existing load: the rules of the table have changed since; `force` loads by those of today',
    }),
    readOtherwise: z
      .boolean()
      .optional()
      .meta({
        description:
          'Of an existing load: it read the file with another dialect or encoding than is asked for now; `force` loads ' +
          'it as asked',
      }),
    hint: z.string().optional().meta({
      description: 'What to do about that; else how the file of the load seems to be written',
    }),
  })
  .meta({ id: 'StartedLoad' });

export const cellErrorSchema = z.object({
  code: z.enum([
    'type-error',
    'constraint-error',
    'unique-error',
    'primary-key',
    'foreign-key',
    'missing-cell',
    'extra-cell',
    'blank-row',
    'encoding-error',
    'quote-error',
  ]),
  field: z.string().nullable(),
  message: z.string(),
});

export const rejectSchema = z
  .object({
    line: z.int().min(1).meta({ description: 'Physical line of the file on which the record begins' }),
    cells: z.array(z.string()),
    errors: z.array(cellErrorSchema),
  })
  .meta({ id: 'Reject' });
rejectSchema satisfies z.ZodType<RejectView>;
