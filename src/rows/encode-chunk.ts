import { encodingOf } from '../csv/encoding.ts';
import { readRecords } from '../csv/read-records.ts';
import type { EncodeInput } from './encode-input.ts';
import { PlainRows } from './encode-plain.ts';
import { type EncodedPiece, EncodedPieces, type EncodeTotals } from './encoded-pieces.ts';

/**
 * Makes COPY data of a chunk's good rows (the row's line number, then the fields in the dictionary's order) and
 * rejects of the others, and returns how many there were of each: read = good + rejected. Pieces come as they are
 * asked for, so a slow reader costs no memory.
 *
 * A chunk without quotes takes the fast path, which only ever accepts what it is sure of; every other row is
 * decided by `checkRow`, as all are in the slow path.
 */
export function* encodeChunk(input: EncodeInput): Generator<EncodedPiece, EncodeTotals, undefined> {
  const pieces = new EncodedPieces();
  if (isPlain(input)) {
    const rows = new PlainRows(input, pieces);
    while (!rows.done) {
      rows.encodeSome();
      yield* pieces.takeReady();
    }
  } else {
    yield* encodeSlowly(input, pieces);
  }
  yield* pieces.takeAll();
  return pieces.totals;
}

function isPlain({ bytes, chunk, dialect, encoding }: EncodeInput): boolean {
  if (chunk.quotes || chunk.oversize || dialect.skipInitialSpace) return false;
  const { utf8, isPlainUtf8 } = encodingOf(encoding);
  return utf8 || isPlainUtf8(bytes);
}

function* encodeSlowly(
  { bytes, chunk, compiled, columns, width, dialect, encoding, maxRecordBytes }: EncodeInput,
  pieces: EncodedPieces,
): Generator<EncodedPiece, void, undefined> {
  for (const record of readRecords(bytes, chunk, dialect, encoding, { maxRecordBytes })) {
    const { line, start, end, cells, error } = record;
    const checked = error === null ? compiled.checkRow(cells, columns, width) : { errors: [error] };
    if (checked.errors === null) pieces.addRow(line, checked.values);
    else pieces.addReject({ line, raw: bytes.subarray(start, end), errors: checked.errors });
    if (pieces.hasReady) yield* pieces.takeReady();
  }
}
