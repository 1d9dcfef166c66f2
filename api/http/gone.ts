import type { Response } from 'express';
import { contextOf } from './context.ts';

/** @returns a signal that aborts when the client has hung up, or has its answer */
export function goneSignal(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  return gone.signal;
}

/** @returns a signal that ends a wait: the client has hung up, or the process's grace is over */
export function waitSignal(res: Response): AbortSignal {
  const ended = new AbortController();
  const end = () => ended.abort();
  const stay = contextOf(res).closing.onOver(end);
  res.once('close', () => {
    stay();
    end();
  });
  return ended.signal;
}
