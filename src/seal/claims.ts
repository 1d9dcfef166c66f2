import { ApplicationFailure } from '@temporalio/common';
import { Arrived, type Mark } from './arrived.ts';

/**
 * A failure's message and type travel beside its payloads, which alone can be sealed. So a failure repeats them in its
 * details, and counts only where both agree. Pure: safe in workflow code.
 */
export interface Claim {
  readonly type: string | null;
  readonly message: string;
  readonly nonRetryable: boolean;
}

/** The same failure with its claim; what is no failure of an application stays as it is. */
export function withClaim(error: unknown): unknown {
  if (!(error instanceof ApplicationFailure)) return error;
  const { type, message, nonRetryable, nextRetryDelay, category, cause } = error;
  const claim: Claim = { type: type ?? null, message, nonRetryable: nonRetryable ?? false };
  const claiming = ApplicationFailure.create({
    message,
    type: type ?? undefined,
    nonRetryable: nonRetryable ?? undefined,
    details: [claim],
    nextRetryDelay: nextRetryDelay ?? undefined,
    category: category ?? undefined,
    cause,
  });
  claiming.stack = error.stack;
  return claiming;
}

export function claimOf({ details }: ApplicationFailure): Arrived | null {
  const [claim] = details ?? [];
  return claim instanceof Arrived ? claim : null;
}

/** Whether a received failure says the same as its sealed claim. */
export function isClaim(
  arrived: Arrived | null,
  failure: ApplicationFailure,
  isOwn: (mark: Mark | null) => boolean,
): boolean {
  if (arrived === null || !isOwn(arrived.mark)) return false;
  const { type, message, nonRetryable } = arrived.value as Claim;
  return (
    type === (failure.type ?? null) &&
    message === failure.message &&
    nonRetryable === (failure.nonRetryable ?? false)
  );
}
