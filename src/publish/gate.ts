import type { Sql } from '../db/sql.ts';
import { quoteText } from '../db/sql-names.ts';
import { LongshoreError } from '../errors.ts';

/**
 * The gate of a table: closed while a restore replaces its rows, so that none that arrives meanwhile is lost.
 *
 * A restore closes it under a table lock that waits for every writer under way. A writer looks at it when it holds
 * its own lock on the table, in its own transaction: either it was there first, and the restore waits for it and then
 * saves what it wrote, or it sees the gate closed, writes nothing and comes again. The gate opens in the transaction
 * that ends the restore.
 */

/** SQL that is true while a restore keeps the table closed; `table` is an expression of type text. */
export function gateClosed(table: string): string {
  return `exists (select from longshore.table_gate where table_name = ${table})`;
}

/** SQL of the same for a name. */
export function gateClosedFor(name: string): string {
  return gateClosed(quoteText(name));
}

/**
 * For writers that hold a lock on the table.
 * @throws LongshoreError `table-restoring`: to be tried again
 */
export async function refuseClosed(tx: Sql, table: string): Promise<void> {
  const [closed] = await tx.query<{ restoreId: number }>(
    'select restore_id as "restoreId" from longshore.table_gate where table_name = $1',
    [table],
  );
  if (closed) throw tableRestoring(table);
}

export function tableRestoring(table: string): LongshoreError {
  return new LongshoreError(
    'table-restoring',
    `${table} is being restored: writing goes on when that has ended`,
  );
}
