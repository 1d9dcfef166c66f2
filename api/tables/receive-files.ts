import { parse } from 'content-type';
import type { Request, Response } from 'express';
import { LongshoreError } from '../../src/errors.ts';
import { nextTurn } from '../../src/in-slices.ts';
import { SpooledFile } from '../../src/infer/spooled-file.ts';
import { quoted } from '../../src/shorten.ts';
import { unpacked as unpackedBy } from '../../src/wrappings/unpack.ts';
import { bodyPieces } from '../http/body-pieces.ts';
import { codingOf, refuseCoding } from '../http/content-type.ts';
import { displayName, dispositionFileName } from '../http/file-name.ts';
import { readForm } from '../http/read-form.ts';
import { isHangUp, welcomeBody } from '../http/server.ts';

/** What a file may be sent as; the bytes themselves say whether gzip has packed them. */
export const FILE_TYPES = [
  'text/csv',
  'text/tab-separated-values',
  'text/plain',
  'application/gzip',
  'application/octet-stream',
] as const;
const FORM = 'multipart/form-data';
/** Files of one form. */
export const MOST_FILES = 20;
const GZIP_CODINGS: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);

export interface ReceivedFile {
  readonly name: string;
  readonly file: SpooledFile;
}

export interface ReceivedFiles {
  readonly files: readonly ReceivedFile[];
  /** What the content type says of the one file. */
  readonly charset: string | undefined;
}

export interface ReceiveOptions {
  /** Where the files are kept, without names. */
  readonly folder: string;
  readonly maxBytes: number;
  /** Of a body that is no form. */
  readonly name: string | undefined;
  /** Closes the files. */
  readonly opened: AsyncDisposableStack;
}

/**
 * Takes the file of a body, or the files of a form, onto the disk, a piece at a time.
 * @throws LongshoreError `file-missing unsupported-media-type body-too-large malformed-body upload-incomplete storage-full`
 */
export async function receiveFiles(
  req: Request,
  res: Response,
  { folder, maxBytes, name, opened }: ReceiveOptions,
): Promise<ReceivedFiles> {
  const { type, charset } = typeOf(req);
  const pieces = limited(unpacked(req, bodyPieces(req, res)), maxBytes);
  if (Number(req.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const files: ReceivedFile[] = [];
  const take = async (from: AsyncIterable<Buffer>, called: string) => {
    const file = opened.use(await SpooledFile.create(folder));
    for await (const piece of from) {
      await nextTurn();
      await file.append(piece);
    }
    files.push({ name: called, file });
  };
  welcomeBody(res);
  try {
    if (type === FORM) await readForm(req.headers, pieces, { most: MOST_FILES, take });
    else await take(pieces, displayName(name ?? dispositionFileName(req.get('content-disposition'))));
  } catch (error) {
    throw isHangUp(error)
      ? new LongshoreError('upload-incomplete', 'the client hung up', { cause: error })
      : error;
  }
  return { files, charset: type === FORM ? undefined : charset };
}

function typeOf(req: Request): { readonly type: string; readonly charset: string | undefined } {
  const header = req.get('content-type');
  if (header === undefined)
    throw new LongshoreError('file-missing', 'the request has no content type and no file');
  const { type, parameters } = parse(header);
  const known: readonly string[] = [FORM, ...FILE_TYPES];
  if (known.includes(type)) return { type, charset: parameters.charset };
  throw new LongshoreError('unsupported-media-type', `${quoted(header)} is not one of ${known.join(', ')}`);
}

/** Codings that are not known are answered with 415. */
function unpacked(req: Request, pieces: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  const coding = codingOf(req);
  if (coding === 'identity') return pieces;
  if (GZIP_CODINGS.has(coding)) return gunzipped(pieces);
  throw refuseCoding(coding, 'send it as gzip, or unpacked', 'gzip, identity');
}

async function* gunzipped(pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* unpackedBy(pieces, 'gzip');
  } catch (cause) {
    if (!(cause instanceof LongshoreError) || cause.code !== 'unpack-failed') throw cause;
    const why = cause.message.replace('the file', 'the body says Content-Encoding gzip and');
    throw new LongshoreError('malformed-body', why, { cause });
  }
}

async function* limited(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

function tooLarge(maxBytes: number): LongshoreError {
  return new LongshoreError(
    'body-too-large',
    `files are inferred here up to ${maxBytes} bytes; longshore infer and longshore add take any size`,
  );
}
