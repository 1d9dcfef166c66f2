import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type { Chunk, LoadMode, LoadStatus, MaxRejects, Table } from '../types.ts';

const schema = LEDGER_SCHEMA;

/** One arrival of rows. The row is made before its workflow and outlives Temporal's retention. */
export const LoadEntity = defineEntity({
  name: 'Load',
  tableName: 'load',
  schema,
  properties: {
    id: p.integer().primary().autoincrement(),
    /** Of this row and no other, also when a ledger that was brought back gives the number again. */
    uid: p.uuid(),
    tableName: p.text(),
    mode: p.text().$type<LoadMode>(),
    status: p.text().$type<LoadStatus>(),
    paused: p.boolean(),
    /** false: its workflow may not have heard of `paused`. */
    pauseTold: p.boolean().default(true),
    workflowId: p.text().unique(),
    runId: p.text().nullable(),
    sourceKind: p.text().$type<'upload' | 'inbox'>(),
    sourceName: p.text(),
    sourceKey: p.text(),
    /** What the storage said of the file when it was charted; a difference later means that it changed. */
    sourceStamp: p.text().nullable(),
    bytes: p.double().nullable(),
    sha256: p.text().nullable(),
    header: p.json<readonly string[] | null>().nullable(),
    chunks: p.json<readonly Chunk[] | null>().nullable().lazy(),
    chunkCount: p.integer().nullable(),
    /** The table as the dictionary described it when the load began: every chunk obeys the same rules. */
    definition: p.json<Table>().lazy(),
    dictionaryVersion: p.text(),
    maxRejects: p.json<MaxRejects | null>().nullable(),
    forced: p.boolean(),
    rowsRead: p.double(),
    rowsLoaded: p.double(),
    rowsRejected: p.double(),
    rowsUnchanged: p.double(),
    rowsDiscarded: p.double(),
    publishedBy: p.text().nullable(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    note: p.text().nullable(),
    startedBy: p.text(),
    createdAt: p.datetime(),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
  },
});

export const ledgerEntities = [LoadEntity];
