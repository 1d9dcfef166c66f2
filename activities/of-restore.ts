import { type RestoreStep, requireRestore } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';

/**
 * Lets an activity run only for the restore of its workflow: after PostgreSQL was restored from an older copy, another
 * restore may have the number.
 */
export function ofRestore<I extends RestoreStep, O>(
  { db }: Pick<ActivityDeps, 'db'>,
  activity: (input: I) => Promise<O>,
): (input: I) => Promise<O> {
  return async (input) => {
    await requireRestore(db, input);
    return activity(input);
  };
}
