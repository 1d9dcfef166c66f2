import { randomBytes } from 'node:crypto';

/** `20261121T112233Z-3f9a2c`: the second in which it was requested, UTC, so that IDs sort by time; and six hex digits. */
export const BACKUP_ID = /^\d{8}T\d{6}Z-[0-9a-f]{6}$/;

export function newBackupId(at: Date = new Date()): string {
  const second = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
  return `${second}-${randomBytes(3).toString('hex')}`;
}

/** Where the files of a backup are; also what `storage.list` takes. */
export function backupFolder(id: string): string {
  return `backups/${id}/`;
}
