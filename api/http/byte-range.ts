import { parse } from 'range-parser';

/** Bytes [startByte, endByte) of a file. */
export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/** range-parser's `code` of a valid header; else bits say that a range is malformed, or out of reach. */
const READ = 0;
const OUT_OF_REACH = 2;

/**
 * The range of a `Range` header (RFC 9110, 14.2) with one range of bytes.
 *
 * @returns null for the whole file: no header, another unit, several ranges, or one that can't be read;
 *   'unsatisfiable' when the file has no byte of it (RFC 9110, 15.5.17)
 */
export function rangeOf(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  const { code, type, ranges } = parse(bytes, header ?? '');
  if (type !== 'bytes') return null;
  if (code === OUT_OF_REACH && ranges.length === 0) return 'unsatisfiable';
  const [range, ...more] = ranges;
  if (code !== READ || range === undefined || more.length > 0) return null;
  return { startByte: range.start, endByte: range.end + 1 };
}
