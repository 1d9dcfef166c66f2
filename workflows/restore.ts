import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow';
import type { BegunRestore } from '../activities/begin-restore.ts';
import type { SafetyBackup } from '../activities/begin-safety-backup.ts';
import type { Activities, RestoreKeeping } from '../activities/index.ts';
import { BACK_UP, type BackUpInput } from '../src/backups/contract.ts';
import type { Restored, RestoreInput } from '../src/restores/contract.ts';
import type { EndRestoreInput, Proof } from '../src/restores/end-restore.ts';
import { reasonOf } from './failure-reason.ts';
import { inWindow } from './in-window.ts';
import { CHUNK, GATE_POLL, KEEP, PART_WINDOW, RESTORES, SAFETY_POLL, SOON, WHOLE } from './policies.ts';
import { restoreDetails } from './progress.ts';
import { workerActivities } from './worker-activities.ts';

const keeping = proxyActivities<RestoreKeeping>(KEEP);
const partwise = workerActivities<Activities>({ ...CHUNK, priority: RESTORES });
const whole = workerActivities<Activities>({ ...WHOLE, priority: RESTORES });
/** Writers of the tables wait for it. */
const last = workerActivities<Activities>({ ...WHOLE, priority: SOON });

/**
 * One restore, dry run or drill:
 *
 *   restore:   stage ─ build keys ─ close the gate ─ safety backup and compare ─ publish
 *   of keys:   stage ─ close the gate ─ safety backup and compare ─ publish
 *   beside:    stage ─ compare ─ publish                              (under another name)
 *   dry run:   stage ─ compare
 *   drill:     check the files ─ stage ─ prove
 *
 * Until it publishes no table changes, so it can be cancelled and may fail at any moment; publishing is one transaction.
 * However it ends, the ledger says how, the stages are gone and the gates are open. Every step, and the whole, is
 * idempotent: what was done is in the ledger.
 */
export async function restore(step: RestoreInput): Promise<Restored> {
  const { restoreId } = step;
  let rows = 0;
  let failure: unknown;
  let proof: Proof | null = null;
  try {
    const begun = await keeping.beginRestore(step);
    rows = begun.rows;
    if (begun.kind === 'drill') {
      proof = await drill(step, begun);
      if (proof.faults.length > 0) throw damaged(proof);
    } else {
      await stageAll(step, begun);
      if (begun.kind === 'dry-run') await compare(step);
      else await putBack(step, begun);
    }
  } catch (error) {
    failure = error;
  }
  const end = endOf(failure);
  // Damage that stops a drill is its result.
  if (proof === null && end.status === 'failed' && end.code === 'backup-damaged') {
    proof = { tables: [], faults: [end.message] };
  }
  const ended = await CancellationScope.nonCancellable(() => keeping.endRestore({ ...step, end, proof }));
  // A cancellation that came after the commit finds the restore done.
  if (ended.status === 'done') {
    setCurrentDetails(`**done**, ${rows} rows`);
    return { restoreId, rows };
  }
  if (isCancellation(failure)) throw failure;
  const { code, message } = reasonOf(failure);
  setCurrentDetails(`**${ended.status}**: ${message}`);
  throw ApplicationFailure.nonRetryable(message, code);
}

function endOf(failure: unknown): EndRestoreInput['end'] {
  if (failure === undefined) return { status: 'done' };
  return isCancellation(failure) ? { status: 'cancelled' } : { status: 'failed', ...reasonOf(failure) };
}

async function drill(step: RestoreInput, begun: BegunRestore): Promise<Proof> {
  setCurrentDetails('**checking the files**');
  const faults = await whole.checkBackupFiles.executeWithOptions({ summary: 'check the files' }, [step]);
  if (faults.length > 0) return { tables: [], faults };
  await stageAll(step, begun);
  setCurrentDetails('**proving** rows, keys and references');
  return whole.proveStaged.executeWithOptions({ summary: 'prove rows, keys and references' }, [step]);
}

async function stageAll(step: RestoreInput, { parts, rows }: BegunRestore): Promise<void> {
  const done = { parts: 0, rows: 0 };
  const show = () =>
    setCurrentDetails(
      restoreDetails({ step: 'staging', ...done, partsTotal: parts.length, rowsTotal: rows }),
    );
  show();
  await inWindow(parts, PART_WINDOW, async (part) => {
    const summary = `${part.table}, part ${part.partNo + 1}`;
    const staged = await partwise.stagePart.executeWithOptions({ summary }, [{ ...step, ...part }]);
    done.parts++;
    done.rows += staged.rows;
    show();
  });
}

async function putBack(step: RestoreInput, { target }: BegunRestore): Promise<void> {
  if (target.as === null && target.keys === null && patched('keys before the gate')) {
    setCurrentDetails('**building** keys and references');
    await whole.prepareStaged.executeWithOptions({ summary: 'build keys and references' }, [step]);
  }
  if (target.as === null) await closeGate(step);
  // Nobody writes any more: both read the same rows, at the same time.
  await CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    const saved = target.safety ? saveFirst(step) : undefined;
    await Promise.all([saved, compare(step)]).finally(() => scope.cancel());
  });
  setCurrentDetails('**publishing**');
  await last.publishRestore.executeWithOptions({ summary: 'publish' }, [step]);
}

async function compare(step: RestoreInput): Promise<void> {
  await whole.compareStaged.executeWithOptions({ summary: 'compare with what is there' }, [step]);
}

async function closeGate(step: RestoreInput): Promise<void> {
  for (;;) {
    const gate = await keeping.closeGate(step);
    if (gate.state === 'closed') return;
    const whom = gate.behind === null ? 'writers under way' : `restore ${gate.behind}`;
    setCurrentDetails(`**waiting** for ${whom}`);
    await sleep(GATE_POLL);
  }
}

async function saveFirst(step: RestoreInput): Promise<void> {
  const safety = await keeping.beginSafetyBackup(step);
  if (safety === null) return;
  setCurrentDetails(`**saving** what is there as backup ${safety.backupId}`);
  try {
    await executeChild(BACK_UP, {
      workflowId: safety.workflowId,
      args: [{ backupId: safety.backupId, tables: safety.tables } satisfies BackUpInput],
      staticSummary: `Safety backup of restore ${step.restoreId}`,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    });
  } catch (error) {
    // Housekeeping has started the backup, which it found without a workflow, as after a crash.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return untilSaved(safety);
    if (!(error instanceof ChildWorkflowFailure) || isCancellation(error)) throw error;
    throw unsaved(reasonOf(error.cause));
  }
}

async function untilSaved({ backupId }: SafetyBackup): Promise<void> {
  for (;;) {
    const { status, error } = await keeping.readSafetyBackup({ backupId });
    if (status === 'done') return;
    if (status !== 'running')
      throw unsaved(error ?? { code: 'backup-cancelled', message: `it is ${status}` });
    await sleep(SAFETY_POLL);
  }
}

function unsaved({ code, message }: ReturnType<typeof reasonOf>): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`the safety backup failed: ${message}`, code);
}

function damaged({ faults }: Proof): ApplicationFailure {
  return ApplicationFailure.nonRetryable(faults.join('; '), 'backup-damaged');
}
