import type { Database, Tx } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { refuseClosed } from '../publish/gate.ts';
import { liveName } from '../tables/table-state.ts';
import type { BatchOutcome } from './batch.ts';
import type { CheckedBatch } from './checked-batch.ts';
import { type CommitTarget, outcomeOf } from './committed.ts';
import { type Entry, enter, ledgerParameters } from './group-parameters.ts';
import { LEDGER_SQL } from './group-sql.ts';
import {
  answerAgain,
  type Idempotent,
  idempotencyKeyName,
  knownIdempotencyKeys,
  outcomesInLedger,
} from './idempotent.ts';
import { putEntries } from './put-entries.ts';

/**
 * Commits a group that can't be committed as it is: batches whose Idempotency-Key the ledger knows, or that comes twice,
 * get the first outcome; rows whose keys or references do not hold become rejects, and all others go in.
 *
 * @param suspect its rows are known not to go in together
 */
export function commitCarefully(
  db: Database,
  target: CommitTarget,
  batches: readonly CheckedBatch[],
  suspect: boolean,
): Promise<readonly BatchOutcome[]> {
  return db.transaction(async (tx) => {
    const begun = await beginGroup(tx, target);
    if (begun === null) return outcomesInLedger(tx, batches);
    const { fresh, answered } = await sortOut(tx, batches);
    const entries = enter(fresh);
    if (entries.some(({ good }) => good.length > 0)) {
      // This lock comes before that of any other table: see `lockLive`.
      await tx.query(`lock table ${liveName(target.table)} in row exclusive mode`);
      await refuseClosed(tx, target.table.name);
      const { table, mode, references } = target;
      const all = suspect && fresh.length === batches.length;
      await putEntries({ tx, table, mode, references, id: begun.id }, entries, all);
    }
    await tx.query(LEDGER_SQL, [...ledgerParameters(entries), begun.id]);
    return answerAll(target, batches, entries, answered, begun);
  });
}

interface Begun {
  readonly id: number;
  readonly committedAt: Date;
}

const INSERT_GROUP = statement<{ id: number; committedAt: Date }>`
  insert into longshore.batch_group (workflow_id, run_id, table_name, mode) values ($1, $2, $3, $4)
  on conflict do nothing returning id::float8 as id, committed_at as "committedAt"`;

/** The group's row in the ledger; null when it is there already. Waits for a transaction that is writing it. */
async function beginGroup(tx: Tx, { workflowId, runId, table, mode }: CommitTarget): Promise<Begun | null> {
  const [begun] = await tx.query(INSERT_GROUP, [workflowId, runId, table.name, mode]);
  return begun ?? null;
}

/** Separates the batches to write from those that repeat an outcome. Deletes expired keys that new ones replace. */
async function sortOut(tx: Tx, batches: readonly CheckedBatch[]) {
  const known = await knownIdempotencyKeys(tx, batches);
  const answered = new Map<CheckedBatch, Idempotent>();
  const fresh: CheckedBatch[] = [];
  const seen = new Set<string>();
  for (const batch of batches) {
    const first = known.of(batch.received);
    if (first) {
      answered.set(batch, first);
      continue;
    }
    const name = idempotencyKeyName(batch.received);
    if (name === null || !seen.has(name)) fresh.push(batch);
    if (name !== null) seen.add(name);
  }
  await dropExpired(tx, fresh);
  return { fresh, answered };
}

const DROP_EXPIRED = statement`
  delete from longshore.idempotency_key k using unnest($1::text[], $2::text[]) as s (key_id, key)
   where k.key_id = s.key_id and k.key = s.key and k.expires_at <= now()`;

async function dropExpired(tx: Tx, fresh: readonly CheckedBatch[]): Promise<void> {
  const keyed = fresh.flatMap(({ received: { sentBy, idempotency } }) =>
    idempotency ? [{ sentBy, key: idempotency.key }] : [],
  );
  if (keyed.length === 0) return;
  await tx.query(DROP_EXPIRED, [keyed.map(({ sentBy }) => sentBy), keyed.map(({ key }) => key)]);
}

function answerAll(
  target: CommitTarget,
  batches: readonly CheckedBatch[],
  entries: readonly Entry[],
  answered: ReadonlyMap<CheckedBatch, Idempotent>,
  begun: Begun,
): BatchOutcome[] {
  const written = new Map(entries.map((entry) => [entry.batch, outcomeOf(target, entry, begun)]));
  const firsts = new Map<string, Idempotent>();
  return batches.map((batch) => {
    const { received } = batch;
    const name = idempotencyKeyName(received);
    const own = written.get(batch);
    if (own) {
      const fingerprint = received.idempotency?.fingerprint ?? '';
      if (name !== null) firsts.set(name, { fingerprint, outcome: own });
      return own;
    }
    // It was not written, so it repeats an outcome: the ledger's, or that of an earlier batch of the group.
    return answerAgain(received, answered.get(batch) ?? firsts.get(name ?? '')!);
  });
}
