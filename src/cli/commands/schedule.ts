import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RetentionPolicy } from '../../backups/retention.ts';
import { SCHEDULE_KINDS } from '../../schedules/contract.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { type ScheduleAnswer, scheduleTable, summarizeSchedule } from '../show-schedule.ts';

interface CreateOptions extends GlobalOptions, RetentionPolicy {
  readonly cron: string;
  readonly kind: string;
  readonly timezone?: string;
  readonly table?: readonly string[];
  readonly drill?: boolean;
  readonly note?: string;
}

const ACTIONS = {
  pause: { description: 'let no run begin until it is unpaused', done: 'is paused' },
  unpause: { description: 'let a paused schedule go on', done: 'goes on' },
} as const;

export function addScheduleCommands(program: Command): void {
  const schedule = program.command('schedule').description('schedules of backups and drills');
  schedule
    .command('list')
    .description('show the schedules')
    .action(async (_options: unknown, command: Command) => list(command.optsWithGlobals()));
  schedule
    .command('show')
    .description('show a schedule, its next runs and its last ones')
    .argument('<id>', "the schedule's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const found = await session.api.json<ScheduleAnswer>(pathOf(id));
      session.print(found, () => summarizeSchedule(found));
    });
  addCreate(schedule);
  for (const [action, { description, done }] of Object.entries(ACTIONS)) {
    schedule
      .command(action)
      .description(description)
      .argument('<id>', "the schedule's ID")
      .action(async (id: string, _options: unknown, command: Command) => {
        const session = await openSession(command.optsWithGlobals<GlobalOptions>());
        const answer = await session.api.json<ScheduleAnswer>(`${pathOf(id)}/${action}`, { method: 'POST' });
        session.print(answer, () => `Schedule ${id} ${done}.`);
      });
  }
  addTrigger(schedule);
  schedule
    .command('delete')
    .description('delete a schedule; its backups stay')
    .argument('<id>', "the schedule's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      await session.api.send(pathOf(id), { method: 'DELETE' });
      session.print({ id, deleted: true }, () => `Schedule ${id} is deleted; its backups stay.`);
    });
}

function addCreate(schedule: Command): void {
  schedule
    .command('create')
    .description('make a schedule')
    .argument('<id>', 'its ID: lower-case letters, digits and hyphens')
    .requiredOption(
      '--cron <expression>',
      'when: minute, hour, day of month, month, day of week; or @daily …',
    )
    .addOption(new Option('--kind <kind>', 'what a run does').choices(SCHEDULE_KINDS).default('backup'))
    .option('--timezone <zone>', 'IANA name, such as Europe/Berlin (UTC)')
    .option('-t, --table <table...>', 'only these tables')
    .option('--drill', 'prove each backup good right after it was made')
    .option('--keep-last <count>', 'keep the last backups', parseCount)
    .option('--keep-within <duration>', 'keep what is younger: P30D, P1Y6M')
    .option('--keep-daily <count>', 'keep the newest of each of the last days', parseCount)
    .option('--keep-weekly <count>', 'keep the newest of each of the last weeks', parseCount)
    .option('--keep-monthly <count>', 'keep the newest of each of the last months', parseCount)
    .option('--note <text>', 'what it is for')
    .action(async (id: string, _options: unknown, command: Command) => {
      await create(id, command.optsWithGlobals<CreateOptions>());
    });
}

function addTrigger(schedule: Command): void {
  schedule
    .command('trigger')
    .description('run a schedule now')
    .argument('<id>', "the schedule's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const run = await session.api.json<{ workflowId: string | null; links: { temporal?: string } }>(
        `${pathOf(id)}/trigger`,
        { method: 'POST' },
      );
      session.print(run, () => `Schedule ${id} runs: ${run.links.temporal ?? run.workflowId ?? 'starting'}`);
    });
}

async function list(options: GlobalOptions): Promise<void> {
  const session = await openSession(options);
  const answer = await session.api.json<{ schedules: ScheduleAnswer[] }>('/v1/schedules');
  session.print(answer, () =>
    answer.schedules.length === 0 ? 'No schedules.' : scheduleTable(answer.schedules),
  );
}

async function create(id: string, options: CreateOptions): Promise<void> {
  const session = await openSession(options);
  const { cron, kind, timezone, table, drill, note } = options;
  const made = await session.api.json<ScheduleAnswer>('/v1/schedules', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      id,
      kind,
      cron,
      timezone,
      tables: table,
      drill,
      note,
      retention: policyOf(options),
    }),
  });
  session.print(made, () => summarizeSchedule(made));
}

/** undefined: no rule was given, and every backup stays. */
function policyOf(options: CreateOptions): RetentionPolicy | undefined {
  const { keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly } = options;
  const rules = { keepLast, keepWithin, keepDaily, keepWeekly, keepMonthly };
  return Object.values(rules).some((rule) => rule !== undefined) ? rules : undefined;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('expected a number from 1 to 10000');
}

function pathOf(id: string): string {
  return `/v1/schedules/${encodeURIComponent(id)}`;
}
