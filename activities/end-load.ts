import { type EndedLoad, type EndLoadInput, endLoad as endInLedger } from '../src/loads/end-load.ts';
import { KEPT_REJECTS } from '../src/max-rejects.ts';
import type { ActivityDeps } from './deps.ts';

export type { EndedLoad, EndLoadInput } from '../src/loads/end-load.ts';

/** Records in the ledger how a load's workflow ended. */
export function endLoad({ db, storage, keptRejects = KEPT_REJECTS, onWritten }: ActivityDeps) {
  return async (input: EndLoadInput): Promise<EndedLoad> => {
    const ended = await endInLedger(db, storage, input, keptRejects);
    if (ended.status === 'done') onWritten?.();
    return ended;
  };
}
