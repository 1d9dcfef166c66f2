import { ERRORS } from '../../src/errors.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { unknownRestore } from '../../src/restores/restores.ts';
import { backupPath } from '../backups/backup-answer.ts';
import { mayUseTables } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';
import type { Call } from '../http/route.ts';
import { temporalLink } from '../loads/load-answer.ts';
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
      ...temporalLink(restore.workflowId, deps),
    },
  };
}

export function restorePath(id: number): string {
  return `/v1/restores/${id}`;
}

type RestoreCall = Pick<Call<string, { readonly id: number }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The restore of a path with `{id}`. A limited key sees one only when it may use every table of it.
 * @throws `unknown-restore`
 */
export async function findRestore({ res, deps, params, holder }: RestoreCall): Promise<RestoreView> {
  const restore = await deps.restores.get(params.id);
  if (!mayUseTables(holder!, restore.tables)) throw unknownRestore(params.id);
  contextOf(res).workflowId = restore.workflowId;
  return restore;
}

/** The problem of a restore that failed: its own error, with the restore as a member. */
export function problemOfRestore(restore: RestoreView, deps: ApiDeps): HttpError {
  const code = restore.error?.code ?? (restore.status === 'cancelled' ? 'restore-cancelled' : 'internal');
  return new HttpError(code, restore.error?.message ?? ERRORS[code].title, {
    headers: { Location: restorePath(restore.id) },
    members: { restore: restoreAnswer(restore, deps) },
  });
}
