import { isAscii } from 'node:buffer';
import { LongshoreError } from '../../src/errors.ts';
import { BEGINNING_BYTES, otherEncoding } from '../../src/infer/find-reading.ts';
import { hintFor } from '../../src/reading-words.ts';
import type { ReadAs, Table } from '../../src/types.ts';
import { decodeUtf8 } from '../http/json-body.ts';

const UTF8_MARK = Buffer.from('\ufeff');
const UTF8 = 'utf-8';

/** The text of a CSV. @throws LongshoreError `malformed-body`, with the encoding that it seems to be in */
export function decodeCsv(body: Buffer, dialect: Table['dialect'], readAs: ReadAs | null): string {
  const encoding = readAs?.encoding ?? UTF8;
  if (encoding !== UTF8) return decodeAs(body, encoding);
  try {
    return decodeUtf8(body);
  } catch (error) {
    const seems = otherEncoding(body.subarray(0, BEGINNING_BYTES), UTF8);
    if (seems === null || !(error instanceof LongshoreError)) throw error;
    // A body is in UTF-8 whatever the table's files are in.
    const hint = hintFor({ encoding: seems }, { dialect, encoding: UTF8 }, { encoding: UTF8 }, 'the body');
    throw new LongshoreError(error.code, `${error.message}; ${hint}`, { cause: error });
  }
}

/** As in a file, the mark of UTF-8 goes before what is said of the encoding, unless all of it is ASCII. */
function decodeAs(body: Buffer, encoding: string): string {
  const isMarked = body.subarray(0, UTF8_MARK.length).equals(UTF8_MARK);
  const text = isMarked ? body.subarray(UTF8_MARK.length) : body;
  if (isMarked && !isAscii(text)) {
    throw new LongshoreError('malformed-body', `the body is marked as UTF-8, but ${encoding} was expected`);
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(text);
  } catch (cause) {
    throw new LongshoreError('malformed-body', `the body is not valid ${encoding}`, { cause });
  }
}
