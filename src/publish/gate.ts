import type { Sql } from '../db/sql.ts';
import { quoteText } from '../db/sql-names.ts';
import { type Part, part, statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';

/**
 * The gate of a table is closed while a restore replaces its rows, so that no row that arrives meanwhile is lost.
 *
 * A restore closes it under a table lock that waits for every writer under way. A writer checks it in its own
 * transaction, after it has locked the table: either it was first, and the restore waits for it and then saves what it
 * wrote, or it sees the gate closed, writes nothing and throws `table-restoring`, on which Temporal retries its activity
 * (`activities/failures.ts`). The gate opens in the transaction that ends the restore (`src/restores/restore-gate.ts`).
 */

/** SQL that is true while a restore keeps the table closed; `table` is an expression of type text. */
export function gateClosed(table: string): Part {
  return part`exists (select from longshore.table_gate where table_name = ${table})`;
}

/** SQL that is true while the table of this name is closed. */
export function gateClosedFor(name: string): Part {
  return gateClosed(quoteText(name));
}

const CLOSED_BY = statement<{
  restoreId: number;
}>`select restore_id as "restoreId" from longshore.table_gate where table_name = $1`;

/**
 * Refuses a writer while the gate is closed. The writer has to hold a lock on the table.
 * @throws LongshoreError `table-restoring`, which is retryable
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
