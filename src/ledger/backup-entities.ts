import { defineEntity, p } from '@mikro-orm/postgresql';
import type { Codec } from '../avro/codec.ts';
import type { BackupPurpose, BackupStatus, Manifest, Part, Verification } from '../backups/backup.ts';
import type { Doubt } from '../backups/doubts.ts';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type { Table } from '../types.ts';
import { number, texts } from './columns.ts';

const schema = LEDGER_SCHEMA;

export const BackupEntity = defineEntity({
  name: 'Backup',
  tableName: 'backup',
  schema,
  properties: {
    id: p.text().primary(),
    purpose: p.text().$type<BackupPurpose>(),
    scheduleId: p.text().nullable(),
    tables: texts(),
    status: p.text().$type<BackupStatus>(),
    pinned: p.boolean().default(false),
    codec: p.text().$type<Codec>(),
    encrypted: p.boolean(),
    /** Of the backup key that it is made with; null: with none. */
    keyId: p.text().nullable(),
    workflowId: p.text().unique(),
    runId: p.text().nullable(),
    dictionaryName: p.text(),
    dictionaryVersion: p.text(),
    /** The tables as the dictionary described them, in the order in which references allow them to be restored. */
    definitions: p.json<readonly Table[]>().lazy(),
    /** Counts the snapshots that were taken: the parts of another attempt do not count. */
    attempt: p.integer().default(0),
    snapshotAt: p.datetime().nullable(),
    /** The newest load of each table by the snapshot. */
    lastLoads: p.json<Readonly<Record<string, number>> | null>().nullable(),
    partsTotal: p.integer().nullable(),
    manifest: p.json<Manifest | null>().nullable().lazy(),
    manifestSha256: p.text().nullable(),
    rows: number().nullable(),
    bytes: number().nullable(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    verifiedAt: p.datetime().nullable(),
    verification: p.json<Verification | null>().nullable(),
    /** What the reconciliation of ledger and Temporal did about it. */
    note: p.text().nullable(),
    /** Reasons why an unverified backup is not trusted. */
    unverified: p.json<readonly Doubt[] | null>().nullable(),
    /** The ledger knows it from the storage only. */
    found: p.boolean().default(false),
    /** When the files of a deleted one were gone from the storage. */
    clearedAt: p.datetime().nullable(),
    /** What it leaves out although the tables have it, in words. */
    warnings: p.json<readonly string[] | null>().nullable(),
    startedBy: p.text(),
    createdAt: p.datetime().defaultRaw('now()'),
    finishedAt: p.datetime().nullable(),
    deletedAt: p.datetime().nullable(),
  },
});

/** A file of a backup that is being made. */
export const BackupPartEntity = defineEntity({
  name: 'BackupPart',
  tableName: 'backup_part',
  schema,
  properties: {
    backupId: p.text().primary(),
    attempt: p.integer().primary(),
    tableName: p.text().primary(),
    partNo: p.integer().primary(),
    part: p.json<Part>(),
  },
});

/** The ledger's own ID, which its manifests carry: one row, 128 random bits that nobody chooses. */
export const BackupOriginEntity = defineEntity({
  name: 'BackupOrigin',
  tableName: 'backup_origin',
  schema,
  properties: { id: p.uuid().primary() },
});
