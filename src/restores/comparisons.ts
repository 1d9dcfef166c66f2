import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Dictionary, Table } from '../types.ts';
import { compareShapes } from './compared-table.ts';
import { insertRestore, readStored } from './create-restore.ts';
import { presentTable } from './present-table.ts';
import { requireRestorable } from './restorable.ts';
import type { FieldsBetween, RestoreTarget } from './restore.ts';

/** `startedBy` of the dry runs whose stages are kept. */
const STARTED_BY = 'diff';
/** A stage is kept so long after its last page. */
const KEPT_FOR = '10 minutes';
/** A stage that expires within this time is not read any more. */
const MARGIN = '1 minute';

const TAKE_COMPARISON = statement<{ id: number }>`
  update longshore.restore set keep_until = now() + $3::interval
   where id = (select max(id) from longshore.restore
                where kind = 'dry-run' and backup_id = $1 and tables = array[$2] and started_by = $4
                  and definitions = $6::jsonb and target = $7::jsonb
                  and (finished_at is null or (status = 'done' and keep_until > now() + $5::interval)))
  returning id`;

export interface Comparison {
  /** Of the dry run whose stage is read. */
  readonly id: number;
  /** As it is staged. */
  readonly table: Table;
  readonly between: FieldsBetween;
}

/**
 * Finds the dry run whose stage a comparison of a backup with a table reads: the one kept since the last page, or a new
 * one, whose workflow the caller starts. It is kept for some more minutes from now on. A comparison only reads, so what
 * a restore would refuse (fields that left, rules that came) is no obstacle.
 *
 * @param check of the table as it is compared; what it throws, nothing is started for
 * @throws LongshoreError `unknown-backup`, `backup-state`, `backup-unverified`, `unknown-table` (not in the backup, or in
 *   neither the dictionary nor the database), `restore-mismatch` when the primary key is not the backup's
 */
export async function findComparison(
  db: Database,
  {
    backupId,
    table: name,
    dictionary,
  }: { readonly backupId: string; readonly table: string; readonly dictionary: Dictionary },
  check: (table: Table) => void,
): Promise<Comparison> {
  await requireRestorable(db, backupId, false);
  const manifest = await readStored(db, backupId);
  const saved = manifest.tables.find(({ table }) => table === name)?.definition;
  if (saved === undefined)
    throw new LongshoreError('unknown-table', `backup ${backupId} does not hold ${quoted(name)}`);
  const { staged, between } = compareShapes(saved, await presentTable(db, dictionary, saved));
  check(staged);
  const id = await db.transaction(async (tx) => {
    // Concurrent readers of the first page share one stage.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `longshore diff ${backupId} ${name}`,
    ]);
    const target: RestoreTarget = { as: null, keys: null, safety: false, between };
    const parameters = [JSON.stringify([staged]), JSON.stringify(target)];
    const [kept] = await tx.query(TAKE_COMPARISON, [
      backupId,
      name,
      KEPT_FOR,
      STARTED_BY,
      MARGIN,
      ...parameters,
    ]);
    if (kept) return kept.id;
    const request = { kind: 'dry-run', backupId, tables: [name], target, dictionary, skipped: [] } as const;
    const made = await insertRestore(tx, { ...request, startedBy: STARTED_BY }, [staged], false);
    const keep_until = sql<Date>`now() + ${KEPT_FOR}::interval`;
    await tx.ledger.updateTable('restore').set({ keep_until }).where('id', '=', made).execute();
    return made;
  });
  return { id, table: staged, between };
}
