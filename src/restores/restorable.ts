import type { BackupStatus } from '../backups/backup.ts';
import { unknownBackup } from '../backups/backups.ts';
import { type Doubt, describeDoubts } from '../backups/doubts.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';

const READ_DOUBTS = statement<{
  status: BackupStatus;
  readable: boolean;
  doubts: readonly Doubt[] | null;
}>`select status, manifest is not null as readable, unverified as doubts from longshore.backup where id = $1`;

/**
 * Sees that a backup may be restored or proved.
 * @returns null for one that is believed; else why it is not, where the caller accepts that
 * @throws LongshoreError `unknown-backup`; `backup-state` where there is nothing to restore; `backup-unverified`
 */
export async function requireRestorable(
  db: Sql,
  id: string,
  acceptUnverified: boolean,
): Promise<readonly Doubt[] | null> {
  const [row] = await db.query(READ_DOUBTS, [id]);
  if (!row) throw unknownBackup(id);
  const { status, readable, doubts } = row;
  if (status === 'done') return null;
  if (status !== 'unverified' || doubts === null) {
    throw new LongshoreError('backup-state', `backup ${id} is ${status}: it can not be restored`);
  }
  if (!readable) {
    throw new LongshoreError('backup-damaged', `backup ${id} can not be restored: ${describeDoubts(doubts)}`);
  }
  if (acceptUnverified) return doubts;
  throw new LongshoreError('backup-unverified', `backup ${id} is unverified: ${describeDoubts(doubts)}`);
}
