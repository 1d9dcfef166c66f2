import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';

const schema = LEDGER_SCHEMA;

/** Which installation the ledger is of: one row. */
export const InstallationEntity = defineEntity({
  name: 'Installation',
  tableName: 'installation',
  schema,
  properties: {
    id: p.text().primary(),
    /** Workflows that began before there were IDs may still be under way, in the queues of that time. */
    takesOver: p.boolean(),
    createdAt: p.datetime().defaultRaw('now()'),
  },
});

/** A process that works for the installation. */
export const ProcessEntity = defineEntity({
  name: 'Process',
  tableName: 'process',
  schema,
  properties: {
    token: p.text().primary(),
    name: p.text(),
    host: p.text(),
    pid: p.integer(),
    /** Hash of the dictionary's file that it was started with; null: none. */
    dictionaryHash: p.text().nullable(),
    startedAt: p.datetime().defaultRaw('clock_timestamp()'),
    seenAt: p.datetime().defaultRaw('clock_timestamp()'),
  },
});
