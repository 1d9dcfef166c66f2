import type { Database } from '../db/database.ts';
import { anyOf } from '../db/ledger-queries.ts';
import { withinLockTime } from '../db/lock-holders.ts';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import { liveName } from '../tables/table-state.ts';
import { lockRestore, readRestorePlan, setRestoreStatus } from './restores.ts';

export type GateState =
  | { readonly state: 'closed' }
  /** `behind`: the restore that keeps one of the tables closed; null, of earlier ones: it waits for writers under way. */
  | { readonly state: 'wait'; readonly behind: number | null };

/**
 * Closes the gates of a restore's tables (`src/publish/gate.ts`), of all or of none: then every writer that was under
 * way has ended, and later ones wait. Idempotent.
 *
 * @throws LongshoreError `restore-state` when the restore has ended; `table-locked` while writers or others have a table:
 *   those that come later queue behind this lock, so it gives up soon and is retried
 */
export async function closeGate(db: Database, restoreId: number): Promise<GateState> {
  const { tables } = await readRestorePlan(db, restoreId);
  const names = tables.map(({ table }) => table.name);
  try {
    const behind = await db.transaction(async (tx) => {
      await lockRestore(tx, restoreId);
      const before = await closedByOthers(tx, restoreId, names);
      if (before !== null) return before;
      const lives = tables.map(({ table }) => liveName(table)).sort();
      await withinLockTime(tx, lives, 'share row exclusive', () =>
        tx.query(`lock table ${lives.join(', ')} in share row exclusive mode`),
      );
      const other = await closedByOthers(tx, restoreId, names);
      if (other !== null) return other;
      await tx.ledger
        .insertInto('table_gate')
        .values(names.map((name) => ({ table_name: name, restore_id: restoreId })))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return null;
    });
    if (behind === null) return { state: 'closed' };
    await setRestoreStatus(db, restoreId, 'waiting');
    return { state: 'wait', behind };
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'table-locked') {
      await setRestoreStatus(db, restoreId, 'waiting');
    }
    throw error;
  }
}

/** Opens the gates that a restore has closed; in the transaction that ends it. */
export async function openGates({ ledger }: Sql, restoreId: number): Promise<void> {
  await ledger.deleteFrom('table_gate').where('restore_id', '=', restoreId).execute();
}

async function closedByOthers(
  { ledger }: Sql,
  restoreId: number,
  names: readonly string[],
): Promise<number | null> {
  const row = await ledger
    .selectFrom('table_gate')
    .select('restore_id as behind')
    .where('table_name', '=', anyOf(names))
    .where('restore_id', '<>', restoreId)
    .orderBy('restore_id')
    .limit(1)
    .executeTakeFirst();
  return row?.behind ?? null;
}
