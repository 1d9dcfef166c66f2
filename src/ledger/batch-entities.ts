import { defineEntity, p } from '@mikro-orm/postgresql';
import type { BatchMode } from '../batches/batch.ts';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type { CellError } from '../types.ts';
import { bytea } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** Batches that one workflow commits. Its IDs begin where those of loads end. */
export const BatchGroupEntity = defineEntity({
  name: 'BatchGroup',
  tableName: 'batch_group',
  schema,
  properties: {
    id: p.bigint('string').primary().defaultRaw(`nextval('longshore.batch_group_id'::regclass)`),
    workflowId: p.text().unique(),
    runId: p.text().nullable(),
    tableName: p.text(),
    mode: p.text().$type<BatchMode>(),
    committedAt: p.datetime().defaultRaw('clock_timestamp()'),
  },
});

/** 1 to 1000 posted rows. Columns are null where a batch was lost before it was read. */
export const BatchEntity = defineEntity({
  name: 'Batch',
  tableName: 'batch',
  schema,
  properties: {
    id: p.text().primary(),
    groupId: p.bigint('string'),
    tableName: p.text(),
    mode: p.text().$type<BatchMode>(),
    strict: p.boolean(),
    status: p.text().$type<'done' | 'failed'>(),
    /** Of its rows in the group, from which `_line` counts. */
    firstLine: p.integer(),
    rowsSent: p.integer().nullable(),
    rowsAccepted: p.integer(),
    rowsRejected: p.integer(),
    rowsDiscarded: p.integer(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    sentBy: p.text().nullable(),
    receivedAt: p.datetime().nullable(),
    /** JSON text of an array; null where the cells have the order of the table's fields. */
    header: p.text().nullable(),
  },
});

export const BatchRejectEntity = defineEntity({
  name: 'BatchReject',
  tableName: 'batch_reject',
  schema,
  properties: {
    batchId: p.text().primary(),
    /** Of the row in its batch, from 0. */
    index: p.integer().primary(),
    /** JSON text. */
    rowSent: p.text(),
    errors: p.json<readonly CellError[]>(),
  },
});

export const IdempotencyKeyEntity = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_key',
  schema,
  properties: {
    keyId: p.text().primary(),
    key: p.text().primary(),
    /** SHA-256 of everything that decides the outcome. */
    fingerprint: bytea(),
    batchId: p.text(),
    expiresAt: p.datetime(),
  },
});
