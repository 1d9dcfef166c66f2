import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import { hasEnded } from '../jobs/job.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { PAUSE, RESUME } from './contract.ts';
import type { LoadView } from './load-view.ts';

/**
 * Pauses or resumes a load in the ledger, and signals its workflow. A signal that is lost is made up for: the workflow
 * reads the ledger when it starts, and the reconciliation signals it once more in any case.
 * @throws LongshoreError `load-state` when it has ended, or is so already
 */
export async function setPaused(
  { db, client, log }: Pick<JobDeps, 'client' | 'db' | 'log'>,
  load: LoadView,
  paused: boolean,
): Promise<void> {
  const { id, workflowId, status } = load;
  if (hasEnded(load)) throw new LongshoreError('load-state', `load ${id} is ${status}: it has ended`);
  if (load.paused === paused) {
    throw new LongshoreError('load-state', `load ${id} is ${paused ? 'paused already' : 'not paused'}`);
  }
  const { numUpdatedRows } = await db.ledger
    .updateTable('load')
    .set({ paused, pause_told: false })
    .where('id', '=', id)
    .where('finished_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new LongshoreError('load-state', `load ${id} has ended`);
  await signalPaused(client, workflowId, paused).catch((error) => {
    if (error instanceof WorkflowNotFoundError) return;
    const err = translateTemporal(error);
    log.warn({ loadId: id, err }, `Load ${id} hears later that it is ${paused ? 'paused' : 'resumed'}`);
  });
}

/**
 * Signals a workflow again what the ledger says: Temporal may have been away when the load was paused or resumed, or
 * restored from a copy of before that, and a signal that arrives while a workflow reads the ledger at its start is lost.
 */
export async function tellPaused(
  { client, db }: Pick<JobDeps, 'client' | 'db'>,
  { id, workflowId, paused }: Pick<LoadView, 'id' | 'workflowId' | 'paused'>,
): Promise<void> {
  await signalPaused(client, workflowId, paused);
  // The row is left alone if `paused` was changed meanwhile.
  await db.ledger
    .updateTable('load')
    .set({ pause_told: true })
    .where('id', '=', id)
    .where('paused', '=', paused)
    .execute();
}

/** Makes the reconciliation signal every running workflow again: Temporal may have been restored from an older copy. */
export async function tellPausedAgain({ ledger }: Pick<Sql, 'ledger'>): Promise<void> {
  await ledger.updateTable('load').set({ pause_told: false }).where('finished_at', 'is', null).execute();
}

async function signalPaused(client: Client, workflowId: string, paused: boolean): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(paused ? PAUSE : RESUME);
}
