import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import busboy from 'busboy';
import type { Request, Response } from 'express';
import { Surveyor, surveyOptionsOf } from '../../src/csv/survey.ts';
import { LongshoreError } from '../../src/errors.ts';
import { nextTurn } from '../../src/in-slices.ts';
import type { LoadSource } from '../../src/loads/load-view.ts';
import type { Storage, StorageWriter } from '../../src/storage/storage.ts';
import type { Survey, Table } from '../../src/types.ts';
import { bodyPieces } from '../http/body-pieces.ts';
import { displayName, dispositionFileName } from '../http/file-name.ts';
import { isHangUp, welcomeBody } from '../http/server.ts';

export interface Received {
  readonly source: LoadSource;
  readonly survey: Survey;
}

/** So much of a file is read as it comes. Of what is longer, one piece of one upload is read in a turn of the event loop. */
const AT_ONCE_BYTES = 256 * 1024;

/** A multipart form has one field of value; what else it may hold is small. */
const FORM_LIMITS = { fieldSize: 1024, fieldNameSize: 100 };

/**
 * Streams a file from a request into the storage, and surveys it on the way: one pass, a piece at a time, with
 * back-pressure from the storage. Either the whole file is in the storage when this resolves, or nothing is.
 */
export async function receiveFile(
  req: Request,
  res: Response,
  form: 'multipart' | 'raw',
  { storage, table }: { readonly storage: Storage; readonly table: Table },
): Promise<Received> {
  const key = `uploads/${randomUUID()}`;
  const surveyor = new Surveyor(surveyOptionsOf(table));
  const writer = await storage.write(key);
  try {
    welcomeBody(res);
    const name =
      form === 'multipart'
        ? await takeForm(req, res, writer, surveyor)
        : await takeBody(req, res, writer, surveyor);
    const survey = surveyor.end();
    await writer.close();
    return { source: { kind: 'upload', name, key }, survey };
  } catch (error) {
    // The first error is reported; if this fails too, the rest is deleted with old uploads.
    await writer.abort().catch(() => undefined);
    throw isHangUp(error)
      ? new LongshoreError('upload-incomplete', 'the client hung up', { cause: error })
      : error;
  }
}

async function takeBody(
  req: Request,
  res: Response,
  writer: StorageWriter,
  surveyor: Surveyor,
): Promise<string> {
  await take(bodyPieces(req, res), writer, surveyor);
  return displayName(dispositionFileName(req.get('content-disposition')));
}

/** Reads a `multipart/form-data` body (RFC 7578) that has exactly one field, the file. Returns the file's name. */
async function takeForm(
  req: Request,
  res: Response,
  writer: StorageWriter,
  surveyor: Surveyor,
): Promise<string> {
  const form = openForm(req);
  let name: string | undefined;
  let taken: Promise<void> | undefined;

  form.on('file', (field: string | undefined, file: Readable, info) => {
    if (taken !== undefined || field !== 'file') {
      // Destroying the form destroys this stream too, with an error that nobody else listens for.
      file.on('error', () => undefined);
      form.destroy(unexpectedField(field, taken !== undefined));
      return;
    }
    name = displayName(info.filename);
    taken = take(file, writer, surveyor);
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
        : unexpectedField(field, false),
    );
  });

  // Both handlers stay for the whole function: an error while nothing is awaited must not end the process.
  form.on('error', () => undefined);
  const ended = finished(form);
  ended.catch(() => undefined);
  try {
    for await (const piece of bodyPieces(req, res)) {
      if (form.destroyed) break;
      if (!form.write(piece)) await Promise.race([drained(form), ended]);
    }
    if (!form.destroyed) form.end();
    await ended;
    await taken;
  } catch (error) {
    form.destroy();
    // The writer may only be aborted when nothing writes any more.
    await taken?.catch(() => undefined);
    throw error instanceof LongshoreError || isHangUp(error) ? error : brokenForm(error);
  }
  if (name === undefined) throw new LongshoreError('file-missing', 'the form has no field "file"');
  return name;
}

function openForm(req: Request): busboy.Busboy {
  try {
    return busboy({ headers: req.headers, defParamCharset: 'utf8', limits: FORM_LIMITS });
  } catch (error) {
    throw brokenForm(error);
  }
}

/** However many long files arrive, all other requests are answered between two pieces, and short files are soon read. */
async function take(pieces: AsyncIterable<Buffer>, writer: StorageWriter, surveyor: Surveyor): Promise<void> {
  let taken = 0;
  for await (const piece of pieces) {
    taken += piece.length;
    if (taken > AT_ONCE_BYTES) await nextTurn();
    const written = writer.write(piece);
    try {
      // Surveys while the storage writes.
      surveyor.push(piece);
    } finally {
      await written;
    }
  }
}

function drained(form: busboy.Busboy): Promise<void> {
  return new Promise((resolve) => form.once('drain', resolve));
}

function unexpectedField(field: string | undefined, second: boolean): LongshoreError {
  const detail = second
    ? 'the form has a second file: send one file a request'
    : `the form has a field ${JSON.stringify(field ?? '')}: the only one may be "file"`;
  return new LongshoreError('invalid-request', detail, { places: [{ detail, parameter: field ?? '' }] });
}

function brokenForm(cause: unknown): LongshoreError {
  const what = cause instanceof Error ? cause.message : String(cause);
  if (/^Unexpected end/.test(what)) {
    return new LongshoreError('upload-incomplete', 'the form ends before its closing boundary', { cause });
  }
  return new LongshoreError('malformed-body', `the form can not be read: ${what}`, { cause });
}
