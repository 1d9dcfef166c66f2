import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { ExportedPart } from '../activities/export-part.ts';
import type { Activities, BackupKeeping } from '../activities/index.ts';
import {
  type BackedUp,
  type BackUpInput,
  type HeldSnapshot,
  SNAPSHOT_HELD,
  SNAPSHOT_LOST,
} from '../src/backups/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { inWindow } from './in-window.ts';
import {
  ATTEMPT_PAUSE,
  CLEAR,
  HOLD,
  PART,
  PART_WINDOW,
  RELEASE_LIMIT,
  UNFORESEEN_ATTEMPTS,
} from './policies.ts';
import { backupDetails } from './progress.ts';
import { workerActivities } from './worker-activities.ts';

const holding = proxyActivities<BackupKeeping>(HOLD);
const clearing = proxyActivities<BackupKeeping>(CLEAR);
const partwise = workerActivities<Activities>(PART);

const snapshotHeld = defineSignal<[HeldSnapshot]>(SNAPSHOT_HELD);

/**
 * One backup. A run is one attempt, over one snapshot:
 *
 *   begin ─ hold the snapshot ────────────────────────────┐ (until the ledger says that the attempt is over)
 *             └ held: parts, a window at a time ─ complete ┴─ done
 *
 * The snapshot lives with a connection of the API's process. When that goes, so do all parts written so far, and the
 * workflow continues as new with the next attempt, for ever. Any other failure, and a cancellation, ends the backup:
 * the ledger says so and its files are deleted.
 */
export async function backUp(input: BackUpInput): Promise<BackedUp> {
  const { backupId, attempt = 1 } = input;
  const state: AttemptState = { held: undefined, holder: undefined };
  let failure: unknown;
  try {
    const backedUp = await tryOnce(backupId, attempt, state);
    await untilReleased(state);
    return backedUp;
  } catch (error) {
    failure = error;
  }
  if (!isCancellation(failure) && mayPass(failure, attempt)) {
    try {
      setCurrentDetails(`**waiting** to begin attempt ${attempt + 1}: ${reasonOf(failure).message}`);
      await sleep(pauseOf(attempt));
      return await continueAsNew<typeof backUp>({ ...input, attempt: attempt + 1 });
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      failure = error;
    }
  }
  const reason = reasonOf(failure);
  const end = isCancellation(failure)
    ? { status: 'cancelled' as const }
    : { status: 'failed' as const, ...reason };
  const ended = await CancellationScope.nonCancellable(() => clearing.endBackup({ backupId, end }));
  await untilReleased(state);
  // A cancellation that came after the manifest finds the backup done.
  if (ended.status === 'done') {
    return CancellationScope.nonCancellable(() => partwise.completeBackup({ backupId, attempt }));
  }
  if (isCancellation(failure)) throw failure;
  throw ApplicationFailure.nonRetryable(reason.message, reason.code);
}

interface AttemptState {
  held: HeldSnapshot | undefined;
  holder: Promise<void> | undefined;
}

async function tryOnce(backupId: string, attempt: number, state: AttemptState): Promise<BackedUp> {
  setHandler(snapshotHeld, (told) => {
    if (told.attempt === attempt) state.held = told;
  });
  const { status } = await clearing.beginBackup({ backupId, attempt });
  if (status !== 'running') {
    throw ApplicationFailure.nonRetryable(`backup ${backupId} is ${status} already`, 'backup-state');
  }
  setCurrentDetails('**taking the snapshot**');
  // The ledger tells it when to end, whatever becomes of this workflow's scopes.
  const holder = CancellationScope.nonCancellable(() =>
    holding.holdSnapshot.executeWithOptions({ summary: `snapshot, attempt ${attempt}` }, [
      { backupId, attempt },
    ]),
  );
  holder.catch(() => undefined);
  state.holder = holder;
  await Promise.race([condition(() => state.held !== undefined), gone(holder)]);
  return CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    try {
      return await Promise.race([exportAll(backupId, state.held!), gone(holder)]);
    } finally {
      // Parts that still run when the snapshot is gone.
      scope.cancel();
    }
  });
}

/** An activity that outlives its workflow has nobody to tell of its end, and the worker logs that as a fault. */
async function untilReleased({ holder }: AttemptState): Promise<void> {
  await CancellationScope.nonCancellable(() =>
    Promise.race([holder?.catch(() => undefined), sleep(RELEASE_LIMIT)]),
  );
}

/** While its attempt counts, the holder only ends with an error. */
async function gone(holder: Promise<void>): Promise<never> {
  await holder;
  throw ApplicationFailure.nonRetryable('the snapshot was given up', SNAPSHOT_LOST);
}

async function exportAll(backupId: string, held: HeldSnapshot): Promise<BackedUp> {
  const { attempt, snapshotId, parts } = held;
  const done = { parts: 0, rows: 0, bytes: 0 };
  await inWindow(parts, PART_WINDOW, async (part) => {
    const summary = `${part.table}, part ${part.no + 1}`;
    const exported: ExportedPart = await partwise.exportPart.executeWithOptions({ summary }, [
      { backupId, attempt, snapshotId, ...part },
    ]);
    done.parts++;
    done.rows += exported.rows;
    done.bytes += exported.bytes;
    setCurrentDetails(backupDetails({ step: 'backing up', ...done, partsTotal: parts.length }));
  });
  const backedUp = await partwise.completeBackup.executeWithOptions({ summary: 'manifest' }, [
    { backupId, attempt },
  ]);
  setCurrentDetails(backupDetails({ step: 'done', ...done, partsTotal: parts.length }));
  return backedUp;
}

/** Another snapshot may heal it. */
function mayPass(error: unknown, attempt: number): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  // The process that held the snapshot, or wrote a part again and again, is gone.
  if (cause instanceof TimeoutFailure) return true;
  const code: string = reasonOf(error).code;
  if (code === 'internal') return attempt < UNFORESEEN_ATTEMPTS;
  // Backups ended with it, before it was known that it passes.
  if (code === 'database-busy' || code === 'table-locked') return patched('wait while PostgreSQL is busy');
  return code === SNAPSHOT_LOST || code === 'database-unavailable' || code === 'temporal-unavailable';
}

function pauseOf(attempt: number): number {
  return Math.min(ATTEMPT_PAUSE.lastMs, ATTEMPT_PAUSE.firstMs * 2 ** Math.min(attempt - 1, 10));
}
