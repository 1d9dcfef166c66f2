import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { Scope } from '../keys/scope.ts';
import { bytea, texts } from './columns.ts';

const schema = LEDGER_SCHEMA;

/** An API key. The secret itself is nowhere but with its owner. */
export const ApiKeyEntity = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  schema,
  properties: {
    id: p.text().primary(),
    secretHash: bytea().lazy(),
    scopes: texts<Scope>(),
    /** null: every table. */
    tables: texts().nullable(),
    name: p.text(),
    createdAt: p.datetime().defaultRaw('now()'),
    lastUsedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    ratePerSecond: p.integer().nullable(),
    burst: p.integer().nullable(),
    createdBy: p.text().nullable(),
  },
});

/** A key that signs tokens for a day. */
export const TokenKeyEntity = defineEntity({
  name: 'TokenKey',
  tableName: 'token_key',
  schema,
  properties: {
    id: p.text().primary(),
    period: p.integer().unique(),
    secret: bytea().lazy(),
    createdAt: p.datetime().defaultRaw('now()'),
  },
});

/** A line of the audit log. */
export const AuditEntity = defineEntity({
  name: 'Audit',
  tableName: 'audit',
  schema,
  properties: {
    id: p.uuid().primary(),
    at: p.datetime(),
    keyId: p.text(),
    keyName: p.text(),
    action: p.text(),
    target: p.text().nullable(),
    tableName: p.text().nullable(),
    status: p.integer(),
    requestId: p.text(),
  },
});

/** A key that the API has sealed payloads with, by ID. */
export const PayloadKeyEntity = defineEntity({
  name: 'PayloadKey',
  tableName: 'payload_key',
  schema,
  properties: {
    id: p.text().primary(),
    firstUsedAt: p.datetime().defaultRaw('now()'),
    /** When an API last started with it; null: before this was noted. */
    notedAt: p.datetime().nullable(),
    seals: p.boolean().default(false),
  },
});
