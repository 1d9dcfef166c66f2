import type { Command } from 'commander';
import type { LoadAnswer } from '../api-client.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { parseLoadId } from './status.ts';

const ACTIONS = {
  pause: {
    description: 'pause a load: what is being loaded is finished, nothing else begins',
    done: 'pauses',
  },
  resume: { description: 'let a paused load go on', done: 'goes on' },
  cancel: { description: 'cancel a load: the table stays as it was before', done: 'is being cancelled' },
} as const;

export function addControlCommands(program: Command): void {
  for (const [action, { description, done }] of Object.entries(ACTIONS)) {
    program
      .command(action)
      .description(description)
      .argument('<id>', "the load's ID", parseLoadId)
      .action(async (id: number, _options: unknown, command: Command) => {
        const session = await openSession(command.optsWithGlobals<GlobalOptions>());
        const load = await session.api.json<LoadAnswer>(`/v1/loads/${id}/${action}`, { method: 'POST' });
        session.print(load, () => `Load ${id} ${done}.`);
      });
  }
}
