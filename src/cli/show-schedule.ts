import type { RetentionPolicy } from '../backups/retention.ts';
import type { ScheduleKind } from '../schedules/contract.ts';
import { formatTable, formatTime, plain } from './format.ts';

/** A schedule as the API answers, as far as the client reads it. */
export interface ScheduleAnswer {
  readonly id: string;
  readonly kind: ScheduleKind;
  readonly cron: string | null;
  readonly timezone: string;
  readonly tables: readonly string[] | null;
  readonly retention: RetentionPolicy | null;
  readonly drill: boolean;
  readonly paused: boolean;
  readonly note: string | null;
  readonly nextRuns: readonly string[];
  /** Absent from platforms of earlier versions. */
  readonly warnings?: readonly string[];
  readonly lastRuns: readonly {
    readonly startedAt: string;
    readonly status: string;
    readonly workflowId: string;
    readonly backup: { readonly id: string; readonly status: string } | null;
    readonly drills: readonly { readonly backupId: string; readonly status: string }[];
  }[];
  /** Absent: from an earlier version. */
  readonly broken?: { readonly message: string; readonly remedy: string } | null;
  readonly links: { readonly temporal?: string };
}

export function scheduleTable(schedules: readonly ScheduleAnswer[]): string {
  return formatTable(
    ['id', 'kind', 'cron', 'timezone', 'tables', 'next (UTC)', 'last'],
    schedules.map((schedule) => [
      schedule.id,
      schedule.kind,
      schedule.cron ?? 'set in Temporal',
      schedule.timezone,
      schedule.tables?.join(', ') ?? 'all',
      schedule.broken ? 'broken' : schedule.paused ? 'paused' : nextOf(schedule),
      schedule.lastRuns[0]?.status ?? 'never',
    ]),
  );
}

function nextOf({ nextRuns: [next] }: ScheduleAnswer): string {
  return next === undefined ? 'none' : formatTime(next);
}

export function summarizeSchedule(schedule: ScheduleAnswer): string {
  const facts: [string, string | null][] = [
    ['kind', schedule.drill ? `${schedule.kind}, each with a drill` : schedule.kind],
    ['cron', `${schedule.cron ?? 'set in Temporal'} (${schedule.timezone})`],
    ['tables', schedule.tables?.join(', ') ?? 'all'],
    ['retention', schedule.kind === 'drill' ? null : describePolicy(schedule.retention)],
    ['state', schedule.paused ? 'paused' : 'active'],
    ['broken', schedule.broken ? `${plain(schedule.broken.message)}. ${schedule.broken.remedy}` : null],
    ['note', schedule.note === null ? null : plain(schedule.note)],
    ['next', schedule.nextRuns.length === 0 ? null : schedule.nextRuns.map(formatTime).join(', ')],
    ...(schedule.warnings ?? []).map((warning): [string, string] => ['warning', plain(warning)]),
    ['in Temporal', schedule.links.temporal ?? null],
  ];
  const lines = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(13)}${value}`);
  const runs = schedule.lastRuns.map((run) => [
    formatTime(run.startedAt),
    run.status,
    run.backup === null ? '' : `${run.backup.id} (${run.backup.status})`,
    run.drills.map(({ backupId, status }) => `${backupId} (${status})`).join(', '),
  ]);
  if (runs.length === 0) return [`Schedule ${schedule.id}`, ...lines].join('\n');
  const table = formatTable(['started (UTC)', 'status', 'backup', 'drills'], runs).replaceAll(/^/gm, '  ');
  return [`Schedule ${schedule.id}`, ...lines, '', table].join('\n');
}

/** `keep the last 3, 7 days, 4 weeks` */
function describePolicy(policy: RetentionPolicy | null): string {
  if (policy === null) return 'every backup stays';
  const { keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly } = policy;
  const rules: readonly (readonly [number | string | undefined, string])[] = [
    [keepLast, `the last ${keepLast}`],
    [keepWithin, `younger than ${keepWithin}`],
    [keepDaily, `${keepDaily} daily`],
    [keepWeekly, `${keepWeekly} weekly`],
    [keepMonthly, `${keepMonthly} monthly`],
  ];
  return `keep ${rules.flatMap(([value, words]) => (value === undefined ? [] : [words])).join(', ')}`;
}
