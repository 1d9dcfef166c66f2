import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { DictionaryBase, DictionaryChange } from '../dictionary/dictionary-kinds.ts';
import type { MovedRelation, RemovedLink } from '../tables/removed-table.ts';
import { number, texts } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** A version of the dictionary; the newest one holds. */
export const DictionaryEntity = defineEntity({
  name: 'Dictionary',
  tableName: 'dictionary',
  schema,
  properties: {
    no: p.integer().primary().autoincrement(false),
    name: p.text(),
    /** As the API shows it. */
    version: p.text(),
    /** JSON of the Data Package descriptor. */
    descriptor: p.text(),
    /** SHA-256, hex, of the descriptor, whatever the order of its members. */
    hash: p.text(),
    /** What a start applied last: a file, or the sample. */
    base: p.text().$type<DictionaryBase>(),
    baseHash: p.text(),
    /** Hashes of its resources by name. */
    baseTables: p.json<Readonly<Record<string, string>>>(),
    /** By table, the version in which it came into the dictionary. */
    since: p.json<Readonly<Record<string, number>>>(),
    change: p.text().$type<DictionaryChange>(),
    /** Tables that came or left. */
    tables: texts(),
    /** ID of the API key, or `start`. */
    changedBy: p.text(),
    createdAt: p.datetime().defaultRaw('clock_timestamp()'),
  },
});

/** A table that was removed: kept aside until it is dropped, or brought back. */
export const RemovedTableEntity = defineEntity({
  name: 'RemovedTable',
  tableName: 'removed_table',
  schema,
  properties: {
    id: p.integer().primary().autoincrement(),
    tableName: p.text(),
    /** JSON of its resource. */
    resource: p.text(),
    /** The version of the dictionary in which it came. */
    since: p.integer(),
    rows: number(),
    bytes: number(),
    /** What its relations were called, by what they are called now. */
    relations: p.json<readonly MovedRelation[]>(),
    /** Its references to other tables. */
    links: p.json<readonly RemovedLink[]>(),
    removedBy: p.text(),
    removedAt: p.datetime().defaultRaw('clock_timestamp()'),
    dropAt: p.datetime(),
    broughtBackAt: p.datetime().nullable(),
    droppedAt: p.datetime().nullable(),
  },
});
