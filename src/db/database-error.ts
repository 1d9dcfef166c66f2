import { LongshoreError } from '../errors.ts';
import { isConnectionError, SQLSTATE, sqlstateOf } from './sqlstate.ts';

/** What others do to a statement, and what the same statement may not meet when it is tried again. */
const BUSY: Readonly<Record<string, string>> = {
  [SQLSTATE.queryCanceled]: 'a statement was cancelled, or took longer than it may',
  [SQLSTATE.lockNotAvailable]: 'a statement waited too long for a lock that another session holds',
  [SQLSTATE.tooManyConnections]: 'PostgreSQL has no connection left',
};

/**
 * What PostgreSQL or its driver threw, as an error of the catalog where it is transient; else null.
 * Messages of PostgreSQL's errors can hold row data, so none is passed on.
 */
export function asDatabaseError(error: unknown): LongshoreError | null {
  if (sqlstateOf(error) === SQLSTATE.diskFull) {
    return new LongshoreError('database-full', 'PostgreSQL has no room left on its disk', { cause: error });
  }
  const busy = BUSY[sqlstateOf(error) ?? ''];
  if (busy !== undefined) return new LongshoreError('database-busy', busy, { cause: error });
  if (isConnectionError(error)) {
    return new LongshoreError('database-unavailable', 'the connection to PostgreSQL was lost', {
      cause: error,
    });
  }
  return null;
}
