import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ErrorCode } from '../errors.ts';
import { number, texts } from './columns.ts';

/** A report's view: when it was refreshed, and what it includes. */
export const ReportEntity = defineEntity({
  name: 'Report',
  tableName: 'report',
  schema: LEDGER_SCHEMA,
  properties: {
    name: p.text().primary(),
    /** Of the SQL that its view was built of. */
    hash: p.text(),
    tables: texts(),
    /** Counts its refreshes. */
    version: p.integer().default(0),
    asOf: p.datetime().nullable(),
    seconds: number().nullable(),
    rows: number().nullable(),
    includesLoad: p.integer().nullable(),
    includesGroup: p.bigint('string').nullable(),
    includesRestore: p.integer().nullable(),
    /** How many loads, restores and groups of its tables were done when it was refreshed. */
    seenLoads: p.integer().default(0),
    seenRestores: p.integer().default(0),
    seenGroups: p.integer().default(0),
    topGroup: p.bigint('string').default('0'),
    /** How much was ever written to its tables: `[name, oid, relfilenode, rows]` each. */
    counters: p.json<readonly (readonly [string, number, number, number])[] | null>().nullable(),
    errorCode: p.text().$type<ErrorCode>().nullable(),
    errorMessage: p.text().nullable(),
    failedAt: p.datetime().nullable(),
  },
});
