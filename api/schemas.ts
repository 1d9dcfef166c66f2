import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../src/errors.ts';
import type { LoadView } from '../src/loads/load-view.ts';
import type { RejectView } from '../src/rejects/rejects.ts';
import { LOAD_MODES, type LoadMode, type LoadStatus } from '../src/types.ts';

/** What answers look like, for the OpenAPI document. Kept true to the types of the ledger by `satisfies`. */

const instant = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });
const path = z.string().meta({ format: 'uri-reference' });
const count = z.int().min(0);

export const loadModeSchema = z.enum(LOAD_MODES as [LoadMode, ...LoadMode[]]).meta({
  id: 'LoadMode',
  description:
    'append: add the rows; replace: the table holds exactly these rows afterwards; merge: by primary key; a field that the header leaves out stays as it is',
});

const STATUSES = [
  'accepted',
  'queued',
  'charting',
  'loading',
  'checking',
  'publishing',
  'done',
  'failed',
  'cancelled',
] as const satisfies readonly LoadStatus[];

export const loadStatusSchema = z.enum(STATUSES).meta({ id: 'LoadStatus' });

/** Of loads, backups and restores. */
export const noteSchema = z.string().nullable().meta({
  description:
    'What was done about it when ledger and Temporal did not agree, because one of them came back from an older copy',
});

export const loadErrorSchema = z.object({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  remedy: z.string(),
});

const loadView = z.object({
  id: z.int().min(1),
  table: z.string(),
  mode: loadModeSchema,
  status: loadStatusSchema,
  paused: z.boolean(),
  queuedBehind: z.int().nullable().meta({ description: 'The load of this table that has to end first' }),
  workflowId: z.string(),
  runId: z.string().nullable(),
  source: z.object({ kind: z.enum(['upload', 'inbox']), name: z.string(), key: z.string() }),
  sha256: z.string().nullable(),
  maxRejects: z.object({ kind: z.enum(['count', 'percent']), value: z.number().min(0) }).nullable(),
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
  error: loadErrorSchema.nullable(),
  waitingFor: loadErrorSchema.nullable().meta({
    description:
      'What a running load meets with and tries again until it passes, such as a full disk. Told by GET of one load.',
  }),
  note: noteSchema,
  createdAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
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
      temporal: z
        .string()
        .optional()
        .meta({ format: 'uri', description: 'The workflow in the Temporal Web UI' }),
    }),
  })
  .meta({ id: 'Load' });

export type LoadAnswer = z.infer<typeof loadSchema>;

export const startedLoadSchema = loadSchema
  .extend({
    existing: z.boolean().meta({ description: 'The same file was loaded before: this is that load' }),
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

export const nextSchema = path.nullable().meta({ description: 'The next page; null on the last one' });

/** A table as lists show it. */
export const tableSchema = z
  .object({
    name: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    rows: count,
    rowsExact: z.boolean().meta({ description: "false: PostgreSQL's estimate" }),
    bytes: count.meta({ description: 'On disk, indexes included' }),
    lastLoadId: z.int().nullable().meta({ description: 'The newest load that is done' }),
    primaryKey: z.array(z.string()),
    links: z.object({ self: path, rows: path, loads: path, lastLoad: path.optional() }),
  })
  .meta({ id: 'Table' });

/** A field as the Table Schema standard (v2) writes it. */
export const fieldDescriptorSchema = z
  .object({
    name: z.string(),
    type: z.string(),
    format: z.string().optional(),
    title: z.string().optional(),
    description: z.string().optional(),
    constraints: z.record(z.string(), z.unknown()).optional(),
    missingValues: z.array(z.string()).optional(),
  })
  .catchall(z.unknown())
  .meta({ id: 'Field' });

/** A resource of the dictionary as the Data Package standard (v2) writes it. */
export const resourceSchema = z
  .object({
    name: z.string(),
    type: z.literal('table'),
    title: z.string().optional(),
    description: z.string().optional(),
    encoding: z.string(),
    dialect: z.record(z.string(), z.unknown()),
    schema: z
      .object({ fields: z.array(fieldDescriptorSchema), fieldsMatch: z.string() })
      .catchall(z.unknown())
      .meta({ description: 'Table Schema v2' }),
  })
  .meta({ id: 'Resource' });

export const dictionarySchema = z
  .object({ name: z.string(), version: z.string(), resources: z.array(resourceSchema) })
  .meta({ id: 'Dictionary', description: 'A Data Package descriptor (v2)' });
