import type { Request, Response } from 'express';
import type { z } from 'zod';
import { LongshoreError } from '../src/errors.ts';
import { describeJsonFault } from '../src/json-fault.ts';
import { placesOf } from './problems.ts';
import { isHangUp, welcomeBody } from './server.ts';

/** Reads, parses and checks a JSON body of at most `maxBytes`. */
export async function readJson<T>(
  req: Request,
  res: Response,
  schema: z.ZodType<T>,
  maxBytes: number,
): Promise<T> {
  const value = parse(await readText(req, res, maxBytes));
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  throw new LongshoreError('invalid-request', 'the body does not have the expected form', {
    places: placesOf(checked.error, 'pointer'),
  });
}

async function readText(req: Request, res: Response, maxBytes: number): Promise<string> {
  const tooLarge = () =>
    new LongshoreError('body-too-large', `a JSON body here has at most ${maxBytes} bytes`);
  if (Number(req.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  welcomeBody(res);
  const pieces: Buffer[] = [];
  let bytes = 0;
  // The request is not destroyed on an early end: its socket still has to carry the problem.
  try {
    for await (const piece of req.iterator({ destroyOnReturn: false })) {
      bytes += piece.length;
      if (bytes > maxBytes) throw tooLarge();
      pieces.push(piece);
    }
  } catch (error) {
    throw isHangUp(error)
      ? new LongshoreError('upload-incomplete', 'the client hung up', { cause: error })
      : error;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch (cause) {
    throw new LongshoreError('malformed-body', 'the body is not valid UTF-8', { cause });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { what, line, column } = describeJsonFault(text);
    throw new LongshoreError('malformed-body', `${what}: line ${line}, column ${column}`, { cause });
  }
}
