import type { Encoding } from './encoding.ts';

/** In `Spaces.starts`: the byte is a white-space character, or the first of one's several bytes. */
export const WHOLE_SPACE = 1;
export const SPACE_PREFIX = 2;

/** An encoding's white space, ready for a scan byte by byte; sequences of bytes are big-endian numbers. */
export interface Spaces {
  /** By byte: 0, WHOLE_SPACE or SPACE_PREFIX. */
  readonly starts: Uint8Array;
  readonly whole: ReadonlySet<number>;
  readonly prefixes: ReadonlySet<number>;
}

export const NO_SPACES: Spaces = { starts: new Uint8Array(256), whole: new Set(), prefixes: new Set() };

export function spacesOf(encoding: Encoding): Spaces {
  const starts = new Uint8Array(256);
  const whole = new Set<number>();
  const prefixes = new Set<number>();
  for (const bytes of encoding.whiteSpace) {
    starts[bytes[0]!] = bytes.length === 1 ? WHOLE_SPACE : SPACE_PREFIX;
    let sequence = 0;
    for (const [i, byte] of bytes.entries()) {
      sequence = (sequence << 8) | byte;
      (i === bytes.length - 1 ? whole : prefixes).add(sequence);
    }
  }
  return { starts, whole, prefixes };
}
