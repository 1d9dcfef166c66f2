/**
 * The checksum of a multiset of rows, in any order: a 64-bit hash of each row, summed modulo 2^64.
 *
 * A row is its tuple in PostgreSQL's binary COPY (field count, then length and bytes of each field), as PostgreSQL
 * sent it before anything of ours touched it. The hash is HalfSipHash-1-3 with 64 bits of output (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF"; the 32-bit variant that the Linux kernel uses too), with a fixed key:
 * it needs nothing but 32-bit operations. Sums of hashes are the "AdHash" of Bellare and Micciancio.
 *
 * What it proves: the rows that come out of a backup are the rows that went in, none lost, none twice, no value
 * changed, whatever the fault (an encoder's bug, a wrong column, a lost part). An accident goes unseen with a
 * probability of about 2^-64. What it doesn't prove: that nobody meant to deceive. The key is public, and sums of
 * 64 bits can be steered; against changes of the files there is SHA-256, and AES-GCM where parts are encrypted.
 */

/** Nothing-up-my-sleeve: the bytes 0 to 7, as in the reference's test vectors. */
const KEY = { low: 0x03020100, high: 0x07060504 };
const V2 = 0x6c796765 ^ KEY.low;
const V3 = 0x74656462 ^ KEY.high;
/** What the reference mixes in where the output has 64 bits: at the start, before the end, and between the halves. */
const WIDE = { start: 0xee, end: 0xee, half: 0xdd };
/** The last word and three rounds for each half of the output. */
const CLOSING_STEPS = 7;
const FIRST_HALF_STEP = 3;

/** Sums the hashes of rows. */
export class RowChecksum {
  /** Low and high half. */
  readonly #sum = new Uint32Array(2);

  /** Adds the row whose tuple is the bytes [start, end) of the view. */
  add(view: DataView, start: number, end: number): void {
    const length = end - start;
    const wordsEnd = start + (length & ~3);
    let v0 = KEY.low;
    let v1 = KEY.high ^ WIDE.start;
    let v2 = V2;
    let v3 = V3;
    for (let at = start; at < wordsEnd; at += 4) {
      const message = view.getInt32(at, true);
      v3 ^= message;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= message;
    }
    this.#close(v0, v1, v2, v3, lastWord(view, wordsEnd, length));
  }

  /**
   * The steps behind the whole words. The round stands here again: a function that both call would have to give four
   * numbers back through memory, and one loop for both, which asks at each step what it is, takes a third longer.
   */
  #close(a: number, b: number, c: number, d: number, last: number): void {
    let v0 = a;
    let v1 = b;
    let v2 = c;
    let v3 = d;
    let low = 0;
    for (let step = 0; step < CLOSING_STEPS; step++) {
      const message = step === 0 ? last : 0;
      if (step === 1) v2 ^= WIDE.end;
      v3 ^= message;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= message;
      if (step === FIRST_HALF_STEP) {
        low = v1 ^ v3;
        v1 ^= WIDE.half;
      }
    }
    this.#addHash(low >>> 0, v1 ^ v3);
  }

  #addHash(low: number, high: number): void {
    const sum = this.#sum;
    const total = sum[0]! + low;
    sum[0] = total;
    sum[1] = sum[1]! + high + (total > 0xffffffff ? 1 : 0);
  }

  /** 16 hex digits; of no rows: zeros. */
  hex(): string {
    return hexOf((BigInt(this.#sum[1]!) << 32n) | BigInt(this.#sum[0]!));
  }
}

/** The checksum of two disjoint sets of rows together, as of a table's parts. */
export function addChecksums(a: string, b: string): string {
  return hexOf(BigInt.asUintN(64, BigInt(`0x${a}`) + BigInt(`0x${b}`)));
}

/** The checksum of no rows: where adding up begins. */
export const EMPTY_CHECKSUM = hexOf(0n);

/** The bytes that fill no word, and the length's low 8 bits on top. */
function lastWord(view: DataView, at: number, length: number): number {
  let word = length << 24;
  for (let left = length & 3; left > 0; left--) word |= view.getUint8(at + left - 1) << ((left - 1) * 8);
  return word;
}

function hexOf(sum: bigint): string {
  return sum.toString(16).padStart(16, '0');
}
