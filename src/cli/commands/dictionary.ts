import { type Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatTable, formatTime, plain } from '../format.ts';
import { type GlobalOptions, openSession } from '../session.ts';

/** The part of a version that the client shows; see `/openapi.json`. */
interface VersionAnswer {
  readonly no: number;
  readonly version: string;
  readonly at: string;
  readonly change: 'start' | 'add' | 'remove' | 'bring-back';
  readonly changedBy: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** The part of a step of the plan that the client shows; see `/openapi.json`. */
interface StepAnswer {
  readonly id: string;
  readonly table: string;
  readonly rule: string;
  readonly definition: string;
  readonly former: boolean;
}

interface PlanAnswer {
  readonly steps: readonly StepAnswer[];
}

export function addDictionaryCommands(program: Command): void {
  const dictionary = program
    .command('dictionary')
    .description('the versions of the dictionary, and what the database enforces beside it');
  dictionary
    .command('history')
    .description(
      'show the versions of the dictionary, newest first: when, by whom, and what came, left and changed',
    )
    .option('--limit <versions>', 'how many', parseLimit, 20)
    .action(async (_options: unknown, command: Command) => {
      const { limit, ...options } = command.optsWithGlobals<GlobalOptions & { limit: number }>();
      const session = await openSession(options);
      const answer = await session.api.json<{ readonly versions: readonly VersionAnswer[] }>(
        `/v1/dictionary/history?limit=${limit}`,
      );
      session.print(answer, () => versionTable(answer.versions));
    });
  dictionary
    .command('plan')
    .description('show the rules that only the database has, each with the step that drops it')
    .action(async (_options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const plan = await session.api.json<PlanAnswer>('/v1/dictionary/plan');
      session.print(plan, () =>
        plan.steps.length === 0 ? 'The database has no rule that the dictionary lacks.' : stepTable(plan),
      );
    });
  dictionary
    .command('apply')
    .description('drop rules that only the database has; no row is changed')
    .argument('[step...]', 'IDs of steps of the plan')
    .option('--former', 'every rule that an earlier dictionary had; none that was made by hand')
    .action(async (steps: readonly string[], options: { former?: boolean }, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      if (steps.length > 0 === (options.former === true)) {
        throw new CliError(
          EXIT.usage,
          'expected either IDs of steps (longshore dictionary plan) or --former',
        );
      }
      const chosen = options.former
        ? (await session.api.json<PlanAnswer>('/v1/dictionary/plan')).steps
            .filter(({ former }) => former)
            .map(({ id }) => id)
        : steps;
      const done: PlanAnswer =
        chosen.length === 0
          ? { steps: [] }
          : await session.api.json<PlanAnswer>('/v1/dictionary/apply', {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ steps: chosen }),
            });
      session.print(done, () =>
        done.steps.length === 0
          ? 'Nothing to drop.'
          : done.steps.map(({ table, rule }) => `Dropped ${plain(rule)} of ${plain(table)}.`).join('\n'),
      );
    });
}

const CHANGES: Readonly<Record<VersionAnswer['change'], string>> = {
  start: 'start',
  add: 'tables added',
  remove: 'table removed',
  'bring-back': 'table back',
};

function versionTable(versions: readonly VersionAnswer[]): string {
  return formatTable(
    ['no', 'version', 'at (UTC)', 'change', 'by', 'tables'],
    versions.map(({ no, version, at, change, changedBy, added, removed, changed }) => [
      String(no),
      plain(version),
      formatTime(at),
      CHANGES[change] ?? plain(change),
      plain(changedBy),
      plain(
        [
          ...added.map((one) => `+${one}`),
          ...removed.map((one) => `-${one}`),
          ...changed.map((one) => `~${one}`),
        ].join(' '),
      ),
    ]),
  );
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 500) return limit;
  throw new InvalidArgumentError('expected a number from 1 to 500');
}

function stepTable({ steps }: PlanAnswer): string {
  return formatTable(
    ['step', 'table', 'rule', 'definition', 'made by'],
    steps.map(({ id, table, rule, definition, former }) => [
      id,
      plain(table),
      plain(rule),
      plain(definition),
      former ? 'an earlier dictionary' : 'hand',
    ]),
  );
}
