import { z } from 'zod';
import type { BatchMode, BatchView } from '../../src/batches/batch.ts';
import { count, instant, jobErrorSchema, path, temporalLinkSchema } from '../http/schemas.ts';
import { cellErrorSchema } from '../loads/load-schemas.ts';

/** Schemas of answers about batches, for the OpenAPI document. */

export const batchModeSchema = z.enum(['append', 'merge'] satisfies BatchMode[]).meta({
  id: 'BatchMode',
  description:
    'append: add the rows; merge: by primary key, of rows with one key the last sent wins, and a field that a row leaves out stays as it is',
});

const batchView = z.object({
  id: z.string(),
  table: z.string(),
  mode: batchModeSchema,
  strict: z.boolean().meta({ description: 'All rows or none' }),
  status: z.enum(['running', 'done', 'failed']),
  workflowId: z.string(),
  runId: z.string().nullable(),
  loadId: z.int().nullable().meta({ description: '`_load_id` of its rows' }),
  firstLine: z.int().nullable().meta({ description: '`_line` of its row with index 0' }),
  rows: z
    .object({ sent: count.nullable(), accepted: count, rejected: count, discarded: count })
    .meta({ description: 'At the end, sent = accepted + rejected + discarded' }),
  error: jobErrorSchema.nullable(),
  receivedAt: instant.nullable(),
  committedAt: instant.nullable(),
});
batchView satisfies z.ZodType<BatchView>;

/** A batch without its rejects. */
export const batchSchema = batchView
  .extend({
    accepted: count.meta({ description: 'Rows that went in' }),
    links: z.object({
      self: path,
      table: path,
      rejects: path,
      temporal: temporalLinkSchema,
    }),
  })
  .meta({ id: 'Batch' });

export type BatchAnswer = z.infer<typeof batchSchema>;

export const batchRejectSchema = z
  .object({
    index: count.meta({ description: 'Of the row in its batch, from 0' }),
    row: z.unknown().meta({ description: 'The row as it was sent; from CSV an array of cells' }),
    errors: z.array(cellErrorSchema),
  })
  .meta({ id: 'BatchReject' });

export const endedBatchSchema = batchSchema
  .extend({
    rejected: z.array(batchRejectSchema),
    hint: z.string().optional().meta({
      description: 'How a CSV seems to be written of which many rows were rejected, and what reads it so',
    }),
  })
  .meta({ id: 'EndedBatch' });

export const minimalBatchSchema = batchView
  .pick({ id: true, status: true, workflowId: true, runId: true, rows: true })
  .meta({ id: 'MinimalBatch' });
