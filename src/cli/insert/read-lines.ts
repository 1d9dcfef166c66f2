import { foreignKindOf, HEAD_BYTES } from '../../csv/file-kind.ts';
import { CliError, EXIT } from '../exit-codes.ts';

/** A line without its end (`\n` or `\r\n`). */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** Bytes of the file up to and with this line. */
  readonly endByte: number;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/**
 * The lines of a text, in memory that does not grow with it; a byte-order mark at its begin is left out.
 * @throws CliError `failed`, naming the line, when one has more than `maxBytes`; the signal's reason once it is
 *   aborted, so that an input that was cut off never looks like one that ended
 */
export async function* readLines(
  pieces: AsyncIterable<Buffer>,
  name: string,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 1;
  let endByte = 0;
  const tooLong = () =>
    new CliError(
      EXIT.failed,
      `${name}, line ${number}: longer than the ${maxBytes} bytes that a batch may have`,
    );
  for await (const piece of checkedPieces(pieces, name)) {
    let from = 0;
    for (;;) {
      const end = piece.indexOf(NEWLINE, from);
      if (end === -1) break;
      rest.push(piece.subarray(from, end));
      restBytes += end - from;
      if (restBytes > maxBytes) throw tooLong();
      endByte += restBytes + 1;
      signal.throwIfAborted();
      yield { number, bytes: withoutEnds(joined(rest), number), endByte };
      number += 1;
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    rest.push(piece.subarray(from));
    restBytes += piece.length - from;
    if (restBytes > maxBytes) throw tooLong();
  }
  signal.throwIfAborted();
  if (restBytes > 0) yield { number, bytes: withoutEnds(joined(rest), number), endByte: endByte + restBytes };
}

/** The same pieces, the first ones joined to tell what they are. @throws CliError `failed` for what is no text in UTF-8 */
async function* checkedPieces(pieces: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (head === null) {
      yield piece;
      continue;
    }
    head = head.length === 0 ? piece : Buffer.concat([head, piece]);
    // A slow pipe's first line is not held back for more to come.
    if (head.length < HEAD_BYTES && !head.includes(NEWLINE)) continue;
    yield checkedHead(head, name);
    head = null;
  }
  if (head !== null && head.length > 0) yield checkedHead(head, name);
}

function checkedHead(head: Buffer, name: string): Buffer {
  const kind = foreignKindOf(head.subarray(0, HEAD_BYTES));
  if (kind === null) return head;
  throw new CliError(
    EXIT.failed,
    `${name} is ${kind}: unpack or export it as NDJSON in UTF-8; nothing was sent`,
  );
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function withoutEnds(bytes: Buffer, number: number): Buffer {
  const marked = number === 1 && bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const end = bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length;
  return bytes.subarray(marked ? BYTE_ORDER_MARK.length : 0, end);
}
