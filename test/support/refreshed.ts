import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import { SQLSTATE, sqlstateOf } from '../../src/db/sqlstate.ts';
import { refreshView } from '../../src/reports/refresh-view.ts';

/** Refreshes views of reports now. One that is being refreshed already is refreshed again afterwards. */
export async function refreshNow(db: Database, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    while (!(await refreshed(db, name))) await sleep(20);
  }
}

async function refreshed(db: Database, name: string): Promise<boolean> {
  try {
    await refreshView(db, name, { force: true, signal: new AbortController().signal });
    return true;
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.lockNotAvailable) return false;
    throw error;
  }
}
