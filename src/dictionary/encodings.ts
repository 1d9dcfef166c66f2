import { describe, type Place } from './faults.ts';

/**
 * Encodings whose ASCII bytes always mean ASCII: only in these can a file be cut into chunks by its bytes. The
 * names are the WHATWG's (https://encoding.spec.whatwg.org/#names-and-labels).
 */
const SINGLE_BYTE = /^(?:ibm866|iso-8859-\d+(?:-i)?|koi8-[ru]|macintosh|windows-\d+|x-mac-cyrillic)$/;

/** Gives the WHATWG name of `encoding` (default utf-8). `latin1` and `ascii` are windows-1252 there. */
export function parseEncoding(value: unknown, place: Place): string {
  if (value === undefined) return 'utf-8';
  const name = typeof value === 'string' ? resolve(value) : undefined;
  if (name === undefined) {
    place.fault(`expected the name of an encoding that the WHATWG lists, received ${describe(value)}`);
    return 'utf-8';
  }
  if (name !== 'utf-8' && !SINGLE_BYTE.test(name)) {
    place.fault(
      `"${name}" is not supported: a file is cut by its bytes, which needs utf-8 or one byte a character`,
    );
  }
  return name;
}

function resolve(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}
