import { WorkflowNotFoundError } from '@temporalio/client';
import { LongshoreError } from '../errors.ts';
import { hasEnded } from '../jobs/job.ts';
import { retryingOn } from '../jobs/retrying-on.ts';
import { waitUntilEnded } from '../jobs/wait-until-ended.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { compareBackup } from './compare-backup.ts';
import { deleteCopy, listCopies } from './copies.ts';
import { createRestore, latestBackupOf } from './create-restore.ts';
import { createDrill } from './drills.ts';
import { endRestore } from './end-restore.ts';
import type { LedgerRestoresDeps } from './ledger-restores-deps.ts';
import type { RestoreView } from './restore.ts';
import type { RestoreService } from './restore-service.ts';
import { startRestoreWorkflow } from './restore-workflows.ts';
import { listRestores, readRestore, unknownRestore } from './restores.ts';

const LEDGER_ID_MAX = 2 ** 31 - 1;

/** The restore service over the ledger and Temporal. */
export function createLedgerRestores(deps: LedgerRestoresDeps): RestoreService {
  const { db, storage, backupKeys: keys, client, dictionary, maxCopies } = deps;
  const get = async (id: number) => {
    if (id > LEDGER_ID_MAX) throw unknownRestore(id);
    return readRestore(db, id);
  };
  return {
    start: async (request) => begin(deps, await createRestore(db, { ...request, dictionary, maxCopies })),

    // One key may ask for many drills of a backup: each is one of its own.
    verify: async (request) => begin(deps, await createDrill(db, { ...request, dictionary, again: true })),

    latestOf: (table, before) => latestBackupOf({ db, storage, keys }, table, before),
    async get(id) {
      const restore = await get(id);
      if (hasEnded(restore)) return restore;
      return { ...restore, waitingFor: await retryingOn(client, restore.workflowId) };
    },
    list: (filter) => listRestores(db, filter),
    wait: (id, waitMs, signal) => waitUntilEnded({ read: () => get(id), hasEnded, waitMs, signal }),

    diff: (request) => compareBackup(deps, request),

    async cancel(id) {
      await cancel(deps, await get(id));
      return get(id);
    },

    copies: (filter) => listCopies(db, filter),
    deleteCopy: (name, within) => deleteCopy(db, name, within),
  };
}

/** The ledger first, then Temporal: should that be away, it starts when Temporal is back (`reconcileRestores`). */
async function begin(deps: LedgerRestoresDeps, id: number): Promise<RestoreView> {
  const { db, log } = deps;
  const restore = await readRestore(db, id);
  const { kind, backupId, target, startedBy: keyId } = restore;
  if (target.acceptUnverified) {
    log.warn(
      { restoreId: id, kind, backupId, keyId },
      `${kind} ${id} takes backup ${backupId}, which is unverified`,
    );
  }
  await startRestoreWorkflow(deps, restore).catch((error) =>
    log.warn({ restoreId: id, err: translateTemporal(error) }, `Restore ${id} waits for Temporal`),
  );
  return readRestore(db, id);
}

async function cancel({ db, client }: LedgerRestoresDeps, restore: RestoreView): Promise<void> {
  const { id, status, workflowId } = restore;
  if (hasEnded(restore))
    throw new LongshoreError('restore-state', `restore ${id} is ${status}: it has ended`);
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw translateTemporal(error);
    await endRestore(db, { restoreId: id, end: { status: 'cancelled' }, proof: null });
  }
}
