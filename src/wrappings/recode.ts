import { foreignKindOf } from '../csv/file-kind.ts';

/** An encoding in which a file can not be cut by its bytes: it is recoded to UTF-8 as it arrives. */
export type Recoded = string;

/** UTF-8 never has this byte. It stands for what is no character, so that its row is rejected, not altered. */
const INVALID = Buffer.of(0xff);
const REPLACEMENT = '\ufffd';

const MARKS: readonly (readonly [kind: string, encoding: Recoded])[] = [
  ['text in UTF-32 (little-endian)', 'utf-32le'],
  ['text in UTF-32 (big-endian)', 'utf-32be'],
  ['text in UTF-16 (little-endian)', 'utf-16le'],
  ['text in UTF-16 (big-endian)', 'utf-16be'],
];

/** The encoding that a file's first bytes say by their mark or by their NULs; null: they say none of these. */
export function wideEncodingOf(head: Buffer): Recoded | null {
  const kind = foreignKindOf(head);
  return MARKS.find(([known]) => known === kind)?.[1] ?? null;
}

/**
 * Text in UTF-16 or UTF-32, or in a multi-byte encoding of the WHATWG's, as UTF-8 without a byte-order mark. Bytes that
 * are no character become a byte that is none in UTF-8 either.
 */
export async function* recoded(
  pieces: AsyncIterable<Buffer>,
  encoding: Recoded,
): AsyncGenerator<Buffer, void, undefined> {
  const decoder = encoding.startsWith('utf-32')
    ? new Utf32(encoding === 'utf-32le')
    : new TextDecoder(encoding);
  for await (const piece of pieces) yield* utf8(decoder.decode(piece, { stream: true }));
  yield* utf8(decoder.decode());
}

function* utf8(text: string): Generator<Buffer> {
  if (text === '') return;
  if (!text.includes(REPLACEMENT)) yield Buffer.from(text);
  else
    yield Buffer.concat(
      text
        .split(REPLACEMENT)
        .flatMap((part, i) => (i === 0 ? [Buffer.from(part)] : [INVALID, Buffer.from(part)])),
    );
}

/** The Unicode Standard, section 3.9; `TextDecoder` has no UTF-32. A mark at the beginning is dropped. */
class Utf32 {
  readonly #little: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #begun = false;

  constructor(little: boolean) {
    this.#little = little;
  }

  decode(piece: Buffer = Buffer.alloc(0), { stream = false } = {}): string {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const whole = bytes.length - (bytes.length % 4);
    const parts: string[] = [];
    for (let at = 0; at < whole; at += 4) {
      const point = this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
      const isMark = point === 0xfeff && !this.#begun;
      this.#begun = true;
      const isCharacter = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
      if (!isMark) parts.push(isCharacter ? String.fromCodePoint(point) : REPLACEMENT);
    }
    this.#rest = Buffer.from(bytes.subarray(whole));
    if (!stream && this.#rest.length > 0) parts.push(REPLACEMENT);
    return parts.join('');
  }
}
