import type { Response } from 'express';

/** @returns a signal that aborts when the client has hung up, or has its answer */
export function goneSignal(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  return gone.signal;
}
