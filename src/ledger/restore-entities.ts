import { defineEntity, p } from '@mikro-orm/postgresql';
import type { Skipped } from '../backups/skipped.ts';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type { RestoreKind, RestoreStatus, RestoreTarget, TableChange } from '../restores/restore.ts';
import type { Table } from '../types.ts';
import { number, texts } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** A restore, a dry run of one, or a drill. */
export const RestoreEntity = defineEntity({
  name: 'Restore',
  tableName: 'restore',
  schema,
  properties: {
    id: p.integer().primary().autoincrement(),
    /** Of this row and no other, also when a ledger that was brought back gives the number again. */
    uid: p.uuid().defaultRaw('gen_random_uuid()'),
    kind: p.text().$type<RestoreKind>(),
    backupId: p.text(),
    tables: texts(),
    target: p.json<RestoreTarget>(),
    /** The definitions by which tables are restored: those of the dictionary when it was requested. */
    definitions: p.json<readonly Table[] | null>().nullable().lazy(),
    status: p.text().$type<RestoreStatus>(),
    safetyBackupId: p.text().nullable(),
    workflowId: p.text().unique(),
    runId: p.text().nullable(),
    result: p.json<readonly TableChange[] | null>().nullable(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    /** What the reconciliation of ledger and Temporal did about it. */
    note: p.text().nullable(),
    /** Newer backups that were skipped when `latest` was requested. */
    skipped: p.json<readonly Skipped[] | null>().nullable(),
    /** The dictionary's tables when a drill was requested, which it checks the backup against. */
    today: p.json<readonly Table[] | null>().nullable().lazy(),
    /** To be staged. Null: it was requested by a process of an earlier version. */
    partsTotal: p.integer().nullable(),
    rowsTotal: number().nullable(),
    startedBy: p.text(),
    createdAt: p.datetime().defaultRaw('now()'),
    finishedAt: p.datetime().nullable(),
    /** Until then a dry run's stages stay. */
    keepUntil: p.datetime().nullable(),
  },
});

/** A part of a backup that is staged. */
export const RestorePartEntity = defineEntity({
  name: 'RestorePart',
  tableName: 'restore_part',
  schema,
  properties: {
    restoreId: p.integer().primary(),
    tableName: p.text().primary(),
    partNo: p.integer().primary(),
    rows: number(),
    bytes: number(),
  },
});

/** A table that a restore keeps closed to writers. */
export const TableGateEntity = defineEntity({
  name: 'TableGate',
  tableName: 'table_gate',
  schema,
  properties: { tableName: p.text().primary(), restoreId: p.integer() },
});

/** A table that a restore made under another name. */
export const TableCopyEntity = defineEntity({
  name: 'TableCopy',
  tableName: 'table_copy',
  schema,
  properties: {
    name: p.text().primary(),
    tableName: p.text(),
    backupId: p.text(),
    restoreId: p.integer(),
    rows: number(),
    madeBy: p.text(),
    createdAt: p.datetime().defaultRaw('clock_timestamp()'),
  },
});
