import { type EndedLoad, type EndLoadInput, endLoad as endInLedger } from '../src/loads/end-load.ts';
import { hintOfLoad } from '../src/loads/hint-of-load.ts';
import { readLoadPlan } from '../src/loads/loads.ts';
import { KEPT_REJECTS } from '../src/max-rejects.ts';
import type { ActivityDeps } from './deps.ts';

export type { EndedLoad, EndLoadInput } from '../src/loads/end-load.ts';

/** Errors of files that may be written otherwise than they were read. */
const OF_READING: ReadonlySet<string> = new Set(['header-mismatch', 'too-many-rejects']);

/** Records in the ledger how a load's workflow ended. */
export function endLoad({ db, storage, keptRejects = KEPT_REJECTS, onWritten }: ActivityDeps) {
  return async (input: EndLoadInput): Promise<EndedLoad> => {
    const hint = await hintOf(db, storage, input);
    const ended = await endInLedger(db, storage, input, keptRejects, hint);
    if (ended.status === 'done') onWritten?.();
    return ended;
  };
}

async function hintOf(
  db: ActivityDeps['db'],
  storage: ActivityDeps['storage'],
  { end, ...step }: EndLoadInput,
): Promise<string | null> {
  if (end.status !== 'failed' || !OF_READING.has(end.code)) return null;
  return hintOfLoad(db, storage, await readLoadPlan(db, step));
}
