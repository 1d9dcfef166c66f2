import type { Verification } from '../backups/backup.ts';
import type { BackupDeps } from '../backups/backup-deps.ts';
import { describeSkipped, newestReadable } from '../backups/choose-backup.ts';
import type { Skipped } from '../backups/skipped.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { restoreWorkflowId } from '../installation/workflow-ids.ts';
import type { Dictionary } from '../types.ts';
import { requireRestorable } from './restorable.ts';
import type { RestoreStatus, RestoreTarget } from './restore.ts';

/** A drill writes to no table of the dictionary, so it needs no safety backup. */
const DRILL_TARGET: RestoreTarget = { as: null, keys: null, safety: false };

export interface NewDrill {
  readonly backupId: string;
  /** The drill also reports whether the backup fits it. */
  readonly dictionary: Pick<Dictionary, 'tables'>;
  readonly startedBy: string;
  /** Start another drill, even if the same `startedBy` has requested one before. */
  readonly again?: boolean;
  /** Accept an unverified backup: the drill proves that it is whole, but does not make it trusted. */
  readonly acceptUnverified?: boolean;
}

const CREATE_DRILL = statement<{ id: number }>`
  with before as (
    select id from longshore.restore
     where kind = 'drill' and backup_id = $1 and started_by = $2 and not $4
  ), made as (
    insert into longshore.restore (id, uid, kind, backup_id, tables, target, status, workflow_id, started_by, today,
                                   parts_total, rows_total)
    select next.id, u.uid, 'drill', b.id, b.tables, $3, 'accepted', ${restoreWorkflowId("'drill'")}, $2, $6,
           t.parts, t.rows
      from longshore.backup b
           cross join lateral (
             select sum(jsonb_array_length(one -> 'parts'))::int as parts, sum((one ->> 'rows')::float8) as rows
               from jsonb_array_elements(b.manifest -> 'tables') one) t,
           nextval(pg_get_serial_sequence('longshore.restore', 'id')) as next(id),
           gen_random_uuid() as u(uid)
     where b.id = $1 and b.status = $5 and not exists (select from before)
    returning id
  )
  select id from before union all select id from made`;

/**
 * Records a drill of a backup in the ledger, and nothing else: the caller starts its workflow. Idempotent by
 * `startedBy`: the same one finds the drill that it requested before.
 *
 * @throws LongshoreError `backup-state` when the backup is not done, `backup-unverified`
 */
export async function createDrill(
  db: Sql,
  { backupId, dictionary, startedBy, again = false, acceptUnverified = false }: NewDrill,
): Promise<number> {
  const doubts = await requireRestorable(db, backupId, acceptUnverified);
  const target: RestoreTarget = { ...DRILL_TARGET, ...(doubts && { acceptUnverified: true }) };
  const [drill] = await db.query(CREATE_DRILL, [
    backupId,
    startedBy,
    JSON.stringify(target),
    again,
    doubts ? 'unverified' : 'done',
    JSON.stringify(dictionary.tables),
  ]);
  if (drill) return drill.id;
  throw new LongshoreError('backup-state', `backup ${backupId} was deleted just now`);
}

export interface DrillOutcome {
  readonly status: RestoreStatus;
  /** null until the drill has a result. */
  readonly verification: Verification | null;
}

/** How a drill ended, without the results of later drills of the same backup. */
export async function readDrill(db: Sql, restoreId: number): Promise<DrillOutcome> {
  const row = await db.ledger
    .selectFrom('restore as r')
    .innerJoin('backup as b', 'b.id', 'r.backup_id')
    .select(['r.status', 'b.verification'])
    .where('r.id', '=', restoreId)
    .executeTakeFirst();
  if (!row) throw new LongshoreError('unknown-restore', `there is no drill ${restoreId}`);
  const { status, verification } = row;
  return { status, verification: verification?.restoreId === restoreId ? verification : null };
}

/**
 * The newest readable backup of each table, as `latest` chooses it. Oldest ID first.
 * @throws LongshoreError `backup-damaged` when a table has backups and none of them can be read: a drill that has
 *   nothing to prove must not look like one that has proved something
 */
export async function newestGoodBackups(
  deps: BackupDeps,
  tables: readonly string[],
): Promise<{ readonly ids: string[]; readonly skipped: readonly Skipped[] }> {
  const ids = new Set<string>();
  const skipped = new Map<string, Skipped>();
  for (const table of tables) {
    const choice = await newestReadable(deps, table);
    const known = choice.skipped.filter(({ strange }) => !strange);
    if (choice.backupId !== null) ids.add(choice.backupId);
    else if (known.length > 0) {
      throw new LongshoreError(
        'backup-damaged',
        `no backup of ${table} can be read: ${describeSkipped(known)}`,
      );
    }
    for (const one of choice.skipped) skipped.set(one.backupId, one);
  }
  return { ids: [...ids].sort(), skipped: [...skipped.values()] };
}
