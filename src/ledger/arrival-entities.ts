import { defineEntity, p } from '@mikro-orm/postgresql';
import type {
  ArrivalAfter,
  ArrivalOrder,
  ArrivalSourceName,
  FileOutcome,
  FilePlan,
  FileState,
} from '../arrivals/arrival.ts';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import type { LoadMode, ReadAs } from '../types.ts';
import { number } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** Where files come in, and what is done with them. */
export const ArrivalEntity = defineEntity({
  name: 'Arrival',
  tableName: 'arrival',
  schema,
  properties: {
    id: p.text().primary(),
    source: p.text().$type<ArrivalSourceName>(),
    /** Folder of the source, with a slash at its end. */
    prefix: p.text(),
    /** Of paths below the prefix. */
    pattern: p.text(),
    /** null: the path says it, at `{table}` of the pattern. */
    tableName: p.text().nullable(),
    mode: p.text().$type<LoadMode>(),
    after: p.text().$type<ArrivalAfter>(),
    loadOrder: p.text().$type<ArrivalOrder>(),
    /** As requests write it; null: as configured. */
    maxRejects: p.text().nullable(),
    /** How its files are read in place of what the dictionary says; null: as it says. */
    dialect: p.json<ReadAs | null>().nullable(),
    everySeconds: p.integer(),
    stableSeconds: p.integer(),
    marker: p.text().nullable(),
    paused: p.boolean(),
    createdBy: p.text(),
    createdAt: p.datetime().defaultRaw('clock_timestamp()'),
    changedAt: p.datetime().defaultRaw('clock_timestamp()'),
    /** The end of the last look, whether or not it succeeded. */
    lookedAt: p.datetime().nullable(),
    lookCode: p.text().$type<ErrorCode>().nullable(),
    lookMessage: p.text().nullable(),
  },
});

/** A version of a file that an arrival has seen. */
export const ArrivalFileEntity = defineEntity({
  name: 'ArrivalFile',
  tableName: 'arrival_file',
  schema,
  properties: {
    id: p.integer().primary().autoincrement(),
    arrivalId: p.text(),
    source: p.text().$type<ArrivalSourceName>(),
    /** From the root of the source. */
    path: p.text(),
    version: p.text(),
    /** SHA-256 of source, path and version. */
    fileKey: p.text(),
    /** How often this very version was there before, and was cleared. */
    dropNo: p.integer(),
    bytes: number(),
    modifiedAt: p.datetime().nullable(),
    tableName: p.text().nullable(),
    state: p.text().$type<FileState>(),
    /** The arrival wants no marker, or the file's is there. */
    marked: p.boolean(),
    /** How the arrival was set when the file was taken. */
    plan: p.json<FilePlan | null>().nullable(),
    /** What it ends as, where there is no load that says so. */
    outcome: p.text().$type<FileOutcome>().nullable(),
    loadId: p.integer().nullable(),
    tries: p.integer().default(0),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    /** It is not where it was any more: it was moved or deleted. */
    cleared: p.boolean().default(false),
    /** Where it is now, or where it is about to be. */
    movedTo: p.text().nullable(),
    receipt: p.text().nullable(),
    seenAt: p.datetime(),
    /** When a look saw it last while it waited. */
    confirmedAt: p.datetime(),
    startedAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
  },
});
