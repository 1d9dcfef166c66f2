import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import { restoreWorkflowId } from '../installation/workflow-ids.ts';
import type { Verification } from './backup.ts';
import type { RestoreStatus, RestoreTarget } from './restore.ts';

/** A drill writes to no table of the dictionary, so there is nothing to save before. */
const DRILL_TARGET: RestoreTarget = { as: null, keys: null, safety: false };

export interface NewDrill {
  readonly backupId: string;
  readonly startedBy: string;
  /** Another drill, even if the same one has asked for one before. */
  readonly again?: boolean;
}

/**
 * Writes a drill of a backup into the ledger, and nothing else: its workflow is for the caller to start. The same
 * `startedBy` finds the drill that it asked for before.
 *
 * @throws LongshoreError `backup-state` when the backup is not done
 */
export async function createDrill(
  db: Sql,
  { backupId, startedBy, again = false }: NewDrill,
): Promise<number> {
  const [drill] = await db.query<{ id: number }>(
    `with before as (
       select id from longshore.restore
        where kind = 'drill' and backup_id = $1 and started_by = $2 and not $4
     ), made as (
       insert into longshore.restore (id, uid, kind, backup_id, tables, target, status, workflow_id, started_by)
       select next.id, u.uid, 'drill', b.id, b.tables, $3, 'accepted', ${restoreWorkflowId("'drill'")}, $2
         from longshore.backup b, nextval(pg_get_serial_sequence('longshore.restore', 'id')) as next(id),
              gen_random_uuid() as u(uid)
        where b.id = $1 and b.status = 'done' and not exists (select from before)
       returning id
     )
     select id from before union all select id from made`,
    [backupId, startedBy, JSON.stringify(DRILL_TARGET), again],
  );
  if (drill) return drill.id;
  throw new LongshoreError('backup-state', `backup ${backupId} is not done: there is nothing to prove`);
}

export interface DrillOutcome {
  readonly status: RestoreStatus;
  /** null until the drill has told. */
  readonly verification: Verification | null;
}

/** How a drill ended. What a later drill of the same backup found is not told here. */
export async function readDrill(db: Sql, restoreId: number): Promise<DrillOutcome> {
  const [row] = await db.query<DrillOutcome>(
    `select r.status,
            case when (b.verification->>'restoreId')::int = r.id then b.verification end as verification
       from longshore.restore r join longshore.backup b on b.id = r.backup_id
      where r.id = $1`,
    [restoreId],
  );
  if (row) return row;
  throw new LongshoreError('unknown-restore', `there is no drill ${restoreId}`);
}

/**
 * The newest backup of each table that no drill has found damaged: what a restore takes as the latest. Never a safety
 * backup: that holds what somebody wanted to be rid of. Oldest ID first.
 */
export async function newestGoodBackups(db: Sql, tables: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select distinct newest.id
       from unnest($1::text[]) as wanted(name)
       cross join lateral (
         select id from longshore.backup
          where status = 'done' and purpose <> 'safety' and tables @> array[wanted.name]
            and coalesce((verification->>'ok')::boolean, true)
          order by snapshot_at desc, id desc limit 1) newest
      order by newest.id`,
    [tables],
  );
  return rows.map(({ id }) => id);
}
