import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Logger } from 'pino';
import { statement } from '../db/statement.ts';
import {
  noteReconciled,
  type Reconciler,
  STARTED_ANEW,
  type WorkflowStarter,
} from '../loads/load-workflows.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { stateOfWorkflow } from '../temporal/workflow-state.ts';
import type { BackupDeps } from './backup-deps.ts';
import type { BackupKeys } from './backup-keys.ts';
import { BACK_UP, type BackUpInput } from './contract.ts';
import { describeDoubts } from './doubts.ts';
import { endBackup, sweepBackups } from './end-backup.ts';
import { finishFromManifest } from './finish-from-manifest.ts';
import { MAX_DOUBTED, type Reviewed, type ReviewOptions, reviewBackups } from './review-backups.ts';
import { removeOldSafety } from './safety-retention.ts';

/** Temporal takes 400 bytes of summary. */
const SUMMARY_TABLES = 5;

export interface StartableBackup {
  readonly id: string;
  readonly tables: readonly string[];
  readonly workflowId: string;
}

const NOTE_RUN = statement`update longshore.backup set run_id = $2 where id = $1`;

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
    await db.query(NOTE_RUN, [id, handle.firstExecutionRunId]);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw error;
  }
}

type BackupReconciler = Reconciler & { readonly backupKeys: BackupKeys };

const RUNNING_BACKUPS = statement<StartableBackup & { readonly runId: string | null }>`
  select id, tables, workflow_id as "workflowId", run_id as "runId" from longshore.backup
   where status = 'running' and created_at < now() - interval '3 seconds' order by id`;

/**
 * Brings ledger and Temporal together again: backups whose workflow was never started, and those whose workflow ended
 * without a word (terminated in the Web UI, or timed out).
 */
export async function reconcileBackups(deps: BackupReconciler): Promise<void> {
  const { db, log } = deps;
  const running = await db.query(RUNNING_BACKUPS);
  for (const backup of running) {
    await reconcileBackup(deps, backup).catch((error) => {
      const err = translateTemporal(error);
      log.warn({ backupId: backup.id, err }, `Backup ${backup.id} could not be looked after`);
    });
  }
}

async function reconcileBackup(
  deps: BackupReconciler,
  backup: StartableBackup & { readonly runId: string | null },
): Promise<void> {
  const { client, db, storage, log } = deps;
  const { id, workflowId } = backup;
  const state = await stateOfWorkflow(client, workflowId);
  if (state === 'running') return;
  const finished = await finishFromManifest({ db, storage, keys: deps.backupKeys }, id);
  if (finished !== null) {
    const adopt = finished === 'done' ? '' : `; adopt it if it is yours: longshore backups adopt ${id}`;
    const found = `Backup ${id} had been finished, of which the ledger did not know: PostgreSQL came back from an older copy${adopt}`;
    log.warn({ backupId: id, status: finished }, found);
    await noteReconciled(db, 'backup', id, found);
    return;
  }
  if (state === 'unknown') {
    log.info({ backupId: id }, `Starting the workflow of backup ${id}, which has none`);
    if (backup.runId !== null) await noteReconciled(db, 'backup', id, STARTED_ANEW);
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

/** Of a review, so many findings are logged one by one. */
const MOST_LOGGED = 20;

/**
 * Compares the storage with the ledger: what is authenticated becomes known, what is not becomes `unverified`. Old
 * safety backups, and files that are no backup's any more, go.
 */
export async function tidyBackups(deps: BackupDeps, options: ReviewOptions, log: Logger): Promise<void> {
  logReview(await reviewBackups(deps, options), log);
  for (const id of (await removeOldSafety(deps)).removed)
    log.info({ backupId: id }, `Safety backup ${id} was old, and was deleted`);
  await sweepBackups(deps.db, deps.storage);
}

function logReview({ adopted, doubted, cleared, uncounted }: Reviewed, log: Logger): void {
  for (const id of adopted) log.info({ backupId: id }, `Backup ${id} was found in the storage, and adopted`);
  for (const id of cleared) log.info({ backupId: id }, `Backup ${id} is as it was written again`);
  for (const { id, doubts } of doubted.slice(0, MOST_LOGGED)) {
    log.warn({ backupId: id, doubts }, `Backup ${id} is unverified: ${describeDoubts(doubts)}`);
  }
  const more = Math.max(0, doubted.length - MOST_LOGGED);
  if (more > 0)
    log.warn({ more }, `${more} more backups are unverified: longshore backups --status unverified`);
  if (uncounted > 0) {
    log.warn(
      { uncounted },
      `${uncounted} more in the storage are not believed, and not listed: ${MAX_DOUBTED} are`,
    );
  }
}
