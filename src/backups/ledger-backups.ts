import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { hasEnded } from '../jobs/job.ts';
import { waitUntilEnded } from '../jobs/wait-until-ended.ts';
import { quoted } from '../shorten.ts';
import type { Storage } from '../storage/storage.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import type { Dictionary } from '../types.ts';
import { adoptByHand } from './adopt-by-hand.ts';
import { MANIFEST } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { backupFolder } from './backup-id.ts';
import type { BackupKeys } from './backup-keys.ts';
import type { BackupFile, BackupService, StartBackup } from './backup-service.ts';
import { startBackupWorkflow } from './backup-workflows.ts';
import { createBackup, listBackups, readBackup, setPinned } from './backups.ts';
import { deleteBackup, endBackup } from './end-backup.ts';
import { manifestDoubt } from './manifest.ts';
import { sizeFault } from './verify-files.ts';

export interface LedgerBackupsDeps {
  readonly db: Database;
  readonly client: Client;
  readonly installation: Installation;
  readonly storage: Storage;
  readonly dictionary: Dictionary;
  readonly backupKeys: BackupKeys;
  readonly log: Logger;
}

/** The backup service over the ledger, the storage and Temporal. */
export function createLedgerBackups(deps: LedgerBackupsDeps): BackupService {
  const { db, storage, backupKeys: keys } = deps;
  const trusting: BackupDeps = { db, storage, keys };
  return {
    start: (request) => start(deps, request),
    get: (id) => readBackup(db, id),
    list: (filter) => listBackups(db, filter),

    wait: (id, waitMs, signal) =>
      waitUntilEnded({ read: () => readBackup(db, id), hasEnded, waitMs, signal }),

    async cancel(id) {
      await cancel(deps, id);
      return readBackup(db, id);
    },

    async setPinned(id, pinned) {
      await setPinned(db, id, pinned);
      return readBackup(db, id);
    },

    async remove(id, options) {
      await deleteBackup(trusting, id, options);
      return readBackup(db, id);
    },

    adopt: (request) => adoptByHand(trusting, request),

    file: (id, name) => findFile(deps, id, name),
  };
}

/**
 * The ledger first, then Temporal: a backup that is written down is never lost. Should Temporal be away, it starts
 * when Temporal is back (`reconcileBackups`).
 */
async function start(deps: LedgerBackupsDeps, request: StartBackup) {
  const { db, dictionary, backupKeys: keys, log } = deps;
  const id = await createBackup(db, { ...request, dictionary, keys, purpose: 'manual' });
  const { tables, workflowId } = await readBackup(db, id);
  const names = tables.map(({ table }) => table);
  await startBackupWorkflow(deps, { id, tables: names, workflowId }).catch((error) =>
    log.warn({ backupId: id, err: translateTemporal(error) }, `Backup ${id} waits for Temporal`),
  );
  return readBackup(db, id);
}

async function cancel({ db, client, storage }: LedgerBackupsDeps, id: string): Promise<void> {
  const { status, workflowId } = await readBackup(db, id);
  if (status !== 'running')
    throw new LongshoreError('backup-state', `backup ${id} is ${status}: it has ended`);
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw translateTemporal(error);
    await endBackup(db, storage, { backupId: id, end: { status: 'cancelled' } });
  }
}

async function findFile({ db, storage }: LedgerBackupsDeps, id: string, name: string): Promise<BackupFile> {
  const backup = await readBackup(db, id);
  if (backup.status !== 'done') throw new LongshoreError('backup-state', `backup ${id} is ${backup.status}`);
  const part = backup.tables.flatMap(({ parts }) => parts).find((one) => one.name === name);
  const sha256 = part?.sha256 ?? (name === MANIFEST ? await manifestHash(db, id) : undefined);
  if (sha256 === undefined) {
    throw new LongshoreError('not-found', `backup ${id} has no file ${quoted(name)}`);
  }
  const key = backupFolder(id) + name;
  // A part is not read twice for this: whoever downloads it has its SHA-256 as the ETag.
  const fault = part
    ? await sizeFault(storage, id, part)
    : (await manifestDoubt(storage, id, sha256))?.detail;
  const found = await storage.stat(key);
  if (fault || !found) {
    throw new LongshoreError('backup-damaged', `${name} of backup ${id}: ${fault ?? 'the file is missing'}`);
  }
  return {
    name,
    bytes: found.bytes,
    sha256,
    open: (startByte, endByte) => storage.stream(key, startByte, endByte),
  };
}

const MANIFEST_HASH = statement<{
  hash: string;
}>`select manifest_sha256 as hash from longshore.backup where id = $1`;

async function manifestHash(db: Database, id: string): Promise<string | undefined> {
  const [row] = await db.query(MANIFEST_HASH, [id]);
  return row?.hash;
}
