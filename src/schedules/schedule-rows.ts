import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { ScheduleDefinition, ScheduleSort, SeenInTemporal } from './schedule-definition.ts';

export interface ScheduleKey {
  readonly kind: ScheduleSort;
  /** Without the installation's; of a report's: its name. */
  readonly id: string;
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

const READ_SCHEDULE_ROWS = statement<{
  [member in keyof ScheduleRow]: ScheduleRow[member];
}>`select ${COLUMNS} from longshore.schedule order by kind, id`;

export async function readScheduleRows(db: Sql): Promise<readonly ScheduleRow[]> {
  return db.query(READ_SCHEDULE_ROWS);
}

const READ_SCHEDULE_ROW = statement<{
  [member in keyof ScheduleRow]: ScheduleRow[member];
}>`select ${COLUMNS} from longshore.schedule where kind = $1 and id = $2`;

export async function readScheduleRow(db: Sql, { kind, id }: ScheduleKey): Promise<ScheduleRow | null> {
  const [row] = await db.query(READ_SCHEDULE_ROW, [kind, id]);
  return row ?? null;
}

const WRITE_SCHEDULE = statement`
  insert into longshore.schedule (kind, id, definition, pending, seen) values ($1, $2, $3, $4, $5)
  on conflict (kind, id) do update
     set definition = excluded.definition, pending = excluded.pending,
         seen = coalesce(excluded.seen, schedule.seen), changed_at = clock_timestamp(), deleted_at = null`;

/** Writes what the schedule is to be; also over one that was deleted. `seen` is null while Temporal has not heard of it. */
export async function writeSchedule(
  db: Sql,
  { kind, id }: ScheduleKey,
  definition: ScheduleDefinition,
  seen: SeenInTemporal | null,
): Promise<void> {
  await db.query(WRITE_SCHEDULE, [
    kind,
    id,
    JSON.stringify(definition),
    seen === null,
    seen && JSON.stringify(seen),
  ]);
}

const BURY_SCHEDULE_ROW = statement`
  update longshore.schedule set deleted_at = clock_timestamp(), changed_at = clock_timestamp(), pending = false
   where kind = $1 and id = $2 and deleted_at is null`;

export async function buryScheduleRow(db: Sql, { kind, id }: ScheduleKey): Promise<void> {
  await db.query(BURY_SCHEDULE_ROW, [kind, id]);
}
