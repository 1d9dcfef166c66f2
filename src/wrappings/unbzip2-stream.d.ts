/** The parts of unbzip2-stream that its stream is made of; they have no types of their own. */

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  export interface Bits {
    (count: number | null): number;
    /** Bytes of which at least a bit was read. */
    readonly bytesRead: number;
  }
  export default function bitIterator(nextBuffer: () => Uint8Array): Bits;
}

declare module 'unbzip2-stream/lib/bzip2.js' {
  import type { Bits } from 'unbzip2-stream/lib/bit_iterator.js';

  const bzip2: {
    /** Reads a stream's header. @returns its level, 1 to 9 */
    header(bits: Bits): number;
    /** Reads a block, or the stream's end. @returns the checksum so far; null at the end */
    decompress(
      bits: Bits,
      push: (byte: number) => void,
      work: Int32Array,
      workLength: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
