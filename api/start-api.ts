import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { createArrivalActivities } from '../activities/arrivals.ts';
import { createAskActivities } from '../activities/ask-refresh.ts';
import {
  createBackupKeeping,
  createBatchActivities,
  createLedgerActivities,
  createRestoreKeeping,
  createScheduleActivities,
} from '../activities/index.ts';
import { sealedWorkerOptions } from '../activities/sealed-worker.ts';
import { createTidyActivities } from '../activities/tidy-ledger.ts';
import { ensureInbox } from '../src/arrivals/arrivals.ts';
import { createLedgerArrivals } from '../src/arrivals/ledger-arrivals.ts';
import { bucketOf } from '../src/arrivals/s3-events.ts';
import { createAuditLog } from '../src/audit/audit-log.ts';
import { insertAudit } from '../src/audit/audit-rows.ts';
import { readBackupKeys } from '../src/backups/backup-keys.ts';
import { createLedgerBackups } from '../src/backups/ledger-backups.ts';
import { ledgerIsFresh } from '../src/backups/review-backups.ts';
import { uncovered } from '../src/backups/uncovered.ts';
import { createBatchCommitter } from '../src/batches/batch-committer.ts';
import { HandOver } from '../src/batches/hand-over.ts';
import { hashOfJson } from '../src/canonical-json.ts';
import { type Config, GRACE_SECONDS } from '../src/config.ts';
import { checkRights } from '../src/db/check-rights.ts';
import { API_CONNECTIONS } from '../src/db/connections.ts';
import { openDatabase } from '../src/db/database.ts';
import { settleHandSessions } from '../src/db/hand-sessions.ts';
import { LOCK_WAIT_MS } from '../src/db/lock-holders.ts';
import { migrate } from '../src/db/migrate.ts';
import { followDictionary } from '../src/dictionary/dictionary-book.ts';
import type { LedgerDictionary } from '../src/dictionary/dictionary-versions.ts';
import { readDescriptor } from '../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../src/errors.ts';
import { keepHouse } from '../src/housekeeping/housekeeping.ts';
import { takeOver } from '../src/housekeeping/take-over.ts';
import { takeOverUnsealed } from '../src/housekeeping/take-over-unsealed.ts';
import { settleInstallation } from '../src/installation/installation.ts';
import { joinInstallation } from '../src/installation/join-installation.ts';
import type { StrangerTimes } from '../src/installation/refuse-strangers.ts';
import { ensureAdminKey } from '../src/keys/ensure-admin-key.ts';
import { OPERATOR_ID } from '../src/keys/key-rows.ts';
import { createApiKeyService } from '../src/keys/key-service.ts';
import { createApiKeyStore } from '../src/keys/key-store.ts';
import { createTokens } from '../src/keys/tokens.ts';
import { weaknessOf } from '../src/keys/weak-key.ts';
import { createLedgerLoads } from '../src/loads/ledger-loads.ts';
import { UploadSlots } from '../src/loads/upload-slots.ts';
import { addArrivalMetrics } from '../src/metrics/arrival-metrics.ts';
import { addDependencyMetrics, watchDependencies } from '../src/metrics/dependencies.ts';
import { addLedgerMetrics, addPoolMetrics } from '../src/metrics/ledger-metrics.ts';
import { createMetrics } from '../src/metrics/metrics.ts';
import { createReadiness } from '../src/metrics/readiness.ts';
import { createRefresher } from '../src/reports/refresher.ts';
import { createLedgerRestores } from '../src/restores/ledger-restores.ts';
import type { ChildService } from '../src/runtime/child.ts';
import { createCoalescedLog } from '../src/runtime/coalesced-log.ts';
import { writeKnownTables } from '../src/runtime/home.ts';
import { openScheduleBook } from '../src/schedules/open-schedule-book.ts';
import { ensureReportSchedules } from '../src/schedules/report-schedules.ts';
import { createTemporalSchedules } from '../src/schedules/temporal-schedules.ts';
import { ensureTidySchedule } from '../src/schedules/tidy-schedule.ts';
import { readPayloadKeys } from '../src/seal/payload-keys.ts';
import { sealedClientOptions } from '../src/seal/sealed-client.ts';
import { openStorage } from '../src/storage/open-storage.ts';
import { createDictionaryPlan } from '../src/tables/dictionary-plan.ts';
import { createKeyLookups } from '../src/tables/look-up-keys.ts';
import { type GivenDictionary, settleDictionary } from '../src/tables/settle-dictionary.ts';
import { createTableChanges } from '../src/tables/table-changes.ts';
import { openTableReads } from '../src/tables/table-reads.ts';
import { connectClient, connectWorker } from '../src/temporal/connect.ts';
import { readSdkMetrics } from '../src/temporal/sdk-metrics.ts';
import { registerSearchAttributes } from '../src/temporal/search-attributes.ts';
import { workflowBundle } from '../src/temporal/workflow-bundle.ts';
import { createApp } from './app.ts';
import { Closing } from './http/closing.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import { createHttpServer } from './http/server.ts';
import { openReports } from './reports/open-reports.ts';

async function givenDictionary({ dictionaryPath }: Config, log: Logger): Promise<GivenDictionary> {
  const file = dictionaryPath === undefined ? null : await readDescriptor(dictionaryPath);
  for (const warning of file?.warnings ?? []) log.warn(`The dictionary: ${warning}`);
  const sample = await readDescriptor(undefined);
  return { file: file?.descriptor ?? null, sample: sample.descriptor };
}

/** How long a stop waits for groups that are under way; their workflows go on without this process. */
const BATCHES_STOP_MS = 8_000;

export interface StartApiOptions {
  readonly config: Config;
  readonly log: Logger;
  /** How long it watches processes that Temporal lists and the ledger does not; tests are in more of a hurry. */
  readonly times?: Partial<StrangerTimes>;
  /** How long the API serves on when it was told to stop; unless given, as configured, or not at all. */
  readonly drainSeconds?: number;
  /** Where the SDK's runtime serves its metrics, if it does. */
  readonly sdkMetricsAddress?: string;
}

/**
 * Everything that the API's process runs: HTTP, the workflow worker with the ledger's short activities, and the
 * housekeeping. Brings the platform's tables and those of the dictionary up to date first.
 *
 * What is opened is closed in the reverse order, by `stop` or when the start fails.
 */
export async function startApi({
  config,
  log,
  sdkMetricsAddress,
  times,
  drainSeconds = config.drainSeconds ?? 0,
}: StartApiOptions): Promise<ChildService> {
  if (!config.databaseUrl) throw new LongshoreError('config-invalid', 'DATABASE_URL: unset');
  await checkRights(config.databaseUrl);
  await migrate(config.databaseUrl);
  const given = await givenDictionary(config, log);
  const settled = await settleDictionary(config.databaseUrl, given);
  for (const note of settled.notes) log.warn(note);
  for (const rule of settled.rules) {
    log.warn(
      {
        table: rule.table,
        constraint: rule.name,
        definition: rule.definition,
        drop: rule.drop,
        step: rule.id,
      },
      'The database keeps to a rule that the dictionary does not have, and refuses rows that break it. `longshore dictionary apply` drops it if it has no use',
    );
  }

  await using opened = new AsyncDisposableStack();
  const db = opened.use(
    await openDatabase({
      url: config.databaseUrl,
      poolSize: API_CONNECTIONS.ledger,
      besidePool: API_CONNECTIONS.snapshots,
      applicationName: 'longshore api',
      // Whatever waits for a lock of somebody else's keeps its connection for this long only, and is tried again.
      settings: { lock_timeout: String(LOCK_WAIT_MS) },
    }),
  );
  const noteTables = ({ base, tables }: Pick<LedgerDictionary, 'base' | 'tables'>) => {
    try {
      writeKnownTables(config.home, { base, tables: tables.map(({ name }) => name) });
    } catch (err) {
      log.warn({ err }, 'What the next start can know of the dictionary could not be written into the home');
    }
  };
  noteTables(settled.dictionary);
  const dictionary = opened.use(
    followDictionary({ db, first: settled.dictionary, log, onChange: noteTables }),
  );
  const began = await settleHandSessions(db);
  if (began?.changed === false) {
    log.warn(
      began,
      `Tables that ${began.role} makes by hand go into the schema ${began.schema}, which is Longshore's: ` +
        `alter role ${began.role} set search_path = public`,
    );
  } else if (began) {
    log.info(began, `Sessions of ${began.role} by hand begin in public, and no longer in ${began.schema}`);
  }
  const { tables } = settled.dictionary;
  const left = await uncovered(db, tables, tables);
  if (left.length > 0) log.warn({ uncovered: left }, `Backups do not hold everything: ${left.join('; ')}`);
  const storage = await openStorage(config.storage, config.storageKeys);
  const freshLedger = await ledgerIsFresh(db);
  const installation = await settleInstallation(db, storage, config.installation);
  const keys = createApiKeyStore(db, {
    onTouchError: (err) => log.warn({ err }, 'The last use of a key could not be noted'),
  });
  const tokens = createTokens(db);
  const keyService = createApiKeyService({ db, store: keys, operatorKeySet: config.adminKey !== undefined });
  const audit = createAuditLog({ write: (entries) => insertAudit(db, entries), log });
  opened.defer(() => audit.stop());
  const strangers = opened.use(createCoalescedLog(log));
  const { operatorEnded, besides } = await ensureAdminKey({
    home: config.home,
    adminKey: config.adminKey,
    store: keys,
  });
  if (operatorEnded) log.warn('LONGSHORE_ADMIN_KEY is not set any more: the key that it set was revoked');
  if (besides !== null && besides !== OPERATOR_ID) {
    log.warn(
      { keyId: besides },
      `The admin key ${besides} in the home's keys/admin.key is good beside LONGSHORE_ADMIN_KEY: ` +
        `unless you need it, revoke it: longshore key revoke ${besides}`,
    );
  }
  const weakness = config.adminKey === undefined ? null : weaknessOf(config.adminKey);
  if (weakness !== null)
    log.warn(`LONGSHORE_ADMIN_KEY is weak: ${weakness}; openssl rand -hex 32 makes a good one`);

  const reports = opened.use(
    await openReports({
      ...{ config, databaseUrl: config.databaseUrl, db, log },
      dictionary: settled.dictionary,
    }),
  );
  const client = await connectClient(config);
  opened.defer(() => client.connection.close());
  const searchable = await registerSearchAttributes(client, config.temporalNamespace).catch((err) => {
    log.warn({ err }, 'The search attributes could not be registered; register them by hand');
    return new Set<string>();
  });
  const connection = await connectWorker(config);
  opened.defer(() => connection.close());
  let server: Server | undefined;
  // Requests that wait may be answered until the worker has stopped.
  opened.defer(() => server?.closeAllConnections());
  const namespace = config.temporalNamespace;
  const payloadKeys = readPayloadKeys(config);
  const joined = opened.use(
    await joinInstallation({
      connection,
      namespace,
      db,
      installation,
      keys: payloadKeys,
      log,
      name: 'api',
      dictionaryHash: given.file === null ? null : hashOfJson(given.file),
      times,
    }),
  );
  // Over the worker's own connection, or the server can't give a workflow's first task along with its start.
  const eager = new Client({ connection, namespace, ...sealedClientOptions(config) });
  const formerClient = new Client({ connection, namespace, ...sealedClientOptions(config, 'admit') });
  await takeOver({ client: eager, formerClient, db, installation, log });
  await takeOverUnsealed({ config, client, db, log });
  const refresher = createRefresher({
    client,
    installation,
    db,
    reports: reports.service.reports,
    everyMs: config.refreshSeconds * 1000,
    log,
  });
  const onWritten = () => refresher.look();
  const backupKeys = await readBackupKeys(config);
  if (backupKeys.current === null && backupKeys.byId.size > 0) {
    log.warn(
      'There are old backup keys and no current one: new backups are neither encrypted nor authenticated',
    );
  }
  const scheduling = { db, storage, dictionary, backupKeys, onWritten };
  const handOver = new HandOver(undefined, (table) => refresher.written(table));
  const batching = { db, storage, handOver, dictionary };
  const arriving = {
    db,
    client,
    searchable,
    installation,
    storage,
    dictionary,
    log,
    maxRejects: config.maxRejects,
  };
  if (await ensureInbox(db, config.inboxPaused)) {
    log.warn(
      'The arrival of the inbox begins paused, since files of the inbox were loaded by request: once none is left ' +
        'there that is not to be loaded, `longshore arrival resume inbox` lets files arrive by themselves',
    );
  }
  const codePath = await workflowBundle({ own: `${config.home}/cache` });
  const activityDeps = { db, storage, backupKeys, keptRejects: config.keptRejects, onWritten };
  const worker = await Worker.create({
    connection,
    taskQueue: installation.queue,
    namespace,
    identity: joined.identity,
    workflowBundle: { codePath },
    activities: {
      ...createLedgerActivities(activityDeps),
      ...createBackupKeeping(activityDeps),
      ...createBatchActivities(batching),
      ...createScheduleActivities(scheduling),
      ...createRestoreKeeping(scheduling),
      ...createAskActivities(refresher),
      ...createTidyActivities(activityDeps),
      ...createArrivalActivities(arriving),
    },
    ...sealedWorkerOptions(config),
    maxCachedWorkflows: 200,
    shutdownGraceTime: '10s',
  });
  const running = worker.run();
  opened.defer(() => {
    worker.shutdown();
    return running;
  });
  const book = openScheduleBook({ client, db, installation, log });
  // What Temporal has and the ledger does not: of the time before the ledger had any, or lost with an older ledger.
  await book.sync();
  await ensureReportSchedules({ book, installation }, reports.service.reports);
  await ensureTidySchedule({ book, installation }, config.ledgerAges);

  const reads = opened.use(await openTableReads({ url: config.databaseUrl, ledger: db }));
  const loads = createLedgerLoads({
    ...{ db, client, eager, searchable, installation, storage, dictionary, reads, log },
  });
  const schedules = createTemporalSchedules({ ...scheduling, client, installation, book });
  const backups = createLedgerBackups({
    db,
    client,
    eager,
    searchable,
    installation,
    storage,
    dictionary,
    backupKeys,
    log,
  });
  const restores = createLedgerRestores({
    ...{ db, client, eager, searchable, installation, storage, backupKeys, dictionary, reads, log },
    maxCopies: config.copies,
  });
  const dependencies = watchDependencies({ db, connection: client.connection, storage, namespace });
  const closing = new Closing();
  const ready = createReadiness({
    phase: () => (closing.stopping ? 'stopping' : 'serving'),
    workers: () => ({ workflows: worker }),
    dependencies,
  });
  const metrics = createMetrics(
    sdkMetricsAddress === undefined ? undefined : () => readSdkMetrics(sdkMetricsAddress),
  );
  const { idempotencyDays } = config;
  const batches = createBatchCommitter({
    ...batching,
    client: eager,
    installation,
    log,
    metrics,
    idempotencyDays,
  });
  let stopped: Promise<void> | undefined;
  const stopBatches = () => {
    stopped ??= batches.stop(BATCHES_STOP_MS);
    return stopped;
  };
  opened.defer(stopBatches);
  collectDefaultMetrics({ register: metrics.registry });
  addLedgerMetrics(
    metrics.registry,
    db,
    tables.map(({ name }) => name),
  );
  addArrivalMetrics(metrics.registry, db);
  addPoolMetrics(metrics.registry, () => db.pool());
  addDependencyMetrics(metrics.registry, dependencies);
  const app = createApp({
    config,
    log,
    strangers,
    storage,
    dictionary,
    plan: createDictionaryPlan(db, dictionary),
    changes: createTableChanges({
      db,
      book: dictionary,
      keptDays: config.removedTableDays,
      pendingBatches: (table) => batches.pending(table),
    }),
    keys,
    tokens,
    keyService,
    limiter: createRateLimiter(),
    uploads: new UploadSlots(config.uploads),
    keyLookups: createKeyLookups(reads),
    inferences: new UploadSlots(config.inferences, 'requests are being inferred'),
    closing,
    audit,
    loads,
    batches,
    backups,
    restores,
    schedules,
    arrivals: createLedgerArrivals(arriving, bucketOf(config.storage)),
    reports: reports.service,
    refresher,
    metrics,
    payloadKeys,
    ready,
  });
  opened.defer(() => {
    server?.close();
    server?.closeIdleConnections();
  });
  opened.defer(() => refresher.stop());
  const house = keepHouse({
    db,
    client,
    installation,
    storage,
    backupKeys,
    freshLedger,
    refresher,
    book,
    keptGroups: config.keptGroups ?? 0,
    isKeeper: joined.isKeeper,
    log,
  });
  opened.defer(() => house.stop());
  const listener = createHttpServer(app).listen(config.port, config.host);
  server = listener;
  await listening(listener, config);
  const { port } = listener.address() as AddressInfo;
  const owned = opened.move();
  return {
    info: { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}` },
    failed: Promise.race([running, joined.renamed]),
    async stop(inHaste = false) {
      const drainMs = inHaste ? 0 : drainSeconds * 1000;
      const graceMs = inHaste ? 0 : (config.graceSeconds ?? GRACE_SECONDS) * 1000;
      await closing.close({ server: listener, drainMs, graceMs, stopBatches });
      await owned.disposeAsync();
    },
  };
}

function listening(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      const message = `LONGSHORE_PORT: another program uses ${host}:${port}`;
      reject(new LongshoreError('config-invalid', message, { cause: error }));
    });
  });
}
