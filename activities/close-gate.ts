import { closeGate as closeInLedger, type GateState } from '../src/restores/restore-gate.ts';
import type { RestoreStep } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';

/** Keeps others from writing to the restore's tables, unless it has to wait for them. */
export function closeGate({ db }: ActivityDeps) {
  return ({ restoreId }: RestoreStep): Promise<GateState> => closeInLedger(db, restoreId);
}
