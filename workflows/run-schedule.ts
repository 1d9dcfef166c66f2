import {
  ApplicationFailure,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { ScheduleActivities } from '../activities/index.ts';
import { BACK_UP, type BackUpInput } from '../src/backups/contract.ts';
import { RESTORE, type RestoreInput } from '../src/restores/contract.ts';
import type { RanSchedule, RunScheduleInput } from '../src/schedules/contract.ts';
import type { ScheduledRun } from '../src/schedules/run-ids.ts';
import { reasonOf } from './failure-reason.ts';
import { LEDGER, RETENTION } from './policies.ts';

const ledger = proxyActivities<ScheduleActivities>(LEDGER);
const retention = proxyActivities<ScheduleActivities>(RETENTION);

/**
 * One run of a schedule, started by Temporal:
 *
 *   backup:  ledger row ─ backUp ─ (drill) ─ retention
 *   drill:   newest good backups ─ drill of each
 *
 * A failed step fails the run, so that it shows as failed everywhere; and retention comes last, so that a run that made
 * no good backup removes none.
 */
export async function runSchedule(input: RunScheduleInput): Promise<RanSchedule> {
  const { runId, startTime } = workflowInfo();
  const run: ScheduledRun = { scheduleId: input.scheduleId, runId, startedAt: startTime.toISOString() };
  try {
    return input.kind === 'backup' ? await makeBackup(input, run) : await drillNewest(input, run);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { code, message } = reasonOf(error instanceof ChildWorkflowFailure ? error.cause : error);
    setCurrentDetails(`**failed**: ${message}`);
    throw ApplicationFailure.nonRetryable(message, code);
  }
}

async function makeBackup(input: RunScheduleInput, run: ScheduledRun): Promise<RanSchedule> {
  const { backupId, workflowId, tables } = await ledger.createScheduledBackup({ input, run });
  setCurrentDetails(`backup **${backupId}**`);
  await executeChild(BACK_UP, {
    workflowId,
    args: [{ backupId, tables } satisfies BackUpInput],
    staticSummary: `Backup by schedule ${input.scheduleId}`,
    // A run that is terminated leaves its backup to finish and clean up on its own.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
  if (input.drill) await drill(backupId, run);
  const { removed, left } = await retention.applyRetention(input);
  const leftLines = left.map(({ id, reason }) => `\n- left ${id}: ${reason}`).join('');
  setCurrentDetails(`backup **${backupId}** done, ${removed.length} removed${leftLines}`);
  return { backupId, proved: input.drill ? [backupId] : [], removed };
}

/** One after the other: a drill takes as much of the database as a restore does. */
async function drillNewest(input: RunScheduleInput, run: ScheduledRun): Promise<RanSchedule> {
  const backupIds = await ledger.chooseBackups({ tables: input.tables });
  if (backupIds.length === 0) setCurrentDetails('there is no backup to prove yet');
  const faults: string[] = [];
  for (const backupId of backupIds) {
    // A damaged backup must not keep the next one from being drilled.
    await drill(backupId, run).catch((error) => {
      if (!isDamage(error)) throw error;
      faults.push(error.message);
    });
  }
  if (faults.length > 0) throw ApplicationFailure.nonRetryable(faults.join('; '), 'backup-damaged');
  return { backupId: null, proved: backupIds, removed: [] };
}

/** @throws ApplicationFailure `backup-damaged` unless the drill proves the backup good */
async function drill(backupId: string, run: ScheduledRun): Promise<void> {
  const { restoreId, uid, workflowId } = await ledger.createDrill({ backupId, run });
  setCurrentDetails(`drill of backup **${backupId}**`);
  await executeChild(RESTORE, {
    workflowId,
    args: [{ restoreId, uid } satisfies RestoreInput],
    staticSummary: `Drill of backup ${backupId}`,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  }).catch((error) => {
    // The ledger has the result of a drill, except of one that could not run at all.
    if (!(error instanceof ChildWorkflowFailure) || !isDamage(error.cause)) throw error;
  });
  const { verification, status } = await ledger.readDrill({ restoreId });
  if (verification?.ok) return;
  const found = verification === null ? `its drill ended as ${status}` : verification.faults.join(', ');
  throw ApplicationFailure.nonRetryable(`backup ${backupId}: ${found}`, 'backup-damaged');
}

function isDamage(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.type === 'backup-damaged';
}
