import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Logger } from 'pino';
import { adoptBackups } from '../src/backups/adopt-backups.ts';
import { endBackup, sweepBackups } from '../src/backups/end-backup.ts';
import { finishFromManifest } from '../src/backups/finish-from-manifest.ts';
import { removeOldSafety } from '../src/backups/safety-retention.ts';
import type { Database } from '../src/db/database.ts';
import type { Storage } from '../src/storage/storage.ts';
import { KIND_ATTRIBUTE } from '../src/temporal/search-attributes.ts';
import { BACK_UP, type BackUpInput } from '../workflows/contract.ts';
import {
  type Reconciler,
  stateOfWorkflow,
  translateTemporal,
  type WorkflowStarter,
} from './load-workflows.ts';

/** Temporal takes 400 bytes of summary. */
const SUMMARY_TABLES = 5;

export interface StartableBackup {
  readonly id: string;
  readonly tables: readonly string[];
  readonly workflowId: string;
}

/** Starts a backup's workflow. One that runs already is left alone: asking twice is not an error. */
export async function startBackupWorkflow(
  { client, db, installation }: WorkflowStarter,
  backup: StartableBackup,
): Promise<void> {
  const { id, tables, workflowId } = backup;
  const named = tables.length > SUMMARY_TABLES ? `${tables.length} tables` : tables.join(', ');
  try {
    const handle = await client.workflow.start(BACK_UP, {
      workflowId,
      taskQueue: installation.queue,
      args: [{ backupId: id, tables } satisfies BackUpInput],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'backup' }],
      staticSummary: `Back up ${named}`.slice(0, 200),
      staticDetails: `Backup ${id} of ${tables.map((table) => `**${table}**`).join(', ')}`.slice(0, 10_000),
    });
    await db.query('update longshore.backup set run_id = $2 where id = $1', [id, handle.firstExecutionRunId]);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw error;
  }
}

/**
 * Brings ledger and Temporal together again: backups whose workflow was never started, and those whose workflow ended
 * without a word (terminated in the Web UI, or timed out).
 */
export async function reconcileBackups(deps: Reconciler): Promise<void> {
  const { db, log } = deps;
  const running = await db.query<StartableBackup>(
    `select id, tables, workflow_id as "workflowId" from longshore.backup
      where status = 'running' and created_at < now() - interval '3 seconds' order by id`,
  );
  for (const backup of running) {
    await reconcileBackup(deps, backup).catch((error) => {
      const err = translateTemporal(error);
      log.warn({ backupId: backup.id, err }, `Backup ${backup.id} could not be looked after`);
    });
  }
}

async function reconcileBackup(deps: Reconciler, backup: StartableBackup): Promise<void> {
  const { client, db, storage, log } = deps;
  const { id, workflowId } = backup;
  const state = await stateOfWorkflow(client, workflowId);
  if (state === 'running') return;
  if (await finishFromManifest(db, storage, id)) {
    log.warn(
      { backupId: id },
      `Backup ${id} had been finished, of which the ledger did not know: PostgreSQL came back from an older copy`,
    );
    return;
  }
  if (state === 'unknown') {
    log.info({ backupId: id }, `Starting the workflow of backup ${id}, which has none`);
    await startBackupWorkflow(deps, backup);
    return;
  }
  const message = `its workflow was ${state}`;
  const { status } = await endBackup(db, storage, {
    backupId: id,
    end: { status: 'failed', code: 'backup-terminated', message },
  });
  if (status === 'failed')
    log.warn({ backupId: id, state }, `The workflow of backup ${id} ended without it: ${state}`);
}

/**
 * Backups that the storage has and the ledger never heard of become known; old safety backups, and files that are no
 * backup's any more, go.
 */
export async function tidyBackups(db: Database, storage: Storage, log: Logger): Promise<void> {
  const { adopted, refused } = await adoptBackups(db, storage);
  for (const id of adopted) log.info({ backupId: id }, `Backup ${id} was found in the storage`);
  for (const { id, reason } of refused)
    log.warn({ backupId: id }, `A backup in the storage can't be used: ${reason}`);
  for (const id of (await removeOldSafety(db, storage)).removed)
    log.info({ backupId: id }, `Safety backup ${id} was old, and was deleted`);
  await sweepBackups(db, storage);
}
