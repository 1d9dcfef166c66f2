/** Bytes [startByte, endByte) of a file. */
export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

const RANGE = /^bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * What a `Range` header asks for (RFC 9110, 14.2), where that is one range of bytes.
 *
 * @returns null for the whole file: no header, another unit, several ranges, or one that can't be read;
 *   'unsatisfiable' when the file has no byte of it (RFC 9110, 15.5.17)
 */
export function rangeOf(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  const match = RANGE.exec(header ?? '');
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') {
    const startByte = Math.max(0, bytes - Number(last));
    return startByte < bytes ? { startByte, endByte: bytes } : 'unsatisfiable';
  }
  const startByte = Number(first);
  const endByte = last === '' ? bytes : Math.min(bytes, Number(last) + 1);
  if (last !== '' && Number(last) < startByte) return null;
  return startByte < bytes ? { startByte, endByte } : 'unsatisfiable';
}
