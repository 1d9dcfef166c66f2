import { z } from 'zod';
import { CODECS } from '../avro/codec.ts';
import type { RetentionPolicy } from '../backups/retention.ts';
import { isDuration, keepingFault } from '../duration.ts';
import { SCHEDULE_KINDS } from './contract.ts';
import { CronError, normalizeCron } from './cron.ts';

/** The parts of schedules, and the validation of requests. */

const RETENTION_MAX = 10_000;
const keepCount = z.int().min(1).max(RETENTION_MAX).optional();

export const retentionSchema = z
  .strictObject({
    keepLast: keepCount,
    keepWithin: z
      .union([
        z.string().check(({ value, issues }) => {
          const message = keepingFault(value);
          if (message !== null) issues.push({ code: 'custom', message, input: value });
        }),
        z.int().min(1).max(36_500),
      ])
      .transform((age) => (typeof age === 'number' ? `P${age}D` : age))
      .meta({
        description: 'An ISO 8601 duration, or a number of days',
        override: { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 1, maximum: 36_500 }] },
      })
      .optional(),
    keepDaily: keepCount,
    keepWeekly: keepCount,
    keepMonthly: keepCount,
  })
  .refine((policy) => Object.values(policy).some((value) => value !== undefined), {
    message: 'expected at least one rule; null keeps everything',
  })
  .meta({
    id: 'RetentionPolicy',
    description:
      'A backup of the schedule stays when any rule keeps it: the last ones, the young ones, the newest of each of ' +
      'the last days, weeks (ISO 8601) and months that have one, in the time zone of the schedule. Pinned ones and ' +
      'the last good backup of a table always stay.',
  });
retentionSchema satisfies z.ZodType<RetentionPolicy>;

/** As schedules have it that were made before: also with periods that are refused now. */
export const storedRetentionSchema = z.strictObject({
  keepLast: keepCount,
  keepWithin: z.string().refine(isDuration, 'expected an ISO 8601 duration').optional(),
  keepDaily: keepCount,
  keepWeekly: keepCount,
  keepMonthly: keepCount,
});

const cronSchema = z
  .string()
  .max(200)
  .transform((text, context) => {
    try {
      return normalizeCron(text);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  })
  .meta({
    description:
      'Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly. Answers ' +
      'have it in one normal form. A time that a day does not have, where clocks go forward, runs right after the ' +
      'gap; `warnings` tells what happens where clocks change.',
    example: '0 3 * * *',
    override: { type: 'string' },
  });

const timezoneSchema = z
  .string()
  .refine(isTimezone, 'expected an IANA time zone such as Europe/Berlin')
  .meta({ description: 'IANA name', example: 'Europe/Berlin' });

/** Letters first: JavaScript also takes offsets such as +01:00, which are no zones. */
function isTimezone(name: string): boolean {
  if (!/^[A-Z]/i.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Letters, digits and single hyphens: it is part of addresses and of workflow IDs. */
export const scheduleIdSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'expected lower-case letters, digits and single hyphens');

const tables = z
  .array(z.string())
  .min(1)
  .max(1000)
  .refine((names) => new Set(names).size === names.length, 'a table is named twice')
  .nullable();

/** The properties of a schedule that can be changed. */
const changeable = {
  cron: cronSchema,
  timezone: timezoneSchema,
  tables: tables.meta({ description: 'null: all tables, also those that come later' }),
  codec: z.enum(CODECS).nullable().meta({ description: "null: the platform's default" }),
  encrypt: z.boolean().nullable().meta({ description: 'null: encrypted when the platform has a backup key' }),
  retention: retentionSchema.nullable().meta({ description: 'null: every backup stays' }),
  drill: z.boolean().meta({ description: 'Prove each backup good right after it was made' }),
  note: z.string().max(500).nullable(),
};

export const newScheduleSchema = z
  .strictObject({
    id: scheduleIdSchema,
    kind: z.enum(SCHEDULE_KINDS),
    ...changeable,
    timezone: changeable.timezone.default('UTC'),
    tables: changeable.tables.default(null),
    codec: changeable.codec.default(null),
    encrypt: changeable.encrypt.default(null),
    retention: changeable.retention.default(null),
    drill: changeable.drill.default(false),
    note: changeable.note.default(null),
  })
  .superRefine(({ kind, codec, encrypt, retention, drill }, context) => {
    if (kind === 'backup') return;
    const given = { codec, encrypt, retention, drill: drill || null };
    for (const [name, value] of Object.entries(given)) {
      if (value === null) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'is for schedules of the kind backup' });
    }
  })
  .meta({ id: 'NewSchedule' });
export type NewSchedule = z.infer<typeof newScheduleSchema>;

export const scheduleChangeSchema = z
  .strictObject(changeable)
  .partial()
  .meta({ id: 'ScheduleChange', description: 'What is left out stays as it is' });
export type ScheduleChange = z.infer<typeof scheduleChangeSchema>;
