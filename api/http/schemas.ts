import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';

/** Pieces of answers' schemas that several resources share. */

export const instant = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });
export const path = z.string().meta({ format: 'uri-reference' });
export const count = z.int().min(0);

export const jobErrorSchema = z.object({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  remedy: z.string(),
});

/** Members that loads, backups and restores have in common; see `JobView`. */
export const jobMembers = {
  workflowId: z.string(),
  runId: z.string().nullable().meta({ description: 'null: its workflow has not been seen to run yet' }),
  error: jobErrorSchema.nullable().meta({ description: 'Why it failed' }),
  waitingFor: jobErrorSchema.nullable().meta({
    description:
      'The error that it is retrying on until it passes, such as a full disk; told by GET of one that runs, null in lists',
  }),
  note: z.string().nullable().meta({
    description:
      'What was done about it when ledger and Temporal did not agree, because one of them came back from an older copy',
  }),
  startedBy: z.string().meta({ description: 'ID of the key that asked for it, or the name of what did' }),
  createdAt: instant,
  finishedAt: instant.nullable(),
};

export const temporalLinkSchema = z
  .string()
  .optional()
  .meta({ format: 'uri', description: 'In the Temporal Web UI' });

export const nextSchema = path.nullable().meta({ description: 'The next page; null on the last one' });
