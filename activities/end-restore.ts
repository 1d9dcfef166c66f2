import { Context } from '@temporalio/activity';
import {
  type EndedRestore,
  type EndRestoreInput,
  endRestore as endInLedger,
} from '../src/restores/end-restore.ts';
import type { ActivityDeps } from './deps.ts';

/** Records in the ledger how a restore's workflow ended. */
export function endRestore({ db, onWritten }: ActivityDeps) {
  return async (input: EndRestoreInput): Promise<EndedRestore> => {
    const ended = await endInLedger(db, input);
    const misfits = input.proof?.misfits ?? [];
    if (misfits.length > 0) {
      Context.current().log.warn('a backup is good, and the dictionary would refuse it', {
        restoreId: input.restoreId,
        misfits,
      });
    }
    if (ended.status === 'done') onWritten?.();
    return ended;
  };
}
