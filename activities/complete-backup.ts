import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { composeManifest, deleteStrays, recordManifest } from '../src/backups/attempts.ts';
import type { Manifest } from '../src/backups/backup.ts';
import { type BackupKey, keyOfBackup } from '../src/backups/backup-keys.ts';
import { type BackupPlan, readBackup, readBackupPlan } from '../src/backups/backups.ts';
import { type BackedUp, SNAPSHOT_LOST } from '../src/backups/contract.ts';
import { clearFiles } from '../src/backups/end-backup.ts';
import { writeManifestFiles } from '../src/backups/manifest.ts';
import { sizeFault } from '../src/backups/verify-files.ts';
import { LongshoreError } from '../src/errors.ts';
import type { BackupAttempt } from './begin-backup.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

/**
 * Makes the backup exist: checks that every part is there, writes the manifest, then the ledger. Idempotent.
 */
export function completeBackup(deps: ActivityDeps) {
  return async ({ backupId, attempt }: BackupAttempt): Promise<BackedUp> => {
    const plan = await readBackupPlan(deps.db, backupId);
    if (plan.status !== 'done') {
      await whileBeating(
        () => undefined,
        (signal) => complete(deps, plan, attempt, signal),
      );
    }
    const { rows, bytes } = await readBackup(deps.db, backupId);
    return { backupId, rows: rows ?? 0, bytes: bytes ?? 0 };
  };
}

async function complete(
  { db, storage, backupKeys }: ActivityDeps,
  plan: BackupPlan,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  if (plan.status !== 'running' || plan.attempt !== attempt) throw over();
  const key = keyOfBackup(backupKeys, plan);
  const manifest = await composeManifest(db, plan, plan.encrypted ? encryptionBy(key) : null);
  await deleteStrays(db, storage, plan.id, attempt);
  await refuseFaults(storage, manifest, signal);
  const sha256 = await writeManifestFiles(storage, manifest, key);
  if (await recordManifest(db, attempt, manifest, sha256)) {
    Context.current().log.info('backed up', { backupId: plan.id });
    return;
  }
  const { status } = await readBackupPlan(db, plan.id);
  if (status === 'done') return;
  // The backup has ended meanwhile and its files are gone: the manifest has to go, too.
  if (status !== 'running') await clearFiles(db, storage, plan.id);
  throw over();
}

function encryptionBy(key: BackupKey | null): Manifest['encryption'] {
  return key && { cipher: 'AES-256-GCM', keyId: key.id };
}

async function refuseFaults(
  storage: ActivityDeps['storage'],
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  for (const part of manifest.tables.flatMap((table) => table.parts)) {
    signal.throwIfAborted();
    const fault = await sizeFault(storage, manifest.id, part);
    if (fault !== null)
      throw new LongshoreError('backup-damaged', `${part.name} of backup ${manifest.id}: ${fault}`);
  }
}

function over(): ApplicationFailure {
  return ApplicationFailure.nonRetryable('the attempt is over', SNAPSHOT_LOST);
}
