import { closeGate as closeInLedger, type GateState } from '../src/restores/restore-gate.ts';
import type { RestoreStep } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';

/** Closes the restore's tables to writers, unless it has to wait for writers under way. */
export function closeGate({ db }: ActivityDeps) {
  return ({ restoreId }: RestoreStep): Promise<GateState> => closeInLedger(db, restoreId);
}
