import { LongshoreError } from '../errors.ts';

/** A file of so many bytes is unpacked whatever it was packed to: small ones of equal rows shrink most. */
const FREE_BYTES = 64 * 1024 * 1024;

/**
 * Holds what a file unpacks to against its own size. Text rarely shrinks to less than a fiftieth, a file that was made
 * to fill a disk to less than a thousandth.
 */
export class Expansion {
  readonly #limit: number;
  #packed = 0;
  #unpacked = 0;

  /**
   * @param limit of the bytes that one packed byte may become
   * @param packed bytes of the file, where they are known beforehand
   */
  constructor(limit: number, packed = 0) {
    this.#limit = limit;
    this.#packed = packed;
  }

  /** Counts bytes as they are in the file. */
  async *packed(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of pieces) {
      this.#packed += piece.length;
      yield piece;
    }
  }

  /** @throws LongshoreError `expansion-limit` */
  async *unpacked(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of pieces) {
      this.#unpacked += piece.length;
      if (this.#unpacked > FREE_BYTES && this.#unpacked > this.#limit * this.#packed) {
        throw new LongshoreError(
          'expansion-limit',
          `the file unpacks to more than ${this.#limit} times its size: ${this.#packed} bytes became ` +
            `${this.#unpacked} so far`,
        );
      }
      yield piece;
    }
  }
}
