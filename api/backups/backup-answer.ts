import type { BackupSummary, BackupView } from '../../src/backups/backup.ts';
import { unknownBackup } from '../../src/backups/backups.ts';
import { type JobResource, noteJob } from '../http/answer-job.ts';
import { mayUseTables } from '../http/auth.ts';
import type { ApiDeps } from '../http/deps.ts';
import type { Call } from '../http/route.ts';
import { workflowLink } from '../http/temporal-link.ts';
import type { BackupAnswer, BackupSummaryAnswer } from './backup-schemas.ts';

/** A backup with links to the requests that apply to it. */
export function backupAnswer(backup: BackupView, deps: ApiDeps): BackupAnswer {
  return { ...(backup as BackupAnswer), links: linksOf(backup, deps) };
}

/** The same of one in a list. */
export function backupSummaryAnswer(backup: BackupSummary, deps: ApiDeps): BackupSummaryAnswer {
  return { ...(backup as BackupSummaryAnswer), links: linksOf(backup, deps) };
}

function linksOf({ id, workflowId }: Pick<BackupView, 'id' | 'workflowId'>, deps: ApiDeps) {
  const self = backupPath(id);
  return {
    self,
    manifest: `${self}/files/manifest.json`,
    pin: `${self}/pin`,
    unpin: `${self}/unpin`,
    cancel: `${self}/cancel`,
    ...workflowLink(workflowId, deps),
  };
}

export function backupPath(id: string): string {
  return `/v1/backups/${encodeURIComponent(id)}`;
}

export const backupResource: JobResource<BackupView> = {
  name: 'backup',
  cancelled: 'backup-cancelled',
  path: backupPath,
  answer: backupAnswer,
};

type BackupCall = Pick<Call<string, { readonly id: string }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The backup of a path with `{id}`. A limited key sees a backup only when it may use every table of it: the manifest
 * describes them all.
 * @throws `unknown-backup`
 */
export async function findBackup({ res, deps, params, holder }: BackupCall): Promise<BackupView> {
  const backup = await deps.backups.get(params.id);
  const tables = backup.tables.map(({ table }) => table);
  // The tables of an unverified backup are only claimed by its manifest.
  const hidden = backup.status === 'unverified' && holder!.tables !== null;
  if (hidden || !mayUseTables(holder!, tables)) throw unknownBackup(params.id);
  noteJob(res, backupResource, backup);
  return backup;
}
