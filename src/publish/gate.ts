import type { Sql } from '../db/sql.ts';
import { quoteText } from '../db/sql-names.ts';
import { type Part, part, statement } from '../db/statement.ts';
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
export function gateClosed(table: string): Part {
  return part`exists (select from longshore.table_gate where table_name = ${table})`;
}

/** SQL of the same for a name. */
export function gateClosedFor(name: string): Part {
  return gateClosed(quoteText(name));
}

const CLOSED_BY = statement<{
  restoreId: number;
}>`select restore_id as "restoreId" from longshore.table_gate where table_name = $1`;

/**
 * For writers that hold a lock on the table.
 * @throws LongshoreError `table-restoring`: to be tried again
 */
export async function refuseClosed(tx: Sql, table: string): Promise<void> {
  const [closed] = await tx.query(CLOSED_BY, [table]);
  if (closed) throw tableRestoring(table);
}

export function tableRestoring(table: string): LongshoreError {
  return new LongshoreError(
    'table-restoring',
    `${table} is being restored: writing goes on when that has ended`,
  );
}
