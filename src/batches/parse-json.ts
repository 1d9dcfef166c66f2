import { LongshoreError } from '../errors.ts';
import type { Steps } from '../in-slices.ts';
import { describeJsonFault } from '../json-fault.ts';
import { isSameNumber } from '../rows/decimal.ts';

/** The text of a number that a double would round. */
export class LongNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  /** Written to JSON with every digit. */
  toJSON(): unknown {
    return (JSON as RawJson).rawJSON(this.source);
  }
}

/** ECMA-262's "JSON.parse source text access", which Node 24 has and TypeScript's library does not. */
type RawJson = typeof JSON & { rawJSON(text: string): unknown };

/** Any number of up to 15 significant digits survives a round trip through a double (IEEE 754). */
const DOUBLE_DIGITS = 15;
const [POINT, ZERO, NINE, LOWER_E] = [46, 48, 57, 101] as const;
const LOWER_CASE = 0x20;

/**
 * JSON (RFC 8259) without loss of digits: a number is a `LongNumber` where a double would round it. Names that come
 * twice in an object are as in ECMA-262: the last one counts. `__proto__` is a name like any other.
 * @param text nested no deeper than `BatchBounds` lets it be: the reviver, unlike the parser, needs stack for its depth
 * @param firstLine line of the body where the text begins, from 1, for the message
 * @throws LongshoreError `malformed-body` with line and column
 */
export function* parseJson(text: string, firstLine = 1): Steps<unknown> {
  try {
    const value: unknown = JSON.parse(text);
    yield;
    if (!mayBeLong(text)) return value;
  } catch (cause) {
    yield;
    const { what, line, column } = describeJsonFault(text);
    const where = `line ${firstLine - 1 + line}, column ${column}`;
    throw new LongshoreError('malformed-body', `${what}: ${where}`, { cause });
  }
  yield;
  return JSON.parse(text, keepDigits);
}

/** Whether a number in it may be rounded by a double: many digits, or an exponent. A loop, since it runs on every body. */
function mayBeLong(text: string): boolean {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code >= ZERO && code <= NINE) || code === POINT) {
      digits += 1;
      if (digits > DOUBLE_DIGITS) return true;
      continue;
    }
    if (digits > 0 && (code | LOWER_CASE) === LOWER_E) return true;
    digits = 0;
  }
  return false;
}

function keepDigits(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || !mayBeLong(source)) return value;
  return isSameNumber(String(value), source) ? value : new LongNumber(source);
}
