import type { Request, Response } from 'express';

/** The longest that a request may wait for its result; proxies commonly give up after 60 seconds of silence. */
export const MAX_WAIT_SECONDS = 50;

/**
 * How long the client prefers to wait, `Prefer: wait=N` (RFC 7240, 4.3), in seconds; at most `MAX_WAIT_SECONDS`.
 * null when it says nothing of it, or something that can't be read: a preference is never an error (RFC 7240, 2).
 */
export function preferredWait(req: Request): number | null {
  for (const preference of (req.get('prefer') ?? '').split(',')) {
    const match = /^\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;|$)/i.exec(preference);
    // The first one counts when a preference is given twice (RFC 7240, 2).
    if (match !== null) return Math.min(Number(match[1]), MAX_WAIT_SECONDS);
  }
  return null;
}

/** Says which wait was honoured (RFC 7240, 3). */
export function applyWait(res: Response, seconds: number): void {
  res.set('Preference-Applied', `wait=${seconds}`);
  res.vary('Prefer');
}
