import { isGrpcServiceError } from '@temporalio/client';
import { LongshoreError } from '../errors.ts';

const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

/**
 * What a connection of the worker's kind (tonic) says when its server is gone, or does not answer in time: it has no
 * code of its own for that.
 */
const LOST: ReadonlyMap<number, string> = new Map([
  [1, 'Timeout expired'],
  [2, 'transport error'],
]);

/** The error of the catalog for what Temporal's client throws, where there is one; else the error itself. */
export function translateTemporal(error: unknown): unknown {
  // The client wraps the connection's error.
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!isGrpcServiceError(at)) continue;
    const isAway =
      at.code === DEADLINE_EXCEEDED || at.code === UNAVAILABLE || LOST.get(at.code) === at.message;
    if (!isAway) return error;
    return new LongshoreError('temporal-unavailable', 'Temporal does not answer', { cause: error });
  }
  return error;
}
