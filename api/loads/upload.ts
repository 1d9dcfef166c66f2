import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import { Surveyor, surveyOptionsOf } from '../../src/csv/survey.ts';
import { LongshoreError } from '../../src/errors.ts';
import { nextTurn } from '../../src/in-slices.ts';
import type { LoadSource } from '../../src/loads/load-view.ts';
import type { Storage, StorageWriter } from '../../src/storage/storage.ts';
import type { Survey, Table } from '../../src/types.ts';
import { bodyPieces } from '../http/body-pieces.ts';
import { displayName, dispositionFileName } from '../http/file-name.ts';
import { readForm } from '../http/read-form.ts';
import { isHangUp, welcomeBody } from '../http/server.ts';

export interface Received {
  readonly source: LoadSource;
  readonly survey: Survey;
}

/** So much of a file is read as it comes. Of what is longer, one piece of one upload is read in a turn of the event loop. */
const AT_ONCE_BYTES = 256 * 1024;

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

/** @returns the name of the one file that the form has */
async function takeForm(
  req: Request,
  res: Response,
  writer: StorageWriter,
  surveyor: Surveyor,
): Promise<string> {
  let named = '';
  await readForm(req.headers, bodyPieces(req, res), {
    most: 1,
    take: (file, name) => {
      named = name;
      return take(file, writer, surveyor);
    },
  });
  return named;
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
