import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type {
  CellError,
  Chunk,
  LoadMode,
  LoadStatus,
  MaxRejects,
  ReadAs,
  RejectCode,
  Table,
} from '../types.ts';
import { bytea, number } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** One arrival of rows. The row is made before its workflow and outlives Temporal's retention. */
export const LoadEntity = defineEntity({
  name: 'Load',
  tableName: 'load',
  schema,
  properties: {
    id: p.integer().primary().autoincrement(),
    /** Of this row and no other, also when a ledger that was brought back gives the number again. */
    uid: p.uuid().defaultRaw('gen_random_uuid()'),
    tableName: p.text(),
    mode: p.text().$type<LoadMode>(),
    status: p.text().$type<LoadStatus>(),
    paused: p.boolean().default(false),
    /** false: its workflow may not know `paused` yet. */
    pauseTold: p.boolean().default(true),
    workflowId: p.text().unique(),
    runId: p.text().nullable(),
    sourceKind: p.text().$type<'upload' | 'inbox'>(),
    sourceName: p.text(),
    sourceKey: p.text(),
    /** What the storage said of the file when it was surveyed; a difference later means that it changed. */
    sourceStamp: p.text().nullable(),
    /** What was taken off the file, from the outside to the inside; null: nothing. */
    wrappings: p.json<readonly string[] | null>().nullable(),
    /** Where the text of a wrapped file of the inbox is while the load runs. */
    plainKey: p.text().nullable(),
    bytes: number().nullable(),
    sha256: p.text().nullable(),
    header: p.json<readonly string[] | null>().nullable(),
    chunks: p.json<readonly Chunk[] | null>().nullable().lazy(),
    chunkCount: p.integer().nullable(),
    /** The table as the dictionary described it when the load began, and as `readAs` has it: every chunk obeys the same rules. */
    definition: p.json<Table>().lazy(),
    /** In place of what the dictionary said of how files are read; null: nothing. */
    readAs: p.json<ReadAs | null>().nullable(),
    dictionaryVersion: p.text(),
    /** The version of the dictionary in which the table came; null: the first, that of before there were any. */
    tableSince: p.integer().nullable(),
    maxRejects: p.json<MaxRejects | null>().nullable(),
    forced: p.boolean().default(false),
    rowsRead: number().default(0),
    rowsLoaded: number().default(0),
    rowsRejected: number().default(0),
    rowsUnchanged: number().default(0),
    /** Rows that PostgreSQL took and that a trigger or a rule of the table kept out. */
    rowsDiscarded: number().default(0),
    /** Rejected rows that are counted and not kept, beside those of the chunks. */
    rejectsDropped: number().default(0),
    publishedBy: p.text().nullable(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    /** How the file seems to be written, where it was read otherwise and much of it was refused. */
    hint: p.text().nullable(),
    /** What the reconciliation of ledger and Temporal did about it. */
    note: p.text().nullable(),
    startedBy: p.text(),
    createdAt: p.datetime().defaultRaw('now()'),
    startedAt: p.datetime().nullable(),
    finishedAt: p.datetime().nullable(),
    /** It has ended, and `load_count` has it. */
    counted: p.boolean().default(false),
  },
});

/** A chunk whose rows are staged: written first in that transaction, so that no retry writes them twice. */
export const LoadChunkEntity = defineEntity({
  name: 'LoadChunk',
  tableName: 'load_chunk',
  schema,
  properties: {
    loadId: p.integer().primary(),
    chunkNo: p.integer().primary(),
    bytes: number(),
    rowsRead: number().default(0),
    rowsGood: number().default(0),
    rowsRejected: number().default(0),
    rejectsDropped: number().default(0),
    doneAt: p.datetime().defaultRaw('clock_timestamp()'),
  },
});

export const RejectEntity = defineEntity({
  name: 'Reject',
  tableName: 'reject',
  schema,
  properties: {
    loadId: p.integer().primary(),
    line: p.bigint('string').primary(),
    /** The record as the file has it; null until it is read again for a reject that a check of the stage found. */
    record: bytea().nullable().lazy(),
    errors: p.json<readonly CellError[]>(),
  },
});

/** How often a rule was broken in rejects that are not kept. */
export const RejectRestEntity = defineEntity({
  name: 'RejectRest',
  tableName: 'reject_rest',
  schema,
  properties: {
    loadId: p.integer().primary(),
    code: p.text().$type<RejectCode>().primary(),
    /** Empty: the row as a whole. */
    field: p.text().primary().default(''),
    errors: number(),
  },
});

const totals = {
  tableName: p.text().primary(),
  status: p.text().$type<LoadStatus>().primary(),
  loads: number(),
  rowsLoaded: number(),
  rowsRejected: number(),
  rowsUnchanged: number(),
  rowsDiscarded: number(),
};

/** What deleted loads still count for. */
export const LoadPastEntity = defineEntity({
  name: 'LoadPast',
  tableName: 'load_past',
  schema,
  properties: totals,
});

/** Sums of the loads with `counted`, so that nobody has to read them to count them. */
export const LoadCountEntity = defineEntity({
  name: 'LoadCount',
  tableName: 'load_count',
  schema,
  properties: totals,
});
