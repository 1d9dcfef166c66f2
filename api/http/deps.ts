import type { Logger } from 'pino';
import type { ArrivalService } from '../../src/arrivals/arrival-service.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import type { BackupService } from '../../src/backups/backup-service.ts';
import type { BatchService } from '../../src/batches/batch-service.ts';
import type { Config } from '../../src/config.ts';
import type { DictionaryBook } from '../../src/dictionary/dictionary-book.ts';
import type { ApiKeyService } from '../../src/keys/key-service.ts';
import type { ApiKeyStore } from '../../src/keys/key-store.ts';
import type { Tokens } from '../../src/keys/tokens.ts';
import type { LoadService } from '../../src/loads/load-service.ts';
import type { UploadSlots } from '../../src/loads/upload-slots.ts';
import type { Metrics } from '../../src/metrics/metrics.ts';
import type { Readiness } from '../../src/metrics/readiness.ts';
import type { Refresher } from '../../src/reports/refresher.ts';
import type { ReportService } from '../../src/reports/report-service.ts';
import type { RestoreService } from '../../src/restores/restore-service.ts';
import type { CoalescedLog } from '../../src/runtime/coalesced-log.ts';
import type { ScheduleService } from '../../src/schedules/schedule-service.ts';
import type { PayloadKeys } from '../../src/seal/payload-keys.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { DictionaryPlan } from '../../src/tables/dictionary-plan.ts';
import type { KeyLookups } from '../../src/tables/look-up-keys.ts';
import type { TableChanges } from '../../src/tables/table-changes.ts';
import type { Closing } from './closing.ts';
import type { RateLimiter } from './rate-limit.ts';

/** The dependencies of the API. `createApp` keeps no state beside them. */
export interface ApiDeps {
  readonly config: Config;
  readonly log: Logger;
  /** The log of requests without a valid API key, which are coalesced: strangers can't fill the log. */
  readonly strangers: CoalescedLog;
  readonly storage: Storage;
  /** Requests have theirs: `Call.dictionary`. */
  readonly dictionary: DictionaryBook;
  /** Rules of the database that the dictionary does not have. */
  readonly plan: DictionaryPlan;
  /** Tables that come to the dictionary of the running platform, and leave it. */
  readonly changes: TableChanges;
  /** Verifies API keys. */
  readonly keys: ApiKeyStore;
  readonly tokens: Tokens;
  /** Manages API keys. */
  readonly keyService: ApiKeyService;
  readonly limiter: RateLimiter;
  readonly uploads: UploadSlots;
  /** Tells which keys tables have. */
  readonly keyLookups: KeyLookups;
  /** Requests of which the files are inferred. */
  readonly inferences: UploadSlots;
  readonly closing: Closing;
  readonly audit: AuditLog;
  readonly loads: LoadService;
  readonly batches: BatchService;
  readonly backups: BackupService;
  readonly restores: RestoreService;
  readonly schedules: ScheduleService;
  readonly arrivals: ArrivalService;
  readonly reports: ReportService;
  readonly refresher: Refresher;
  readonly metrics: Metrics;
  /** The keys that open payloads of Temporal. */
  readonly payloadKeys: PayloadKeys;
  /** Checks every dependency, quickly. Never rejects. */
  ready(): Promise<Readiness>;
}
