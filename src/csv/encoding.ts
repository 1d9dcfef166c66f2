import { isAscii, isUtf8 } from 'node:buffer';
import { LongshoreError } from '../errors.ts';

/** WHATWG names of the encodings in which every byte is one character and ASCII is ASCII. */
const SINGLE_BYTE = new Set([
  'ibm866',
  'iso-8859-2',
  'iso-8859-3',
  'iso-8859-4',
  'iso-8859-5',
  'iso-8859-6',
  'iso-8859-7',
  'iso-8859-8',
  'iso-8859-8-i',
  'iso-8859-10',
  'iso-8859-13',
  'iso-8859-14',
  'iso-8859-15',
  'iso-8859-16',
  'koi8-r',
  'koi8-u',
  'macintosh',
  'windows-874',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'windows-1258',
  'x-mac-cyrillic',
]);

/**
 * WHATWG names of the encodings in which a delimiter's byte can be a part of another character. A file in one of them is
 * recoded to UTF-8 as it arrives, so no chunk is ever cut from it.
 */
const MULTI_BYTE: ReadonlySet<string> = new Set([
  'big5',
  'euc-jp',
  'euc-kr',
  'gb18030',
  'gbk',
  'iso-2022-jp',
  'shift_jis',
  'utf-16be',
  'utf-16le',
]);

export function isMultiByte(encoding: string): boolean {
  return MULTI_BYTE.has(encoding);
}

/** What `String.prototype.trim` and csv-parse's `ltrim` take for white space, line ends aside. */
const WHITE_SPACE =
  '\t\v\f \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';

/** How the bytes of a file are read. Line ends, delimiters and quotes are the same ASCII bytes in all of them. */
export interface Encoding {
  readonly utf8: boolean;
  /** Bytes that are not valid in the encoding become U+FFFD. A byte-order mark is kept. */
  decode(bytes: Buffer): string;
  isValid(bytes: Buffer): boolean;
  /** The bytes are valid, and those bytes are also the UTF-8 for the same text. */
  isPlainUtf8(bytes: Buffer): boolean;
  /** Byte sequences of the white-space characters, one to three bytes each. */
  readonly whiteSpace: readonly Buffer[];
}

const UTF8: Encoding = {
  utf8: true,
  decode: (bytes) => bytes.toString('utf8'),
  isValid: isUtf8,
  isPlainUtf8: isUtf8,
  whiteSpace: Array.from(WHITE_SPACE, (character) => Buffer.from(character)),
};

function singleByte(name: string): Encoding {
  const decoder = new TextDecoder(name);
  const decode = (bytes: Buffer): string => decoder.decode(bytes);
  const everyByte = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
  return {
    utf8: false,
    decode,
    isValid: (bytes) => isAscii(bytes) || !decode(bytes).includes('\ufffd'),
    isPlainUtf8: isAscii,
    whiteSpace: everyByte.filter((byte) => WHITE_SPACE.includes(decode(byte))),
  };
}

const known = new Map<string, Encoding>();

/**
 * The encoding behind a WHATWG label (`latin1` and `ascii` are windows-1252 there): UTF-8 or one of the
 * single-byte ones. Of a file in another one (UTF-16, Shift_JIS, …), the text is in UTF-8 once it has arrived.
 */
export function encodingOf(label: string): Encoding {
  const cached = known.get(label);
  if (cached !== undefined) return cached;
  const encoding = find(label);
  if (encoding === null) {
    throw new LongshoreError(
      'dictionary-invalid',
      `Expected the encoding utf-8 or a single-byte one of the WHATWG Encoding Standard, received "${label}"`,
    );
  }
  known.set(label, encoding);
  return encoding;
}

function find(label: string): Encoding | null {
  let name: string;
  try {
    name = new TextDecoder(label).encoding;
  } catch {
    return null;
  }
  if (name === 'utf-8') return UTF8;
  return SINGLE_BYTE.has(name) ? singleByte(name) : null;
}
