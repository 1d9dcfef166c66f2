import { CLOCK, jsonb } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import type { ScheduleDefinition, ScheduleSort, SeenInTemporal } from './schedule-definition.ts';

export interface ScheduleKey {
  readonly kind: ScheduleSort;
  /** ID without the installation's prefix; for a report's schedule, the report's name. */
  readonly id: string;
}

export interface ScheduleRow extends ScheduleKey {
  readonly definition: ScheduleDefinition;
  /** This definition has not been written to Temporal yet. */
  readonly pending: boolean;
  readonly seen: SeenInTemporal | null;
  /** Set in a tombstone: the schedule is deleted. */
  readonly deletedAt: Date | null;
}

const COLUMNS = ['kind', 'id', 'definition', 'pending', 'seen', 'deleted_at as deletedAt'] as const;

export async function readScheduleRows({ ledger }: Sql): Promise<readonly ScheduleRow[]> {
  return ledger.selectFrom('schedule').select(COLUMNS).orderBy('kind').orderBy('id').execute();
}

export async function readScheduleRow(
  { ledger }: Sql,
  { kind, id }: ScheduleKey,
): Promise<ScheduleRow | null> {
  const row = await ledger
    .selectFrom('schedule')
    .select(COLUMNS)
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

/** Writes a schedule's definition, also over a tombstone. `seen` is null until it was written to Temporal. */
export async function writeSchedule(
  { ledger }: Sql,
  { kind, id }: ScheduleKey,
  definition: ScheduleDefinition,
  seen: SeenInTemporal | null,
): Promise<void> {
  const written = {
    definition: jsonb(definition),
    pending: seen === null,
    changed_at: CLOCK,
    deleted_at: null,
    ...(seen && { seen: jsonb(seen) }),
  };
  await ledger
    .insertInto('schedule')
    .values({ kind, id, ...written })
    .onConflict((conflict) => conflict.columns(['kind', 'id']).doUpdateSet(written))
    .execute();
}

export async function buryScheduleRow({ ledger }: Sql, { kind, id }: ScheduleKey): Promise<void> {
  await ledger
    .updateTable('schedule')
    .set({ deleted_at: CLOCK, changed_at: CLOCK, pending: false })
    .where('kind', '=', kind)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .execute();
}
