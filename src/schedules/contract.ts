import type { Codec } from '../avro/codec.ts';
import type { RetentionPolicy } from '../backups/retention.ts';

/** Names and shapes that a schedule's workflow shares with its callers. Pure: safe in workflow code. */

export const RUN_SCHEDULE = 'runSchedule';

export const SCHEDULE_KINDS = ['backup', 'drill'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** Input of the action of a Temporal Schedule. The workflow's ID is
 * `<installation>-schedule-<id>-<time>`; Temporal adds the time. */
export interface RunScheduleInput {
  readonly scheduleId: string;
  readonly kind: ScheduleKind;
  /** IANA name: retention counts days, weeks and months of this zone. */
  readonly timezone: string;
  /** null: all tables of the dictionary at that time. */
  readonly tables: readonly string[] | null;
  /** null: the platform's default. */
  readonly codec: Codec | null;
  /** null: encrypted where the platform has a backup key. */
  readonly encrypt: boolean | null;
  /** null: every backup stays. */
  readonly retention: RetentionPolicy | null;
  /** Prove the backup good right after it was made. */
  readonly drill: boolean;
}

/** The result of a schedule's run. */
export interface RanSchedule {
  /** null: the schedule makes no backups. */
  readonly backupId: string | null;
  /** Backups that were proved good. */
  readonly proved: readonly string[];
  /** Backups that retention removed. */
  readonly removed: readonly string[];
}
