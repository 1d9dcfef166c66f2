import type { BackupView } from '../../src/backups/backup.ts';
import { unknownBackup } from '../../src/backups/backups.ts';
import { ERRORS } from '../../src/errors.ts';
import { mayUseTables } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';
import type { Call } from '../http/route.ts';
import { temporalLink } from '../loads/load-answer.ts';
import type { BackupAnswer } from './backup-schemas.ts';

/** A backup with the addresses of what can be done with it. */
export function backupAnswer(backup: BackupView, deps: ApiDeps): BackupAnswer {
  const self = backupPath(backup.id);
  return {
    ...(backup as BackupAnswer),
    links: {
      self,
      manifest: `${self}/files/manifest.json`,
      pin: `${self}/pin`,
      unpin: `${self}/unpin`,
      cancel: `${self}/cancel`,
      ...temporalLink(backup.workflowId, deps),
    },
  };
}

export function backupPath(id: string): string {
  return `/v1/backups/${encodeURIComponent(id)}`;
}

type BackupCall = Pick<Call<string, { readonly id: string }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The backup of a path with `{id}`. A limited key sees a backup only when it may use every table of it: the manifest
 * describes them all.
 * @throws `unknown-backup`
 */
export async function findBackup({ res, deps, params, holder }: BackupCall): Promise<BackupView> {
  const backup = await deps.backups.get(params.id);
  const tables = backup.tables.map(({ table }) => table);
  // What an unverified one holds is its manifest's own word.
  const hidden = backup.status === 'unverified' && holder!.tables !== null;
  if (hidden || !mayUseTables(holder!, tables)) throw unknownBackup(params.id);
  contextOf(res).workflowId = backup.workflowId;
  return backup;
}

/** The problem of a backup that did not become one: its own error, with the backup as a member. */
export function problemOfBackup(backup: BackupView, deps: ApiDeps): HttpError {
  const code = backup.error?.code ?? (backup.status === 'cancelled' ? 'backup-cancelled' : 'internal');
  return new HttpError(code, backup.error?.message ?? ERRORS[code].title, {
    headers: { Location: backupPath(backup.id) },
    members: { backup: backupAnswer(backup, deps) },
  });
}
