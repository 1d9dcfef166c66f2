import type { Request, Response } from 'express';
import { LongshoreError } from '../../src/errors.ts';
import type { LoadSource } from '../../src/loads/load-view.ts';
import { type StoredText, type StoreFile, storeFile } from '../../src/loads/store-file.ts';
import type { Survey } from '../../src/types.ts';
import { bodyPieces } from '../http/body-pieces.ts';
import { displayName, dispositionFileName } from '../http/file-name.ts';
import { readForm } from '../http/read-form.ts';
import { isHangUp, welcomeBody } from '../http/server.ts';

export interface Received {
  readonly source: LoadSource;
  readonly survey: Survey;
  readonly textEncoding: string | null;
}

/**
 * Streams a file from a request into the storage, as plain text whatever it is packed by, and surveys it on the way.
 * Either the whole file is in the storage when this resolves, or nothing is.
 */
export async function receiveFile(
  req: Request,
  res: Response,
  form: 'multipart' | 'raw',
  options: StoreFile,
): Promise<Received> {
  const { storage } = options;
  let text: StoredText | undefined;
  const take = async (pieces: AsyncIterable<Buffer>) => {
    text = await storeFile(pieces, options);
  };
  try {
    welcomeBody(res);
    const name = await (form === 'multipart' ? takeForm(req, res, take) : takeBody(req, res, take));
    const { key, wrappings, survey, textEncoding } = text!;
    return { source: { kind: 'upload', name, key, ...(wrappings && { wrappings }) }, survey, textEncoding };
  } catch (error) {
    // The first error is reported; if this fails too, the rest is deleted with old uploads.
    if (text !== undefined) await storage.delete(text.key).catch(() => undefined);
    throw isHangUp(error)
      ? new LongshoreError('upload-incomplete', 'the client hung up', { cause: error })
      : error;
  }
}

type Take = (pieces: AsyncIterable<Buffer>) => Promise<void>;

async function takeBody(req: Request, res: Response, take: Take): Promise<string> {
  await take(bodyPieces(req, res));
  return displayName(dispositionFileName(req.get('content-disposition')));
}

/** @returns the name of the one file that the form has */
async function takeForm(req: Request, res: Response, take: Take): Promise<string> {
  let named = '';
  await readForm(req.headers, bodyPieces(req, res), {
    most: 1,
    take: (file, name) => {
      named = name;
      return take(file);
    },
  });
  return named;
}
