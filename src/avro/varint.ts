/**
 * Avro's integers (Avro 1.12, "Binary encoding"): zigzag, then base 128 with the lowest 7 bits first. 64-bit values
 * go as two 32-bit halves: a BigInt for every cell would cost more than all the rest.
 */

export const MAX_VARINT_BYTES = 10;

/** Writes a 32-bit value. @returns the offset after it */
export function writeInt(target: Uint8Array, at: number, value: number): number {
  return writeVarint32(target, at, (value << 1) ^ (value >> 31));
}

/** Writes the 64-bit value with these halves; only their bits count, not their signs. @returns the offset after it */
export function writeLong(target: Uint8Array, at: number, high: number, low: number): number {
  const sign = high >> 31;
  const zigzagLow = (low << 1) ^ sign;
  const zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign;
  return zigzagHigh === 0
    ? writeVarint32(target, at, zigzagLow)
    : writeVarint64(target, at, zigzagHigh, zigzagLow);
}

/** Writes a count or a length, from 0 to 2^31 - 1. @returns the offset after it */
export function writeLength(target: Uint8Array, at: number, length: number): number {
  if (length < 64) {
    target[at] = length << 1;
    return at + 1;
  }
  // Twice 2^30 or more is negative as an int32, but the bits are right and the loop shifts unsigned.
  return writeVarint32(target, at, length << 1);
}

function writeVarint32(target: Uint8Array, at: number, bits: number): number {
  let rest = bits;
  let to = at;
  while (rest >>> 7 !== 0) {
    target[to++] = rest | 0x80;
    rest >>>= 7;
  }
  target[to++] = rest;
  return to;
}

/** For values beyond 32 bits: the four lowest groups are always there, and continue. */
function writeVarint64(target: Uint8Array, at: number, high: number, low: number): number {
  target[at] = low | 0x80;
  target[at + 1] = (low >>> 7) | 0x80;
  target[at + 2] = (low >>> 14) | 0x80;
  target[at + 3] = (low >>> 21) | 0x80;
  let rest = (low >>> 28) | ((high & 0xffffff) << 4);
  const top = high >>> 24;
  if (top === 0) return writeVarint32(target, at + 4, rest);
  for (let to = at + 4; to < at + 8; to++) {
    target[to] = rest | 0x80;
    rest >>>= 7;
  }
  return writeVarint32(target, at + 8, top);
}

/** Why no number could be read. */
export type VarintFault = 'cut' | 'too-long';

/** Reads from a block's bytes; `at` moves on with each read. */
export interface VarintSource {
  readonly bytes: Uint8Array;
  /** No byte here or later belongs to the source. */
  readonly end: number;
  at: number;
  /** The halves of the long that was read last, as int32. */
  high: number;
  low: number;
  /** Called where there is no number; throws. */
  fail(fault: VarintFault): never;
}

const GROUP_BITS = 7;
/** What four groups hold; the long's three parts are 28, 28 and 8 bits. */
const PART_BITS = 28;

/** Reads a long into `high` and `low`. */
export function readLong(source: VarintSource): void {
  const { bytes, end } = source;
  let at = source.at;
  let part = 0;
  for (let shift = 0; shift < PART_BITS; shift += GROUP_BITS) {
    if (at >= end) source.fail('cut');
    const byte = bytes[at++]!;
    part |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    source.at = at;
    source.high = -(part & 1);
    source.low = (part >>> 1) ^ source.high;
    return;
  }
  readLongFrom(source, at, part);
}

/** Goes on behind the first part. */
function readLongFrom(source: VarintSource, start: number, lowest: number): void {
  const { bytes, end } = source;
  let at = start;
  let middle = 0;
  let top = 0;
  let byte = 0x80;
  for (let shift = 0; byte >= 0x80; shift += GROUP_BITS) {
    if (at >= end) source.fail('cut');
    byte = bytes[at++]!;
    if (shift < PART_BITS) middle |= (byte & 0x7f) << shift;
    // The tenth byte holds the 64th bit only.
    else if (shift === PART_BITS || byte <= 1) top |= (byte & 0x7f) << (shift - PART_BITS);
    else source.fail('too-long');
  }
  source.at = at;
  const zigzagLow = lowest | (middle << 28);
  const zigzagHigh = (middle >>> 4) | (top << 24);
  const sign = -(zigzagLow & 1);
  source.low = ((zigzagLow >>> 1) | (zigzagHigh << 31)) ^ sign;
  source.high = (zigzagHigh >>> 1) ^ sign;
}

/** Reads a long that must be within 32 bits: an Avro `int`. */
export function readInt(source: VarintSource): number {
  const { bytes, at, end } = source;
  const first = at < end ? bytes[at]! : 0x80;
  if (first < 0x80) {
    source.at = at + 1;
    return (first >>> 1) ^ -(first & 1);
  }
  readLong(source);
  if (source.high !== source.low >> 31) source.fail('too-long');
  return source.low;
}
