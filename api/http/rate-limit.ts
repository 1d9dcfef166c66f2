import type { Response } from 'express';
import type { ApiKeyHolder, Rate } from '../../src/keys/key-rows.ts';
import { HttpError } from './http-error.ts';

/**
 * A token bucket a key, in this process's memory: several API processes give a key its rate each. It is kept as one
 * number, the time at which the bucket is full again (the "theoretical arrival time" of the Generic Cell Rate
 * Algorithm, ITU-T I.371), so taking from it costs a look-up and a few additions.
 */
export interface RateLimiter {
  take(keyId: string, rate: Rate): Taken;
}

export interface Taken {
  readonly allowed: boolean;
  /** Whole requests that may still be sent at once. */
  readonly left: number;
  /** Time until the whole burst is available again. */
  readonly fullInMs: number;
  /** Time until one more request is allowed; 0 while some are left. */
  readonly retryInMs: number;
}

/** Full buckets are dropped when there are this many: a missing bucket counts as full. */
const SWEEP_AT = 10_000;
/** Of a request: what additions of fractions may be off by. */
const ROUNDING = 1e-6;

/** @param now milliseconds of a clock that never jumps */
export function createRateLimiter(now: () => number = () => performance.now()): RateLimiter {
  const fullAtMs = new Map<string, number>();
  let sweepAt = SWEEP_AT;

  function sweep(nowMs: number): void {
    for (const [keyId, fullAt] of fullAtMs) if (fullAt <= nowMs) fullAtMs.delete(keyId);
    // The remaining keys were used a moment ago; sweeping again at once would find nothing.
    sweepAt = Math.max(SWEEP_AT, 2 * fullAtMs.size);
  }

  return {
    take(keyId, { perSecond, burst }) {
      const nowMs = now();
      const eachMs = 1000 / perSecond;
      const fullAt = Math.max(fullAtMs.get(keyId) ?? nowMs, nowMs);
      const used = (fullAt - nowMs) / eachMs;
      if (used + 1 > burst + ROUNDING) {
        const retryInMs = (used + 1 - burst) * eachMs;
        return { allowed: false, left: 0, fullInMs: fullAt - nowMs, retryInMs };
      }
      if (fullAtMs.size >= sweepAt) sweep(nowMs);
      fullAtMs.set(keyId, fullAt + eachMs);
      const left = Math.floor(burst - used - 1 + ROUNDING);
      const retryInMs = left > 0 ? 0 : Math.max((used + 2 - burst) * eachMs, 0);
      return { allowed: true, left, fullInMs: fullAt + eachMs - nowMs, retryInMs };
    },
  };
}

/**
 * Takes one request from the key's bucket and sets the headers with the rest (draft-ietf-httpapi-ratelimit-headers-10).
 * Called before a body is read.
 *
 * @throws HttpError `rate-limited` with `Retry-After` in whole seconds (RFC 9110, 10.2.3)
 */
export function requireRate(res: Response, limiter: RateLimiter, holder: ApiKeyHolder, standard: Rate): void {
  const rate = holder.rate ?? standard;
  const taken = limiter.take(holder.id, rate);
  res.setHeader('RateLimit-Policy', `"default";q=${rate.burst};w=${Math.ceil(rate.burst / rate.perSecond)}`);
  res.setHeader('RateLimit', `"default";r=${taken.left};t=${Math.ceil(taken.fullInMs / 1000)}`);
  if (taken.allowed) return;
  const seconds = Math.max(1, Math.ceil(taken.retryInMs / 1000));
  const message = `key ${holder.id} may send ${rate.perSecond} requests a second, and ${rate.burst} at once`;
  throw new HttpError('rate-limited', message, { headers: { 'Retry-After': String(seconds) } });
}
