import { isGrpcServiceError } from '@temporalio/client';
import { LongshoreError } from '../errors.ts';

const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

/** The error of the catalog for what Temporal's client throws, where there is one; else the error itself. */
export function translateTemporal(error: unknown): unknown {
  // The client wraps the connection's error.
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!isGrpcServiceError(at)) continue;
    if (at.code !== DEADLINE_EXCEEDED && at.code !== UNAVAILABLE) return error;
    return new LongshoreError('temporal-unavailable', 'Temporal does not answer', { cause: error });
  }
  return error;
}
