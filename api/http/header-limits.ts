import type { NextFunction, Request, Response } from 'express';
import { HttpError } from './http-error.ts';

/**
 * The longest credential: a token has at most 2,000 characters, an API key fewer, and so has an operator's own. A longer
 * one is refused like a wrong one, before anything parses it.
 */
export const MAX_CREDENTIAL = 2_100;

/**
 * The most characters of each header that is parsed here or by a library. The server accepts 64 KiB of headers, since a
 * cursor in an address may be long; none of these is ever near its limit.
 */
export const HEADER_LIMITS = {
  accept: 4_096,
  'cache-control': 1_024,
  'content-disposition': 8_192,
  'content-encoding': 256,
  'content-length': 32,
  'content-type': 1_024,
  'idempotency-key': 1_024,
  'if-match': 4_096,
  'if-modified-since': 128,
  'if-none-match': 4_096,
  'if-range': 256,
  origin: 512,
  prefer: 1_023,
  range: 1_024,
} as const;

const LIMITS = Object.entries(HEADER_LIMITS);

/** Refuses a header that is too long before anything matches it. */
export function boundHeaders(req: Request, _res: Response, next: NextFunction): void {
  for (const [name, limit] of LIMITS) {
    const value = req.headers[name];
    if (value === undefined || value.length <= limit) continue;
    const detail = `the header ${name} has ${value.length} characters: at most ${limit} are taken`;
    throw new HttpError('headers-too-large', detail, { places: [{ parameter: name, detail }] });
  }
  next();
}
