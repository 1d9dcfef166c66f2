import { unknownBackup } from '../backups/backups.ts';
import { type Doubt, describeDoubts } from '../backups/doubts.ts';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';

/**
 * Checks that a backup may be restored or proved.
 * @returns null for a trusted one; else its doubts, where the caller accepts them
 * @throws LongshoreError `unknown-backup`; `backup-state` where there is nothing to restore; `backup-unverified`
 */
export async function requireRestorable(
  db: Sql,
  id: string,
  acceptUnverified: boolean,
): Promise<readonly Doubt[] | null> {
  const row = await db.ledger
    .selectFrom('backup')
    .select(['status', 'unverified as doubts', ({ eb }) => eb('manifest', 'is not', null).as('readable')])
    .where('id', '=', id)
    .executeTakeFirst();
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
