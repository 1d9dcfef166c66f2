import { LongshoreError } from '../errors.ts';
import { isConnectionError, SQLSTATE, sqlstateOf } from './sqlstate.ts';

/**
 * What PostgreSQL or its driver threw, as an error of the catalog where it is one that passes by itself; else null.
 * Messages of PostgreSQL's errors can hold row data, so none is passed on.
 */
export function asDatabaseError(error: unknown): LongshoreError | null {
  if (sqlstateOf(error) === SQLSTATE.diskFull) {
    return new LongshoreError('database-full', 'PostgreSQL has no room left on its disk', { cause: error });
  }
  if (isConnectionError(error)) {
    return new LongshoreError('database-unavailable', 'the connection to PostgreSQL was lost', {
      cause: error,
    });
  }
  return null;
}
