import { z } from 'zod';
import { CODECS } from '../../src/avro/codec.ts';
import type { BackupStatus, BackupSummary, BackupView } from '../../src/backups/backup.ts';
import { DOUBTS, type DoubtReason } from '../../src/backups/doubts.ts';
import { count, instant, jobMembers, path, temporalLinkSchema } from '../http/schemas.ts';

/** Schemas of answers about backups, for the OpenAPI document. `satisfies` checks them against the ledger's types. */

const STATUSES = [
  'running',
  'done',
  'failed',
  'cancelled',
  'deleted',
  'unverified',
] as const satisfies readonly BackupStatus[];

export const codecSchema = z.enum(CODECS).meta({
  id: 'Codec',
  description: "How the blocks of a part are compressed, by Avro's names",
});
export const backupStatusSchema = z.enum(STATUSES).meta({
  id: 'BackupStatus',
  description:
    'unverified: it is in the storage, and not believed; restored only by its ID with `acceptUnverified`',
});
export const backupPurposeSchema = z.enum(['manual', 'schedule', 'safety']).meta({
  id: 'BackupPurpose',
  description: 'safety: taken before a restore, of what it replaces',
});

const partSchema = z
  .object({
    name: z.string().meta({ description: 'Of the file' }),
    rows: count,
    bytes: count.meta({ description: 'As stored' }),
    sha256: z.string().meta({ description: 'Of the file as it is stored, hex' }),
    checksum: z.string().meta({ description: 'Of its rows, in any order' }),
  })
  .meta({ id: 'Part', description: 'One Avro object container file' });

const verificationSchema = z
  .object({
    ok: z.boolean(),
    at: instant,
    seconds: z.number().min(0),
    restoreId: z.int(),
    tables: z.array(z.object({ table: z.string(), rows: count, checksum: z.string(), matches: z.boolean() })),
    faults: z.array(z.string()),
    misfits: z
      .array(z.string())
      .optional()
      .meta({ description: 'Why the dictionary of that moment would refuse to restore it; empty: it fits' }),
    warnings: z.array(z.string()).optional().meta({ description: 'What no backup holds' }),
  })
  .meta({ id: 'Verification', description: 'What the last drill found' });

const doubtSchema = z
  .object({ reason: z.enum(Object.keys(DOUBTS) as [DoubtReason, ...DoubtReason[]]), detail: z.string() })
  .meta({ id: 'Doubt', description: 'Why a backup in the storage is not believed' });

/** Of a path with `{id}`. */
export const backupParams = z.strictObject({
  id: z.string().max(64).meta({ description: "A backup's ID", example: '20261121T112233Z-3f9a2c' }),
});

const backupView = z.object({
  id: z.string().meta({ example: '20261121T112233Z-3f9a2c' }),
  purpose: backupPurposeSchema,
  scheduleId: z.string().nullable(),
  status: backupStatusSchema,
  pinned: z.boolean().meta({ description: 'Nothing deletes it until it is unpinned' }),
  codec: codecSchema,
  encrypted: z.boolean(),
  keyId: z.string().nullable().meta({ description: 'The backup key that it was made with; null: with none' }),
  dictionaryVersion: z.string(),
  snapshotAt: instant.nullable().meta({ description: 'Every table is as it was at this moment' }),
  tables: z.array(
    z.object({
      table: z.string(),
      rows: count.nullable().meta({ description: 'null until the backup is done' }),
      parts: z.array(partSchema),
    }),
  ),
  parts: count.meta({ description: 'Parts that are stored' }),
  partsTotal: count.nullable().meta({ description: 'null until the snapshot is taken' }),
  rows: count.nullable(),
  bytes: count.nullable().meta({ description: 'As stored' }),
  ...jobMembers,
  unverified: z
    .array(doubtSchema)
    .nullable()
    .meta({ description: 'Of an unverified one: why it is not believed' }),
  warnings: z
    .array(z.string())
    .meta({ description: 'What it leaves out: columns and tables that the dictionary does not have' }),
  lastVerifiedAt: instant.nullable().meta({ description: 'When a drill last proved the backup good' }),
  verification: verificationSchema.nullable(),
});
backupView satisfies z.ZodType<BackupView>;

const links = z.object({
  self: path,
  manifest: path,
  pin: path,
  unpin: path,
  cancel: path,
  temporal: temporalLinkSchema,
});

export const backupSchema = backupView.extend({ links }).meta({ id: 'Backup' });

const backupSummary = backupView.extend({
  tables: z
    .array(z.object({ table: z.string() }))
    .meta({ description: 'The first 20; GET of the backup has all, with their parts' }),
  tablesTotal: count.meta({ description: 'Number of all tables' }),
  verification: verificationSchema
    .omit({ tables: true })
    .meta({ id: 'VerificationSummary', description: 'What the last drill found; at most 20 faults' })
    .nullable(),
});
backupSummary satisfies z.ZodType<BackupSummary>;

/** As lists show it: of the same size whatever it holds. */
export const backupSummarySchema = backupSummary.extend({ links }).meta({ id: 'BackupSummary' });
export type BackupSummaryAnswer = z.infer<typeof backupSummarySchema>;

export type BackupAnswer = z.infer<typeof backupSchema>;
