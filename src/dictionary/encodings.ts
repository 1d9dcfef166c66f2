import { isMultiByte } from '../csv/encoding.ts';
import { describe, meantBy, type Place } from './faults.ts';

/**
 * Encodings whose ASCII bytes always mean ASCII: only in these can a file be cut into chunks by its bytes. The
 * names are the WHATWG's (https://encoding.spec.whatwg.org/#names-and-labels).
 */
const SINGLE_BYTE = /^(?:ibm866|iso-8859-\d+(?:-i)?|koi8-[ru]|macintosh|windows-\d+|x-mac-cyrillic)$/;

/** Names of Python's codecs, which frictionless and pandas write, where the WHATWG knows them by another name. */
const PYTHON_NAMES: Readonly<Record<string, string>> = {
  'utf-8-sig': 'utf-8',
  'utf8-sig': 'utf-8',
  'latin-1': 'iso-8859-1',
  'mac-roman': 'macintosh',
  koi8r: 'koi8-r',
};

/** Names that a typo of one is told from. */
const USUAL_NAMES = [
  ...[
    'utf-8',
    'utf-16',
    'latin1',
    'ascii',
    'macintosh',
    'koi8-r',
    'koi8-u',
    'ibm866',
    'shift_jis',
    'gb18030',
  ],
  ...Array.from({ length: 16 }, (_, i) => `iso-8859-${i + 1}`),
  ...Array.from({ length: 9 }, (_, i) => `windows-125${i}`),
];

/** Gives the WHATWG name of `encoding` (default utf-8). `latin1` and `ascii` are windows-1252 there. */
export function parseEncoding(value: unknown, place: Place): string {
  if (value === undefined) return 'utf-8';
  const name = typeof value === 'string' ? resolve(value) : undefined;
  if (name === undefined) {
    place.fault(
      `expected the name of an encoding that the WHATWG lists, received ${describe(value)}${meantBy(value, USUAL_NAMES)}`,
    );
    return 'utf-8';
  }
  if (name !== 'utf-8' && !SINGLE_BYTE.test(name) && !isMultiByte(name)) {
    place.fault(`"${name}" is not supported: no text is in it`);
  }
  return name;
}

function resolve(name: string): string | undefined {
  const hyphened = name.toLowerCase().replaceAll('_', '-');
  const labels = [PYTHON_NAMES[hyphened], name, hyphened].filter((label) => label !== undefined);
  for (const label of labels) {
    try {
      return new TextDecoder(label).encoding;
    } catch {
      // Not a label of the WHATWG's; the next one may be.
    }
  }
  return undefined;
}
