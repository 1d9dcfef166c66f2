import type { Sql } from '../db/sql.ts';

/** What schedules do: runs of backups and drills, refreshes of a report, or the deletion of what is old in the ledger. */
export type ScheduleSort = 'runs' | 'report' | 'tidy';

export interface ScheduleKey {
  readonly kind: ScheduleSort;
  /** Without the installation's; of a report's: its name. */
  readonly id: string;
}

/** A schedule as Temporal has it, as JSON: all that makes it again. */
export interface ScheduleDefinition {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of its runs' workflow. */
  readonly args: readonly unknown[];
  readonly policies: Readonly<Record<string, unknown>>;
  readonly paused: boolean;
  readonly note: string | null;
  /** Runs that are left, where somebody has limited them in Temporal. */
  readonly remainingActions: number | null;
}

/** How far Temporal was when the ledger last looked: what is behind that came back from an older copy. */
export interface SeenInTemporal {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly actions: number;
  /** Counts changes, pauses too, which the times don't tell. Absent in what was seen before; null: not known. */
  readonly revision?: number | null;
}

export interface ScheduleRow extends ScheduleKey {
  readonly definition: ScheduleDefinition;
  /** Temporal has yet to be told of it as it is here. */
  readonly pending: boolean;
  readonly seen: SeenInTemporal | null;
  /** A tombstone: it is not to be there. */
  readonly deletedAt: Date | null;
}

const COLUMNS = 'kind, id, definition, pending, seen, deleted_at as "deletedAt"';

export async function readScheduleRows(db: Sql): Promise<readonly ScheduleRow[]> {
  return db.query<{ [member in keyof ScheduleRow]: ScheduleRow[member] }>(
    `select ${COLUMNS} from longshore.schedule order by kind, id`,
  );
}

export async function readScheduleRow(db: Sql, { kind, id }: ScheduleKey): Promise<ScheduleRow | null> {
  const [row] = await db.query<{ [member in keyof ScheduleRow]: ScheduleRow[member] }>(
    `select ${COLUMNS} from longshore.schedule where kind = $1 and id = $2`,
    [kind, id],
  );
  return row ?? null;
}

/** Writes what the schedule is to be; also over one that was deleted. `seen` is null while Temporal has not heard of it. */
export async function writeSchedule(
  db: Sql,
  { kind, id }: ScheduleKey,
  definition: ScheduleDefinition,
  seen: SeenInTemporal | null,
): Promise<void> {
  await db.query(
    `insert into longshore.schedule (kind, id, definition, pending, seen) values ($1, $2, $3, $4, $5)
     on conflict (kind, id) do update
        set definition = excluded.definition, pending = excluded.pending,
            seen = coalesce(excluded.seen, schedule.seen), changed_at = clock_timestamp(), deleted_at = null`,
    [kind, id, JSON.stringify(definition), seen === null, seen && JSON.stringify(seen)],
  );
}

export async function buryScheduleRow(db: Sql, { kind, id }: ScheduleKey): Promise<void> {
  await db.query(
    `update longshore.schedule set deleted_at = clock_timestamp(), changed_at = clock_timestamp(), pending = false
      where kind = $1 and id = $2 and deleted_at is null`,
    [kind, id],
  );
}
