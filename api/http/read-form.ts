import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import busboy from 'busboy';
import { LongshoreError } from '../../src/errors.ts';
import { displayName } from './file-name.ts';
import { isHangUp } from './server.ts';

/** What is no file in a form is small. */
const FORM_LIMITS = { fieldSize: 1024, fieldNameSize: 100 };

export interface FormFiles {
  /** How many files the form may have. */
  readonly most: number;
  /** Takes a file, from its begin to its end; the files of a form come one after the other. */
  readonly take: (file: Readable, name: string) => Promise<void>;
}

/**
 * Reads a `multipart/form-data` body (RFC 7578) that has nothing but files, in fields named `file`.
 * @throws LongshoreError `file-missing invalid-request malformed-body upload-incomplete`; what `take` throws
 */
export async function readForm(
  headers: IncomingHttpHeaders,
  pieces: AsyncIterable<Buffer>,
  { most, take }: FormFiles,
): Promise<void> {
  const form = openForm(headers);
  let files = 0;
  let taken: Promise<void> = Promise.resolve();

  form.on('file', (field: string | undefined, file: Readable, info) => {
    if (files === most || field !== 'file') {
      // Destroying the form destroys this stream too, with an error that nobody else listens for.
      file.on('error', () => undefined);
      form.destroy(files === most ? tooMany(field, most) : unexpectedField(field));
      return;
    }
    files += 1;
    // Until its turn comes.
    file.on('error', () => undefined);
    taken = taken.then(() => take(file, displayName(info.filename)));
    // A file that can't be taken ends the form at once; the error itself is awaited below.
    taken.catch((error: Error) => form.destroy(error));
  });
  form.on('field', (field: string | undefined) => {
    form.destroy(
      field === 'file'
        ? new LongshoreError(
            'file-missing',
            'the field "file" holds text: send it as a file, with a file name',
          )
        : unexpectedField(field),
    );
  });

  // Both handlers stay for the whole function: an error while nothing is awaited must not end the process.
  form.on('error', () => undefined);
  const ended = finished(form);
  ended.catch(() => undefined);
  try {
    for await (const piece of pieces) {
      if (form.destroyed) break;
      if (!form.write(piece)) await Promise.race([drained(form), ended]);
    }
    if (!form.destroyed) form.end();
    await ended;
    await taken;
  } catch (error) {
    form.destroy();
    // What takes a file may only be undone when it has ended.
    await taken.catch(() => undefined);
    throw error instanceof LongshoreError || isHangUp(error) ? error : brokenForm(error);
  }
  if (files === 0) throw new LongshoreError('file-missing', 'the form has no field "file"');
}

function openForm(headers: IncomingHttpHeaders): busboy.Busboy {
  try {
    return busboy({ headers, defParamCharset: 'utf8', limits: FORM_LIMITS });
  } catch (error) {
    throw brokenForm(error);
  }
}

function drained(form: busboy.Busboy): Promise<void> {
  return new Promise((resolve) => form.once('drain', resolve));
}

function tooMany(field: string | undefined, most: number): LongshoreError {
  const detail =
    most === 1
      ? 'the form has a second file: send one file a request'
      : `the form has more than ${most} files: send fewer at once`;
  return new LongshoreError('invalid-request', detail, { places: [{ detail, parameter: field ?? '' }] });
}

function unexpectedField(field: string | undefined): LongshoreError {
  const detail = `the form has a field ${JSON.stringify(field ?? '')}: the only one may be "file"`;
  return new LongshoreError('invalid-request', detail, { places: [{ detail, parameter: field ?? '' }] });
}

function brokenForm(cause: unknown): LongshoreError {
  const what = cause instanceof Error ? cause.message : String(cause);
  if (/^Unexpected end/.test(what)) {
    return new LongshoreError('upload-incomplete', 'the form ends before its closing boundary', { cause });
  }
  return new LongshoreError('malformed-body', `the form can not be read: ${what}`, { cause });
}
