import { LongshoreError } from '../errors.ts';
import { isConnectionError, isPoolInUse, SQLSTATE, sqlstateOf } from './sqlstate.ts';

/** What others do to a statement, and what the same statement may not meet when it is tried again. */
const BUSY: Readonly<Record<string, string>> = {
  [SQLSTATE.queryCanceled]: 'a statement was cancelled, or took longer than it may',
  [SQLSTATE.lockNotAvailable]: 'a statement waited too long for a lock that another session holds',
  [SQLSTATE.tooManyConnections]:
    'PostgreSQL accepts no more connections: a limit of the server, the database or the role is reached',
  [SQLSTATE.outOfMemory]: 'PostgreSQL has no memory left',
  [SQLSTATE.configurationLimitExceeded]: 'PostgreSQL has reached a limit of its configuration',
  [SQLSTATE.serializationFailure]: 'a transaction was in conflict with another one again and again',
  [SQLSTATE.deadlockDetected]: 'a transaction was in a deadlock with another one again and again',
  // After a failover, until the URL leads to the new primary.
  [SQLSTATE.readOnlyTransaction]: 'PostgreSQL is read-only at present',
};

const POOL_IN_USE = 'all connections of this process were in use';

/**
 * What PostgreSQL or its driver threw, as an error of the catalog where it is transient; else null.
 * Messages of PostgreSQL's errors can hold row data, so none is passed on.
 */
export function asDatabaseError(error: unknown): LongshoreError | null {
  if (sqlstateOf(error) === SQLSTATE.diskFull) {
    return new LongshoreError('database-full', 'PostgreSQL has no room left on its disk', { cause: error });
  }
  const busy = isPoolInUse(error) ? POOL_IN_USE : BUSY[sqlstateOf(error) ?? ''];
  if (busy !== undefined) return new LongshoreError('database-busy', busy, { cause: error });
  if (isConnectionError(error)) {
    return new LongshoreError('database-unavailable', 'the connection to PostgreSQL was lost', {
      cause: error,
    });
  }
  return null;
}
