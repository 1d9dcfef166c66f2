import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { ErrorCode } from '../src/errors.ts';

/** The part of an error for users: a code of the catalog, and its message. Pure. */
export function reasonOf(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type) {
    return { code: cause.type as ErrorCode, message: cause.message };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
