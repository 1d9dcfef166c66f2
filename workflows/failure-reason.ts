import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { ErrorCode } from '../src/errors.ts';

/** The part of an error for users: a code of the catalog, and its message. Pure. */
export function reasonOf(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type) {
    return { code: cause.type as ErrorCode, message: cause.message };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/**
 * Whether an activity's error is transient: only the time for tries, or their number, has run out. That of a local
 * activity comes as it was thrown, unless it is a timeout.
 */
export function mayPass(error: unknown): boolean {
  if (isCancellation(error)) return false;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return !(cause instanceof ApplicationFailure && cause.nonRetryable);
}
