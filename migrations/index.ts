import { Ledger20261121 } from './20261121-ledger.ts';
import { Batches20261122 } from './20261122-batches.ts';
import { Backups20261123 } from './20261123-backups.ts';
import { BatchHeader20261124 } from './20261124-batch-header.ts';
import { Reports20261124 } from './20261124-reports.ts';
import { BackupKeys20261126 } from './20261126-backup-keys.ts';
import { BackupTrust20261126 } from './20261126-backup-trust.ts';
import { BoundedRejects20261126 } from './20261126-bounded-rejects.ts';
import { Copies20261126 } from './20261126-copies.ts';
import { DiscardedRows20261126 } from './20261126-discarded-rows.ts';
import { Installation20261126 } from './20261126-installation.ts';
import { LargeLedgers20261126 } from './20261126-large-ledgers.ts';
import { LedgerAges20261126 } from './20261126-ledger-ages.ts';
import { NotedPayloadKeys20261126 } from './20261126-noted-payload-keys.ts';
import { PayloadKey20261126 } from './20261126-payload-key.ts';
import { Recovery20261126 } from './20261126-recovery.ts';
import { RestoreAnswers20261126 } from './20261126-restore-answers.ts';
import { Schedules20261126 } from './20261126-schedules.ts';
import { Surveys20261126 } from './20261126-surveys.ts';
import { Dictionary20261127 } from './20261127-dictionary.ts';
import { RemovedTables20261127 } from './20261127-removed-tables.ts';
import { RestoreTotals20261127 } from './20261127-restore-totals.ts';

/** In order. A landed migration is never edited: add another. */
export const migrations = [
  { name: '20261121-ledger', class: Ledger20261121 },
  { name: '20261122-batches', class: Batches20261122 },
  { name: '20261123-backups', class: Backups20261123 },
  { name: '20261124-reports', class: Reports20261124 },
  { name: '20261124-batch-header', class: BatchHeader20261124 },
  { name: '20261126-backup-keys', class: BackupKeys20261126 },
  { name: '20261126-discarded-rows', class: DiscardedRows20261126 },
  { name: '20261126-payload-key', class: PayloadKey20261126 },
  { name: '20261126-installation', class: Installation20261126 },
  { name: '20261126-schedules', class: Schedules20261126 },
  { name: '20261126-bounded-rejects', class: BoundedRejects20261126 },
  { name: '20261126-backup-trust', class: BackupTrust20261126 },
  { name: '20261126-restore-answers', class: RestoreAnswers20261126 },
  { name: '20261126-ledger-ages', class: LedgerAges20261126 },
  { name: '20261126-copies', class: Copies20261126 },
  { name: '20261126-recovery', class: Recovery20261126 },
  { name: '20261126-noted-payload-keys', class: NotedPayloadKeys20261126 },
  { name: '20261126-surveys', class: Surveys20261126 },
  { name: '20261126-large-ledgers', class: LargeLedgers20261126 },
  { name: '20261127-dictionary', class: Dictionary20261127 },
  { name: '20261127-removed-tables', class: RemovedTables20261127 },
  { name: '20261127-restore-totals', class: RestoreTotals20261127 },
];
