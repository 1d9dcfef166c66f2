import { isAscii } from 'node:buffer';
import { LongshoreError } from '../errors.ts';

/** Bytes at a file's beginning that determine its kind; fewer where the file is shorter. */
export const HEAD_BYTES = 512;

/** Bytes below are control characters, save for those that end a cell or a line. */
const LETTER = 32;
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const READS_UTF8 = ': encoding=utf-8 reads it, in the client --encoding utf-8';

/** Of UTF-16 that is not marked: fewer may be in a text by chance. */
const FEWEST_NULS = 4;
/** Bytes that end a cell or a line of a text: LF, CR, comma, tab. */
const ENDS: ReadonlySet<number> = new Set([10, 13, 44, 9]);

const ZIP = 'a zip archive or a spreadsheet';

/** What a file begins with that is no text: the formats' own magic numbers. Longer ones go before their beginnings. */
const SIGNATURES: readonly (readonly [start: Buffer, kind: string, at?: number])[] = [
  [hex('fffe0000'), 'text in UTF-32 (little-endian)'],
  [hex('0000feff'), 'text in UTF-32 (big-endian)'],
  [hex('fffe'), 'text in UTF-16 (little-endian)'],
  [hex('feff'), 'text in UTF-16 (big-endian)'],
  [hex('1f8b'), 'compressed by gzip'],
  [hex('1f9d'), 'compressed by compress'],
  [hex('504b0304'), ZIP],
  [hex('504b0506'), 'an empty zip archive'],
  [hex('504b0708'), 'a part of a zip archive'],
  [hex('28b52ffd'), 'compressed by zstd'],
  [hex('fd377a585a00'), 'compressed by xz'],
  [hex('04224d18'), 'compressed by lz4'],
  [hex('ff060000734e61507059'), 'compressed by snappy'],
  [hex('377abcaf271c'), 'a 7z archive'],
  [hex('526172211a07'), 'a rar archive'],
  [hex('314159265359'), 'compressed by bzip2', 4],
  [Buffer.from('Obj\x01'), 'an Avro file'],
  [Buffer.from('ARROW1\0'), 'an Arrow file'],
  [Buffer.from('SQLite format 3\0'), 'an SQLite database'],
  [Buffer.from('%PDF-'), 'a PDF document'],
  [hex('d0cf11e0a1b11ae1'), 'an old Excel spreadsheet'],
  [Buffer.from('ustar'), 'a tar archive', 257],
  [hex('89504e470d0a1a0a'), 'an image (PNG)'],
  [hex('ffd8ff'), 'an image (JPEG)'],
  [Buffer.from('WEBPVP8'), 'an image (WebP)', 8],
  [Buffer.from('ftyphei'), 'an image (HEIC)', 4],
  [Buffer.from('ftypavif'), 'an image (AVIF)', 4],
  [hex('49492a00'), 'an image (TIFF)'],
  [hex('4d4d002a'), 'an image (TIFF)'],
  [hex('7f454c46'), 'a program'],
];

/** What the first file of a zip archive is called, which tells what the archive is. */
const ZIPPED: readonly (readonly [start: string, kind: string])[] = [
  ['[Content_Types].xml', 'an Excel spreadsheet or another Office document'],
  ['_rels/.rels', 'an Excel spreadsheet or another Office document'],
  ['docProps/', 'an Excel spreadsheet or another Office document'],
  ['xl/', 'an Excel spreadsheet (xlsx)'],
  ['mimetypeapplication/vnd.oasis.opendocument.spreadsheet', 'an OpenDocument spreadsheet'],
];
/** Where the name stands in the archive's first header. */
const ZIPPED_NAME_AT = 30;

/** These begin with letters that a text may begin with: what follows is no text. */
const LETTERED: readonly (readonly [start: string, kind: string])[] = [
  ['PAR1', 'a Parquet file'],
  ['PARE', 'an encrypted Parquet file'],
  ['ORC', 'an ORC file'],
  ['GIF89a', 'an image (GIF)'],
  ['GIF87a', 'an image (GIF)'],
];

/**
 * What the first bytes of a file or body say it is, when it is no text in UTF-8 or in a single-byte encoding; else
 * null. UTF-16 is known without a mark, too: a text in it has a NUL beside every line end, digit and Latin letter,
 * always on the same side.
 *
 * @param head the first `HEAD_BYTES`, or everything
 */
export function foreignKindOf(head: Buffer): string | null {
  for (const [start, kind, at = 0] of SIGNATURES) {
    if (head.subarray(at, at + start.length).equals(start)) return kind === ZIP ? zipKind(head) : kind;
  }
  for (const [start, kind] of LETTERED) {
    const next = head[start.length] ?? LETTER;
    if (next < LETTER && !ENDS.has(next) && head.toString('latin1', 0, start.length) === start) return kind;
  }
  if (isUtf16(head, 1)) return 'text in UTF-16 (little-endian)';
  return isUtf16(head, 0) ? 'text in UTF-16 (big-endian)' : null;
}

function zipKind(head: Buffer): string {
  const name = head.toString('latin1', ZIPPED_NAME_AT);
  return ZIPPED.find(([start]) => name.startsWith(start))?.[1] ?? ZIP;
}

/**
 * No text with NULs in it is taken for UTF-16: there, some line end or comma has no NUL beside it.
 * @param side where the high byte of a unit is: 0 or 1
 */
function isUtf16(head: Buffer, side: 0 | 1): boolean {
  let nuls = 0;
  for (let at = 0; at < head.length; at++) {
    const byte = head[at]!;
    const isHigh = at % 2 === side;
    if (byte === 0 && !isHigh) return false;
    if (byte === 0) nuls++;
    else if (!isHigh && ENDS.has(byte) && (head[side === 1 ? at + 1 : at - 1] ?? 0) !== 0) return false;
  }
  return nuls >= FEWEST_NULS && nuls * 16 >= head.length;
}

/**
 * Watches the bytes of a file of text as they pass. The first ones win over what the dictionary says: who sends an
 * archive, or text in another encoding, is told so instead of getting a reject for each line of it.
 */
export class TextGuard {
  readonly #encoding: string;
  #marked = false;

  /** @param encoding as the dictionary says, for the message; `isUtf8` tells whether that is UTF-8 */
  constructor(encoding: string, isUtf8: boolean) {
    this.#encoding = encoding;
    this.#marked = !isUtf8;
  }

  /**
   * Of the file's begin.
   * @returns how many bytes the byte-order mark has
   * @throws LongshoreError `encoding-mismatch`
   */
  begin(head: Buffer): number {
    const kind = foreignKindOf(head.subarray(0, HEAD_BYTES));
    if (kind !== null) throw this.#mismatch(kind);
    const marked = isMarked(head);
    this.#marked &&= marked;
    return marked ? UTF8_MARK.length : 0;
  }

  /**
   * A file that is marked as UTF-8, for a table in another encoding, may hold ASCII alone: that is the same in both.
   * @throws LongshoreError `encoding-mismatch`
   */
  pass(bytes: Uint8Array): void {
    if (this.#marked && !isAscii(bytes)) throw this.#mismatch('marked as UTF-8', READS_UTF8);
  }

  #mismatch(kind: string, hint = ''): LongshoreError {
    const message = `the file is ${kind}, but ${this.#encoding} was expected${hint}`;
    return new LongshoreError('encoding-mismatch', message);
  }
}

/** Whether a text begins with the byte-order mark of UTF-8. */
export function isMarked(head: Buffer): boolean {
  return head.subarray(0, UTF8_MARK.length).equals(UTF8_MARK);
}

function hex(bytes: string): Buffer {
  return Buffer.from(bytes, 'hex');
}
