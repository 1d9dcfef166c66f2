import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { tableLocked } from '../db/lock-holders.ts';
import { isRowFault, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { tableRestoring } from '../publish/gate.ts';
import { liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import type { BatchMode, BatchOutcome } from './batch.ts';
import type { CheckedBatch } from './checked-batch.ts';
import { commitCarefully } from './commit-carefully.ts';
import { type CommitTarget, outcomeOf } from './committed.ts';
import { enter, keepLines, ledgerParameters, rowParameters, shapeOf } from './group-parameters.ts';
import { type CommittedRow, commitSql, type References } from './group-sql.ts';
import { outcomesInLedger } from './idempotent.ts';

/**
 * From so many rows on, looking up each reference once and silencing the triggers pays: below, planning the larger
 * statement costs more than the triggers do (measured with two references).
 */
export const SETS_FROM_ROWS = 50;

/** Tries of the whole transaction after a deadlock, or after another transaction wrote a key first. */
const TRIES = 8;
const PAUSE_MS = 20;

export interface GroupToCommit {
  readonly group: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly table: Table;
  readonly mode: BatchMode;
}

/** Databases whose role may not silence triggers. */
const mayNotSilence = new WeakSet<Database>();

/**
 * Commits a group: its rows, rejects, Idempotency-Keys and ledger rows, as one transaction.
 *
 *   all in one statement ──────────────────────────────────────────────┐
 *        ├ group is in the ledger: a retry, or a zombie ── read it ────┤
 *        └ a key, a reference or an Idempotency-Key is in conflict      ├─ outcomes
 *               └ a transaction: known keys are answered; the batches   │
 *                 go in by halves, then row by row (`putEntries`) ──────┘
 *
 * Batches take effect in their order. A row is never written twice: the group's row in the ledger, unique by its
 * workflow, is part of the same transaction, and makes a second attempt wait for the first and then find it.
 *
 * @returns in the order of the batches
 * @throws what PostgreSQL throws when it can't be reached or has no space: nothing was written, or the ledger has the
 *   outcome; `table-restoring` while a restore keeps the table closed, `table-locked` while somebody else has locked it or
 *   one that it refers to: nothing was written
 */
export async function commitGroup(
  db: Database,
  group: GroupToCommit,
  batches: readonly CheckedBatch[],
): Promise<readonly BatchOutcome[]> {
  for (let attempt = 1; ; attempt++) {
    const target = { ...group, references: referencesFor(db, group.table, batches) };
    try {
      return await tryCommit(db, target, batches);
    } catch (error) {
      if (target.references === 'sets' && sqlstateOf(error) === SQLSTATE.insufficientPrivilege) {
        mayNotSilence.add(db);
        continue;
      }
      if (sqlstateOf(error) === SQLSTATE.lockNotAvailable) {
        throw await tableLocked(db, tablesOf(group.table), 'row exclusive', error);
      }
      if (attempt >= TRIES || !passes(error)) throw error;
      await sleep(PAUSE_MS * attempt * Math.random());
    }
  }
}

/** The tables that rows of this one are written to, or looked up in. */
function tablesOf(table: Table): readonly string[] {
  const others = table.foreignKeys.map(({ reference }) => reference.table);
  return [...new Set([table.name, ...others])].map((name) => liveName({ name }));
}

/** Whether a retry of the same transaction may succeed. */
function passes(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected) return true;
  // Two transactions with the same Idempotency-Key: this one now finds the other's outcome.
  return state === SQLSTATE.uniqueViolation && constraintOf(error) === 'idempotency_key_pkey';
}

function constraintOf(error: unknown): string | undefined {
  return (error as { constraint?: string }).constraint;
}

async function tryCommit(
  db: Database,
  target: CommitTarget,
  batches: readonly CheckedBatch[],
): Promise<readonly BatchOutcome[]> {
  const first = repeatsKey(batches) ? 'clash' : await commitAtOnce(db, target, batches);
  if (first === 'fault' || first === 'clash') return commitCarefully(db, target, batches, first === 'fault');
  return first ?? outcomesInLedger(db, batches);
}

/** @returns null when the group is there already; else its outcomes, or why nothing was written */
async function commitAtOnce(
  db: Database,
  target: CommitTarget,
  batches: readonly CheckedBatch[],
): Promise<readonly BatchOutcome[] | null | 'fault' | 'clash'> {
  const { table, mode, references } = target;
  const entries = enter(batches);
  const shape = shapeOf(entries);
  let row: CommittedRow | undefined;
  try {
    [row] = await db.prepared(commitSql(table, mode, references, shape), [
      ...ledgerParameters(entries),
      target.workflowId,
      target.runId,
      table.name,
      mode,
      ...rowParameters(table, entries, shape),
    ]);
  } catch (error) {
    if (passes(error) || !isRowFault(error)) throw error;
    return 'fault';
  }
  if (row?.closed) throw tableRestoring(table.name);
  if (row?.clash) return 'clash';
  if (row?.broken || row?.inTurn) return 'fault';
  const { id, committedAt } = row ?? {};
  if (!id || !committedAt) return null;
  keepLines(entries, row!.kept);
  return entries.map((entry) => outcomeOf(target, entry, { id, committedAt }));
}

function repeatsKey(batches: readonly CheckedBatch[]): boolean {
  const keys = batches.flatMap(({ received: { sentBy, idempotency } }) =>
    idempotency ? [JSON.stringify([sentBy, idempotency.key])] : [],
  );
  return new Set(keys).size < keys.length;
}

/**
 * Where a table references itself, a row may refer to another of its group, which only the triggers see, at the end.
 * The same holds for a reference of which a row sets one field and leaves another as the table has it.
 */
function referencesFor(db: Database, table: Table, batches: readonly CheckedBatch[]): References {
  const rows = batches.reduce((sum, { good }) => sum + good.length, 0);
  const partial = batches.some(({ good }) => good.some(({ given }) => given !== undefined));
  if (rows < SETS_FROM_ROWS || partial || table.foreignKeys.length === 0 || mayNotSilence.has(db))
    return 'triggers';
  return table.foreignKeys.some(({ reference }) => reference.table === table.name) ? 'triggers' : 'sets';
}
