import type { InferKyselyDB } from '@mikro-orm/postgresql';
import { ArrivalEntity, ArrivalFileEntity } from './arrival-entities.ts';
import { BackupEntity, BackupOriginEntity, BackupPartEntity } from './backup-entities.ts';
import { BatchEntity, BatchGroupEntity, BatchRejectEntity, IdempotencyKeyEntity } from './batch-entities.ts';
import { DictionaryEntity, RemovedTableEntity } from './dictionary-entities.ts';
import { InstallationEntity, ProcessEntity } from './installation-entities.ts';
import { ApiKeyEntity, AuditEntity, PayloadKeyEntity, TokenKeyEntity } from './key-entities.ts';
import {
  LoadChunkEntity,
  LoadCountEntity,
  LoadEntity,
  LoadPastEntity,
  RejectEntity,
  RejectRestEntity,
} from './load-entities.ts';
import { ReportEntity } from './report-entities.ts';
import { RestoreEntity, RestorePartEntity, TableCopyEntity, TableGateEntity } from './restore-entities.ts';
import { ScheduleEntity } from './schedule-entities.ts';

/** Every table of the ledger. A test holds them against the migrated schema, column by column. */
export const ledgerEntities = [
  ApiKeyEntity,
  ArrivalEntity,
  ArrivalFileEntity,
  AuditEntity,
  BackupEntity,
  BackupOriginEntity,
  BackupPartEntity,
  BatchEntity,
  BatchGroupEntity,
  BatchRejectEntity,
  DictionaryEntity,
  IdempotencyKeyEntity,
  InstallationEntity,
  LoadChunkEntity,
  LoadCountEntity,
  LoadEntity,
  LoadPastEntity,
  PayloadKeyEntity,
  ProcessEntity,
  RejectEntity,
  RejectRestEntity,
  RemovedTableEntity,
  ReportEntity,
  RestoreEntity,
  RestorePartEntity,
  ScheduleEntity,
  TableCopyEntity,
  TableGateEntity,
  TokenKeyEntity,
];

/** The rows of the ledger's tables, by the names of PostgreSQL: what Kysely's queries are typed by. */
export type LedgerTables = InferKyselyDB<(typeof ledgerEntities)[number]>;
