import type { RestoreView } from '../../src/restores/restore.ts';
import { unknownRestore } from '../../src/restores/restores.ts';
import { backupPath } from '../backups/backup-answer.ts';
import { type JobResource, noteJob } from '../http/answer-job.ts';
import { mayUseTables } from '../http/auth.ts';
import type { ApiDeps } from '../http/deps.ts';
import type { Call } from '../http/route.ts';
import { workflowLink } from '../http/temporal-link.ts';
import type { RestoreAnswer } from './restore-schemas.ts';

/** A restore with the addresses of what can be done with it. */
export function restoreAnswer(restore: RestoreView, deps: ApiDeps): RestoreAnswer {
  const self = restorePath(restore.id);
  const { safetyBackupId } = restore;
  return {
    ...(restore as RestoreAnswer),
    links: {
      self,
      backup: backupPath(restore.backupId),
      ...(safetyBackupId !== null && { safetyBackup: backupPath(safetyBackupId) }),
      cancel: `${self}/cancel`,
      ...workflowLink(restore.workflowId, deps),
    },
  };
}

export function restorePath(id: number): string {
  return `/v1/restores/${id}`;
}

export const restoreResource: JobResource<RestoreView> = {
  name: 'restore',
  cancelled: 'restore-cancelled',
  path: restorePath,
  answer: restoreAnswer,
};

type RestoreCall = Pick<Call<string, { readonly id: number }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The restore of a path with `{id}`. A limited key sees one only when it may use every table of it.
 * @throws `unknown-restore`
 */
export async function findRestore({ res, deps, params, holder }: RestoreCall): Promise<RestoreView> {
  const restore = await deps.restores.get(params.id);
  if (!mayUseTables(holder!, restore.tables)) throw unknownRestore(params.id);
  noteJob(res, restoreResource, restore);
  return restore;
}
