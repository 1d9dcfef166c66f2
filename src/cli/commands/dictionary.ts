import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatTable, plain } from '../format.ts';
import { type GlobalOptions, openSession } from '../session.ts';

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
    .description('what the database enforces beside the dictionary');
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
