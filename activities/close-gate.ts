import { closeGate as closeInLedger, type GateState } from '../src/restores/restore-gate.ts';
import type { RestoreStep } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';

/** Closes the gates of the restore's tables; `wait` while writers under way or another restore keep it from that. */
export function closeGate({ db }: ActivityDeps) {
  return ({ restoreId }: RestoreStep): Promise<GateState> => closeInLedger(db, restoreId);
}
