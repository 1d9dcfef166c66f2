import { z } from 'zod';
import type { RestoreKind, RestoreStatus, RestoreView } from '../../src/restores/restore.ts';
import { count, instant, jobMembers, path, temporalLinkSchema } from '../http/schemas.ts';

/** What answers about restores look like, for the OpenAPI document. Kept true to the ledger's types by `satisfies`. */

const STATUSES = [
  'accepted',
  'waiting',
  'saving',
  'staging',
  'publishing',
  'comparing',
  'done',
  'failed',
  'cancelled',
] as const satisfies readonly RestoreStatus[];
const KINDS = ['restore', 'dry-run', 'drill'] as const satisfies readonly RestoreKind[];

export const restoreStatusSchema = z.enum(STATUSES).meta({
  id: 'RestoreStatus',
  description: 'waiting: for another restore or for writers of the table; saving: the safety backup',
});
export const restoreKindSchema = z.enum(KINDS).meta({
  id: 'RestoreKind',
  description: 'dry-run: says what a restore would change; drill: proves a backup good',
});

export const changeSchema = z
  .object({
    table: z.string(),
    rowsNow: count,
    rowsInBackup: count,
    added: count.nullable().meta({ description: 'null: not counted, without `compare`' }),
    removed: count.nullable().meta({ description: 'null: not counted, without `compare`' }),
    changed: count.nullable().meta({ description: 'null: not counted, or the table has no primary key' }),
    broken: z.array(z.string()).meta({ description: 'Of a dry run: references that would break' }),
    notFound: z
      .array(z.array(z.string()))
      .optional()
      .meta({ description: 'Of single rows: keys that are neither in the backup nor in the table' }),
  })
  .meta({ id: 'TableChange', description: 'What a restore changes, or would change' });

const skippedSchema = z
  .object({ backupId: z.string(), snapshotAt: instant.nullable(), why: z.string(), strange: z.boolean() })
  .meta({ id: 'Skipped', description: 'strange: this ledger has never believed it' });

const restoreView = z.object({
  id: z.int(),
  kind: restoreKindSchema,
  backupId: z.string(),
  snapshotAt: instant.nullable().meta({ description: 'The moment that the tables go back to' }),
  snapshotAgeSeconds: z
    .number()
    .nullable()
    .meta({ description: 'How long before the restore was asked for' }),
  skipped: z.array(skippedSchema).meta({ description: 'Of `latest`: newer backups that were passed over' }),
  tables: z.array(z.string()),
  target: z.object({
    as: z.string().nullable(),
    keys: z.array(z.array(z.string())).nullable(),
    safety: z.boolean(),
    compare: z.boolean().optional(),
    acceptBrokenRows: z.boolean().optional(),
    acceptUnverified: z.boolean().optional().meta({ description: 'The backup was unverified, and accepted' }),
  }),
  status: restoreStatusSchema,
  safetyBackupId: z.string().nullable().meta({ description: 'Restoring this one undoes the restore' }),
  progress: z.object({ parts: count, partsTotal: count, rows: count, rowsTotal: count }),
  changes: z.array(changeSchema),
  ...jobMembers,
});
restoreView satisfies z.ZodType<RestoreView>;

export const restoreSchema = restoreView
  .extend({
    links: z.object({
      self: path,
      backup: path,
      safetyBackup: path.optional(),
      cancel: path,
      temporal: temporalLinkSchema,
    }),
  })
  .meta({ id: 'Restore' });

export type RestoreAnswer = z.infer<typeof restoreSchema>;
