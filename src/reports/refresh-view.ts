import { sql } from 'kysely';
import type { Database, Tx } from '../db/database.ts';
import { asDatabaseError } from '../db/database-error.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { fillView } from './fill-view.ts';
import { STALE } from './report-states.ts';
import { rowFault } from './row-fault.ts';

export interface RefreshOptions {
  /** Refresh even when the ledger has nothing new. */
  readonly force: boolean;
  /** When it aborts, the refresh is not committed. */
  readonly signal: AbortSignal;
}

/**
 * Refreshes a report's view, beside its readers, with its ledger row in one transaction. A failure leaves the view as it
 * is, and is recorded in the ledger.
 *
 * @returns its version now; null: there is no such report any more
 * @throws LongshoreError `refresh-failed`, `database-unavailable`, `database-busy`, `database-full`
 */
export async function refreshView(
  db: Database,
  name: string,
  options: RefreshOptions,
): Promise<number | null> {
  try {
    return await db.transaction((tx) => refresh(tx, name, options));
  } catch (error) {
    const failure = asRefreshError(error, name);
    // Another attempt is under way, or this one was cancelled: neither is a failure of the report.
    if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable && !options.signal.aborted) {
      // While the database is away the failure can't be recorded; the next failing attempt does.
      await noteFailure(db, name, failure).catch(() => undefined);
    }
    throw failure;
  }
}

const READ_STATE = statement<{ version: number; tables: string[]; stale: boolean; failed: boolean }>`
  select r.version, r.tables, ${STALE} as stale, r.failed_at is not null as failed
    from longshore.report r where r.name = $1 for update of r nowait`;

async function refresh(tx: Tx, name: string, { force, signal }: RefreshOptions): Promise<number | null> {
  const [report] = await tx.query(READ_STATE, [name]);
  if (report === undefined) return null;
  if (!force && !report.stale && !report.failed) return report.version;
  await fillView(tx, { name, tables: report.tables }, { view: name, concurrently: true });
  signal.throwIfAborted();
  return report.version + 1;
}

function asRefreshError(error: unknown, name: string): LongshoreError {
  if (error instanceof LongshoreError) return error;
  const busy = sqlstateOf(error) === SQLSTATE.lockNotAvailable;
  const known = asDatabaseError(error);
  if (known !== null && !busy) return known;
  const reason = busy ? 'another refresh of it is under way' : rowFault(error);
  return new LongshoreError('refresh-failed', `report ${name}: ${reason}`, { cause: error });
}

async function noteFailure(db: Database, name: string, { code, message }: LongshoreError): Promise<void> {
  await db.ledger
    .updateTable('report')
    .set({
      error_code: code,
      error_message: message,
      failed_at: sql<Date>`coalesce(failed_at, clock_timestamp())`,
    })
    .where('name', '=', name)
    .execute();
}
