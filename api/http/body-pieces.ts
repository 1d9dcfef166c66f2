import type { Request, Response } from 'express';
import { stopping } from './closing.ts';
import { contextOf } from './context.ts';

/**
 * The pieces of a request's body. Neither leaving early nor the end of the process's grace destroys the request, whose
 * socket still has to carry the problem; so this is no iterator of the stream itself.
 *
 * @throws LongshoreError `stopping`; the request's own error, as when the client has hung up
 */
export async function* bodyPieces(req: Request, res: Response): AsyncGenerator<Buffer> {
  let fault: Error | undefined;
  let wake = () => {};
  const onChange = () => wake();
  const onError = (error: Error) => {
    fault ??= error;
    wake();
  };
  const stay = contextOf(res).closing.onOver(() => onError(stopping()));
  req.on('readable', onChange).on('end', onChange).on('close', onChange).on('error', onError);
  try {
    for (;;) {
      if (fault !== undefined) throw fault;
      const piece: Buffer | null = req.read();
      if (piece !== null) yield piece;
      else if (req.readableEnded) return;
      else if (req.destroyed) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    }
  } finally {
    stay();
    req.off('readable', onChange).off('end', onChange).off('close', onChange).off('error', onError);
  }
}
