import { parse } from 'content-type';
import type { Request } from 'express';
import type { BatchFormat } from '../../src/batches/batch.ts';
import { LongshoreError } from '../../src/errors.ts';
import { quoted, shorten } from '../../src/shorten.ts';
import type { Table } from '../../src/types.ts';
import type { Wrapping } from '../../src/wrappings/wrapping.ts';
import { HttpError } from './http-error.ts';

export type LoadBody = 'multipart' | 'raw' | 'json';

const FORMS: ReadonlyMap<string, LoadBody> = new Map([
  ['multipart/form-data', 'multipart'],
  ['text/csv', 'raw'],
  ['application/json', 'json'],
]);

/** NDJSON has no registered media type; these three are in use. */
const BATCH_FORMATS: ReadonlyMap<string, BatchFormat> = new Map([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['text/csv', 'csv'],
]);

/**
 * How the body of a batch is written.
 * @param encoding that it is in
 * @throws `unsupported-media-type`, also for another charset and for any content coding
 */
export function batchFormatOf(req: Request, encoding = 'utf-8'): BatchFormat {
  requirePlainCoding(req);
  const header = req.get('content-type');
  const { type, charset } = mediaTypeOf(header ?? '');
  const format = BATCH_FORMATS.get(type);
  if (format === undefined) {
    const sent = header === undefined ? 'no content type was sent: it' : quoted(header);
    throw unsupported(`${sent} is not one of ${[...BATCH_FORMATS.keys()].join(', ')}`);
  }
  if (charset !== undefined && charset !== 'us-ascii' && !sameEncoding(charset, encoding)) {
    const said = encoding === 'utf-8' ? 'batches are in utf-8' : `the encoding is ${encoding}`;
    throw unsupported(`the charset is ${shorten(charset, 40)}, but ${said}`);
  }
  return format;
}

/**
 * How the body of a new load is written.
 * @throws `file-missing` without a body's content type, `unsupported-media-type` for any other
 */
export function loadBodyOf(req: Request, table: Table): LoadBody {
  const header = req.get('content-type');
  if (header === undefined)
    throw new LongshoreError('file-missing', 'the request has no content type and no file');
  const { type, charset } = mediaTypeOf(header);
  const form = FORMS.get(type);
  if (form === undefined)
    throw unsupported(`${quoted(header)} is not one of ${[...FORMS.keys()].join(', ')}`);
  if (form === 'raw') requireCharset(charset, table);
  else requirePlainCoding(req);
  return form;
}

/** Content codings (RFC 9110, 8.4.1) of a file that is the body; `x-gzip` is the same as `gzip`. */
const FILE_CODINGS: ReadonlyMap<string, Wrapping> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['zstd', 'zstd'],
]);

/**
 * What a file that is the body is packed by, as its headers say; null: they say nothing.
 * @throws `unsupported-media-type`
 */
export function fileCodingOf(req: Request): Wrapping | null {
  const coding = codingOf(req);
  if (coding === 'identity') return null;
  const wrapping = FILE_CODINGS.get(coding);
  if (wrapping !== undefined) return wrapping;
  throw refuseCoding(coding, 'send it by gzip or zstd, or without Content-Encoding', 'gzip, zstd');
}

/** @throws `unsupported-media-type` for a body that does not say that it is JSON */
export function requireJson(req: Request): void {
  if (mediaTypeOf(req.get('content-type') ?? '').type === 'application/json') return;
  throw unsupported('the body has to be application/json');
}

/** RFC 9110, 8.4: a coding that is not understood is answered with 415, and with `Accept-Encoding` (15.5.16). */
export function requirePlainCoding(req: Request): void {
  const coding = codingOf(req);
  if (coding === 'identity') return;
  throw refuseCoding(coding, 'send it unpacked, without Content-Encoding', 'identity');
}

/** The content coding of a body (RFC 9110, 8.4), `identity` without one. */
export function codingOf(req: Request): string {
  return (req.get('content-encoding') ?? 'identity').trim().toLowerCase();
}

/** With `Accept-Encoding` (RFC 9110, 15.5.16). */
export function refuseCoding(coding: string, what: string, accepted: string): HttpError {
  const detail = `the body has Content-Encoding ${quoted(coding)}: ${what}`;
  return new HttpError('unsupported-media-type', detail, { headers: { 'Accept-Encoding': accepted } });
}

/** A charset that contradicts the dictionary would load wrong text without a word, so it is refused. */
function requireCharset(charset: string | undefined, table: Table): void {
  if (charset === undefined || charset === 'us-ascii' || sameEncoding(charset, table.encoding)) return;
  throw unsupported(
    `the charset is ${shorten(charset, 40)}, but the dictionary says that ${table.name} is in ${table.encoding}`,
  );
}

function mediaTypeOf(header: string): { readonly type: string; readonly charset: string | undefined } {
  const { type, parameters } = parse(header);
  return { type, charset: parameters.charset?.toLowerCase() };
}

function sameEncoding(label: string, other: string): boolean {
  try {
    return new TextDecoder(label).encoding === new TextDecoder(other).encoding;
  } catch {
    return false;
  }
}

function unsupported(message: string): LongshoreError {
  return new LongshoreError('unsupported-media-type', message);
}
