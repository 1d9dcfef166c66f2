import { defineEntity, p } from '@mikro-orm/postgresql';
import { LEDGER_SCHEMA } from '../db/sql-names.ts';
import type { ScheduleDefinition, ScheduleSort, SeenInTemporal } from '../schedules/schedule-definition.ts';

/** A schedule, so that it can be made again when Temporal has lost it. */
export const ScheduleEntity = defineEntity({
  name: 'Schedule',
  tableName: 'schedule',
  schema: LEDGER_SCHEMA,
  properties: {
    kind: p.text().$type<ScheduleSort>().primary(),
    id: p.text().primary(),
    definition: p.json<ScheduleDefinition>(),
    /** This definition has not been written to Temporal yet. */
    pending: p.boolean(),
    seen: p.json<SeenInTemporal | null>().nullable(),
    changedAt: p.datetime().defaultRaw('clock_timestamp()'),
    /** A tombstone: it is not to be there. */
    deletedAt: p.datetime().nullable(),
  },
});
