import { recoded } from '../wrappings/recode.ts';
import type { InferredFile, InferSource } from './contract.ts';
import { isWide, openText } from './open-text.ts';

/** The file as a load of its table takes it: unpacked, recoded, without what stands above the table. */
export async function* prepared(
  source: InferSource,
  { prepared: { recode, skipBytes, header } }: Pick<InferredFile, 'prepared'>,
  encoding: string,
): AsyncGenerator<Buffer> {
  const { pieces } = await openText(source, recode === null ? {} : { encoding: recode });
  if (header !== null) yield encoded(header, recode === null ? encoding : 'utf-8');
  const rows = without(skipBytes, pieces);
  // What has more bytes a character is recoded already, and its bytes counted, as it was opened.
  if (recode === null || isWide(recode)) yield* rows;
  else yield* recoded(rows, recode);
}

async function* without(bytes: number, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let toSkip = bytes;
  for await (const piece of pieces) {
    const dropped = Math.min(toSkip, piece.length);
    toSkip -= dropped;
    if (dropped < piece.length) yield piece.subarray(dropped);
  }
}

/** Whether a load takes the file as it is, but for a byte-order mark. */
export function isReady({
  prepared: { recode, skipBytes, header },
}: Pick<InferredFile, 'prepared'>): boolean {
  return recode === null && skipBytes === 0 && header === null;
}

/** What an encoding of one byte a character does not have becomes `?`: a name that is made has only ASCII. */
function encoded(text: string, encoding: string): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  const decoder = new TextDecoder(encoding);
  const bytes = new Map(Array.from({ length: 256 }, (_, byte) => [decoder.decode(Buffer.of(byte)), byte]));
  return Buffer.from(Array.from(text, (character) => bytes.get(character) ?? 63));
}
