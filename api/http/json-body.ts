import type { Request, Response } from 'express';
import type { z } from 'zod';
import { foreignKindOf, HEAD_BYTES } from '../../src/csv/file-kind.ts';
import { LongshoreError } from '../../src/errors.ts';
import { describeJsonFault } from '../../src/json-fault.ts';
import { checkBySchema } from '../../src/schema-words.ts';
import { stopping } from './closing.ts';
import { requirePlainCoding } from './content-type.ts';
import { contextOf } from './context.ts';
import { nulPlaces } from './nul.ts';
import { placesOf } from './problems.ts';
import { isHangUp, welcomeBody } from './server.ts';

const NUL_ESCAPE = '\\u0000';

/** Reads, parses and checks a JSON body of at most `maxBytes`. */
export async function readJson<T>(
  req: Request,
  res: Response,
  schema: z.ZodType<T>,
  maxBytes: number,
): Promise<T> {
  const text = await readText(req, res, maxBytes);
  const value = parse(text);
  const checked = checkBySchema(schema, value);
  // NUL appears in JSON only as its escape, so most bodies need not be searched.
  const placesOfNul = () => (text.includes(NUL_ESCAPE) ? nulPlaces(value, 'pointer') : []);
  const places = checked.success ? placesOfNul() : placesOf(checked.error, 'pointer');
  if (checked.success && places.length === 0) return checked.data;
  throw new LongshoreError('invalid-request', 'the body does not have the expected form', { places });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a body of text, in UTF-8 unless `decode` reads another encoding, and without its byte-order mark.
 * @param what the kind of body, for the message: `a JSON body here`
 * @param take called before a piece is kept, to reserve memory; an error that it throws ends the reading
 * @param decode gives the text of the bytes
 * @throws `unsupported-media-type body-too-large upload-incomplete malformed-body`
 */
export async function readText(
  req: Request,
  res: Response,
  maxBytes: number,
  what = 'a JSON body here',
  take: (bytes: number) => void = () => undefined,
  decode = decodeUtf8,
): Promise<string> {
  requirePlainCoding(req);
  const tooLarge = () => new LongshoreError('body-too-large', `${what} has at most ${maxBytes} bytes`);
  if (Number(req.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  welcomeBody(res);
  let bytes = 0;
  const body = await receive(req, res, (piece) => {
    bytes += piece;
    if (bytes > maxBytes) throw tooLarge();
    take(piece);
  });
  const kind = foreignKindOf(body.subarray(0, HEAD_BYTES));
  if (kind !== null) {
    throw new LongshoreError('malformed-body', `the body is ${kind}: send it unpacked, as text in UTF-8`);
  }
  return decode(body);
}

/** @throws LongshoreError `malformed-body` */
export function decodeUtf8(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (cause) {
    throw new LongshoreError('malformed-body', 'the body is not valid UTF-8', { cause });
  }
}

/** Reads by events: an async iterator costs more than everything else that is done for a small body. */
function receive(req: Request, res: Response, admit: (bytes: number) => void): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const refuse = (error: unknown) => {
    // The request is not destroyed: its socket still has to carry the problem.
    req.off('data', keep);
    pieces.length = 0;
    reject(error);
  };
  const keep = (piece: Buffer) => {
    try {
      admit(piece.length);
      pieces.push(piece);
    } catch (error) {
      refuse(error);
    }
  };
  const stay = contextOf(res).closing.onOver(() => refuse(stopping()));
  req.on('data', keep);
  req.once('close', stay);
  req.once('end', stay);
  req.once('end', () => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
  req.once('error', (cause) =>
    reject(
      isHangUp(cause) ? new LongshoreError('upload-incomplete', 'the client hung up', { cause }) : cause,
    ),
  );
  return promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { what, line, column } = describeJsonFault(text);
    throw new LongshoreError('malformed-body', `${what}: line ${line}, column ${column}`, { cause });
  }
}

/** Whether the request has a body, by its headers; an empty one is none. */
export function hasBody(req: Request): boolean {
  return req.get('transfer-encoding') !== undefined || Number(req.get('content-length') ?? 0) > 0;
}
