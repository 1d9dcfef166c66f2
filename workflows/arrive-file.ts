import {
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { ArrivalActivities } from '../activities/arrivals.ts';
import type { Activities } from '../activities/index.ts';
import { type ArriveFileInput, FILE_ENDED, TRY_AGAIN } from '../src/arrivals/contract.ts';
import { LOAD_ENDED } from '../src/loads/contract.ts';
import { LEDGER, LOAD_POLL, WHOLE } from './policies.ts';
import { workerActivities } from './worker-activities.ts';

const ledger = proxyActivities<ArrivalActivities>(LEDGER);
const workers = workerActivities<Activities>(WHOLE);

/**
 * One file of an arrival, in one version:
 *
 *   its load ─ wait until that has ended ─ move, keep or delete it ─ receipt ─┬─ end
 *      └───────────────────── asked to try it again meanwhile ────────────────┘
 *
 * The load is a workflow of its own, as any other. Each step finds in the ledger what is done already, so that whoever
 * starts this again, after whatever has died, does nothing twice.
 */
export async function arriveFile({ fileId, looking }: ArriveFileInput): Promise<void> {
  const told = { ended: false, again: false };
  setHandler(defineSignal(LOAD_ENDED), () => {
    told.ended = true;
  });
  setHandler(defineSignal(TRY_AGAIN), () => {
    told.again = true;
  });
  do {
    told.again = false;
    await load(fileId, told);
    setCurrentDetails('**ended**');
    await getExternalWorkflowHandle(looking)
      .signal(defineSignal(FILE_ENDED))
      .catch(() => undefined);
  } while (told.again);
}

async function load(fileId: number, told: { ended: boolean }): Promise<void> {
  told.ended = false;
  const { loading } = await ledger.beginFile({ fileId });
  if (loading) setCurrentDetails('waits for its load');
  for (let [waits, pauseMs] = [loading, LOAD_POLL.firstMs as number]; ; waits = true) {
    if (waits) await condition(() => told.ended, pauseMs);
    told.ended = false;
    if (await workers.settleFile({ fileId })) return;
    pauseMs = Math.min(pauseMs * 2, LOAD_POLL.lastMs);
  }
}
