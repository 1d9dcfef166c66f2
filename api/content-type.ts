import type { Request } from 'express';
import type { BatchFormat } from '../src/batches/batch.ts';
import { LongshoreError } from '../src/errors.ts';
import type { Table } from '../src/types.ts';

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
 * How the body of a batch is written; always in UTF-8.
 * @throws `unsupported-media-type`, also for another charset and for any content coding
 */
export function batchFormatOf(req: Request): BatchFormat {
  const header = req.get('content-type');
  const format = header && BATCH_FORMATS.get(mediaTypeOf(header));
  if (!format) {
    const sent = header === undefined ? 'no content type was sent: it' : JSON.stringify(header);
    throw unsupported(`${sent} is not one of ${[...BATCH_FORMATS.keys()].join(', ')}`);
  }
  requirePlainCoding(req);
  const charset = charsetOf(header);
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw unsupported(`the charset is ${charset}, but batches are in utf-8`);
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
  const form = FORMS.get(mediaTypeOf(header));
  if (form === undefined)
    throw unsupported(`${JSON.stringify(header)} is not one of ${[...FORMS.keys()].join(', ')}`);
  requirePlainCoding(req);
  if (form === 'raw') requireCharset(header, table);
  return form;
}

/** RFC 9110, 8.4: a coding that is not understood is answered with 415. */
function requirePlainCoding(req: Request): void {
  const coding = req.get('content-encoding') ?? 'identity';
  if (coding.trim().toLowerCase() === 'identity') return;
  throw unsupported(`the content encoding ${JSON.stringify(coding)} is not taken: send it as it is`);
}

/** A charset that contradicts the dictionary would load wrong text without a word, so it is refused. */
function requireCharset(header: string, table: Table): void {
  const charset = charsetOf(header);
  if (charset === undefined || charset === 'us-ascii' || sameEncoding(charset, table.encoding)) return;
  throw unsupported(
    `the charset is ${charset}, but the dictionary says that ${table.name} is in ${table.encoding}`,
  );
}

function mediaTypeOf(header: string): string {
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

function charsetOf(header: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(header)?.[1]?.toLowerCase();
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
