import type { Request } from 'express';
import { LongshoreError } from '../src/errors.ts';
import type { Table } from '../src/types.ts';

export type LoadBody = 'multipart' | 'raw' | 'json';

const FORMS: Readonly<Record<string, LoadBody>> = {
  'multipart/form-data': 'multipart',
  'text/csv': 'raw',
  'application/json': 'json',
};

/**
 * How the body of a new load is written.
 * @throws `file-missing` without a body's content type, `unsupported-media-type` for any other
 */
export function loadBodyOf(req: Request, table: Table): LoadBody {
  const header = req.get('content-type');
  if (header === undefined)
    throw new LongshoreError('file-missing', 'the request has no content type and no file');
  const form = FORMS[header.split(';')[0]!.trim().toLowerCase()];
  if (form === undefined)
    throw unsupported(`${JSON.stringify(header)} is not one of ${Object.keys(FORMS).join(', ')}`);
  requirePlainCoding(req);
  if (form === 'raw') requireCharset(header, table);
  return form;
}

/** RFC 9110, 8.4: a coding that is not understood is answered with 415. */
function requirePlainCoding(req: Request): void {
  const coding = req.get('content-encoding') ?? 'identity';
  if (coding.trim().toLowerCase() === 'identity') return;
  throw unsupported(`the content encoding ${JSON.stringify(coding)} is not taken: send the file as it is`);
}

/** A charset that contradicts the dictionary would load wrong text without a word, so it is refused. */
function requireCharset(header: string, table: Table): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(header)?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'us-ascii' || sameEncoding(charset, table.encoding)) return;
  throw unsupported(
    `the charset is ${charset}, but the dictionary says that ${table.name} is in ${table.encoding}`,
  );
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
