import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
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
import { RESTORE, type RestoreInput } from './contract.ts';
import { endRestore } from './end-restore.ts';
import type { RestoreKind } from './restore.ts';
import { uidOfRestore } from './restores.ts';

const WORDS: Readonly<Record<RestoreKind, string>> = {
  restore: 'Restore',
  'dry-run': 'Dry run of a restore of',
  drill: 'Drill of',
};

export interface StartableRestore {
  readonly id: number;
  readonly kind: RestoreKind;
  readonly backupId: string;
  readonly tables: readonly string[];
  readonly workflowId: string;
}

const NOTE_RUN = statement`update longshore.restore set run_id = $2 where id = $1`;

/** Starts a restore's workflow. One that runs already is left alone: asking twice is not an error. */
export async function startRestoreWorkflow(
  { client, db, installation }: WorkflowStarter,
  restore: StartableRestore,
): Promise<void> {
  const { id, kind, backupId, tables, workflowId } = restore;
  try {
    const uid = await uidOfRestore(db, id);
    const handle = await client.workflow.start(RESTORE, {
      workflowId,
      taskQueue: installation.queue,
      args: [{ restoreId: id, uid } satisfies RestoreInput],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: kind }],
      staticSummary: `${WORDS[kind]} backup ${backupId}`,
      staticDetails:
        `${WORDS[kind]} backup ${backupId}: ${tables.map((table) => `**${table}**`).join(', ')}`.slice(
          0,
          10_000,
        ),
    });
    await db.query(NOTE_RUN, [id, handle.firstExecutionRunId]);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw error;
  }
}

const UNFINISHED_RESTORES = statement<{ [member in keyof Unfinished]: Unfinished[member] }>`
  select id, kind, backup_id as "backupId", tables, workflow_id as "workflowId", run_id as "runId",
         starts_with(started_by, 'schedule:') as "startedBySchedule", created_at < now() - interval '1 hour' as old
    from longshore.restore where finished_at is null and created_at < now() - interval '3 seconds' order by id`;

/**
 * Brings ledger and Temporal together again: restores whose workflow was never started, and those whose workflow ended
 * without a word (terminated in the Web UI, or timed out), whose gates would stay closed.
 */
export async function reconcileRestores(deps: Omit<Reconciler, 'storage'>): Promise<void> {
  const { db, log } = deps;
  const unfinished = await db.query(UNFINISHED_RESTORES);
  for (const restore of unfinished) {
    await reconcileRestore(deps, restore).catch((error) => {
      const err = translateTemporal(error);
      log.warn({ restoreId: restore.id, err }, `Restore ${restore.id} could not be looked after`);
    });
  }
}

interface Unfinished extends StartableRestore {
  readonly runId: string | null;
  /** The run of the schedule starts it, as its child. */
  readonly startedBySchedule: boolean;
  readonly old: boolean;
}

async function reconcileRestore(deps: Omit<Reconciler, 'storage'>, restore: Unfinished): Promise<void> {
  const { client, db, log } = deps;
  const { id, workflowId } = restore;
  const state = await stateOfWorkflow(client, workflowId);
  if (state === 'running') return;
  if (state === 'unknown' && !(restore.startedBySchedule && restore.old)) {
    if (restore.startedBySchedule) return;
    log.info({ restoreId: id }, `Starting the workflow of restore ${id}, which has none`);
    if (restore.runId !== null) await noteReconciled(db, 'restore', id, STARTED_ANEW);
    await startRestoreWorkflow(deps, restore);
    return;
  }
  const message = state === 'unknown' ? 'its workflow was never started' : `its workflow was ${state}`;
  const end = { status: 'failed', code: 'restore-terminated', message } as const;
  const { status } = await endRestore(db, { restoreId: id, end, proof: null });
  if (status === 'failed') {
    log.warn({ restoreId: id, state }, `The workflow of restore ${id} ended without it: ${state}`);
  }
}
