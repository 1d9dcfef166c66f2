import type { Verification } from '../backups/backup.ts';
import type { Database } from '../db/database.ts';
import { jsonb, moment, NOW } from '../db/ledger-queries.ts';
import { withinLockTime } from '../db/lock-holders.ts';
import type { Sql } from '../db/sql.ts';
import { quoteName, STAGE_SCHEMA } from '../db/sql-names.ts';
import { statement } from '../db/statement.ts';
import type { JobEnd } from '../jobs/job.ts';
import { Faults } from '../runtime/faults.ts';
import type { RestoreKind, RestoreStatus } from './restore.ts';
import { openGates } from './restore-gate.ts';
import { type RestoreStep, requireRestore, unknownRestore } from './restores.ts';

/** The result of a drill. */
export type Proof = Pick<Verification, 'tables' | 'faults' | 'misfits' | 'warnings'>;

export interface EndRestoreInput extends RestoreStep {
  readonly end: JobEnd;
  /** The drill's result; null: it has none, and the backup is neither proved nor damaged. */
  readonly proof: Proof | null;
}

export interface EndedRestore {
  /** The status in the ledger: a cancellation that came after the commit finds the restore done. */
  readonly status: RestoreStatus;
}

const END_RESTORE = statement<{ kind: RestoreKind; backupId: string; seconds: number }>`
  update longshore.restore
     set status = $2, error_code = $3, error_message = $4, finished_at = clock_timestamp()
   where id = $1 and finished_at is null
   returning kind, backup_id as "backupId",
             extract(epoch from clock_timestamp() - created_at)::float8 as seconds`;

/**
 * Records how a restore ended, unless it has ended already; opens its gates, drops its stages, and records a drill's
 * result, all in one transaction. Idempotent.
 */
export async function endRestore(db: Database, input: EndRestoreInput): Promise<EndedRestore> {
  const { restoreId, end, proof } = input;
  return db.transaction(async (tx) => {
    await requireRestore(tx, input);
    const failure = end.status === 'failed' ? [end.code, end.message] : [null, null];
    const [ended] = await tx.query(END_RESTORE, [restoreId, end.status, ...failure]);
    if (ended?.kind === 'drill' && proof) await recordProof(tx, { ...ended, restoreId, proof });
    await clearRestore(tx, restoreId);
    const row = await tx.ledger
      .selectFrom('restore')
      .select('status')
      .where('id', '=', restoreId)
      .executeTakeFirst();
    if (!row) throw unknownRestore(restoreId);
    return row;
  });
}

async function recordProof(
  tx: Sql,
  drill: {
    readonly backupId: string;
    readonly restoreId: number;
    readonly seconds: number;
    readonly proof: Proof;
  },
): Promise<void> {
  const { backupId, restoreId, seconds, proof } = drill;
  const ok = proof.faults.length === 0;
  const at = new Date().toISOString();
  const verification: Verification = { ok, at, seconds, restoreId, ...proof };
  await tx.ledger
    .updateTable('backup')
    .set({ verification: jsonb(verification), ...(ok && { verified_at: moment(at) }) })
    .where('id', '=', backupId)
    .execute();
}

/**
 * Opens the gates and drops the stages, unless they are kept for a while; in the transaction that ends the restore.
 */
export async function clearRestore(tx: Sql, restoreId: number): Promise<void> {
  const { ledger } = tx;
  await openGates(tx, restoreId);
  const kept = await ledger
    .selectFrom('restore')
    .select('id')
    .where('id', '=', restoreId)
    .where('status', '=', 'done')
    .where('keep_until', '>', NOW)
    .executeTakeFirst();
  if (kept) return;
  await dropStages(tx, restoreId);
  await ledger.deleteFrom('restore_part').where('restore_id', '=', restoreId).execute();
}

/** Drops the stages in one statement, since those of a drill reference each other. */
async function dropStages(tx: Sql, restoreId: number): Promise<void> {
  const stages = await tx.query<{ name: string }>(
    `select relname as name from pg_class
      where relnamespace = $1::regnamespace and relkind = 'r' and relname ~ ('^restore_' || $2::int || '_[0-9]+$')`,
    [STAGE_SCHEMA, restoreId],
  );
  if (stages.length === 0) return;
  const names = stages.map(({ name }) => quoteName(STAGE_SCHEMA, name));
  await withinLockTime(tx, names, 'access exclusive', () => tx.query(`drop table ${names.join(', ')}`));
}

const KEPT_STAGES = statement<{ id: number }>`
  select distinct r.id
    from pg_class c
    join longshore.restore r on r.id = substring(c.relname from '^restore_([0-9]+)_')::int
   where c.relnamespace = $1::regnamespace and r.finished_at is not null
     and coalesce(r.keep_until <= now(), true)`;

/** Drops stages of restores that have ended: those kept for a while, and those left by a dead process. */
export async function sweepStages(db: Database): Promise<void> {
  const over = await db.query(KEPT_STAGES, [STAGE_SCHEMA]);
  const faults = new Faults();
  for (const { id } of over) {
    await faults.alone(`restore ${id}`, () => db.transaction((tx) => clearRestore(tx, id)));
  }
  faults.end();
}
