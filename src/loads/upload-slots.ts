import { LongshoreError } from '../errors.ts';

/** Bounds how many files are received at a time: each holds memory, a connection and a file of the storage. */
export class UploadSlots {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws LongshoreError `overloaded`, before any of the file was read */
  async use<T>(receive: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#most) {
      throw new LongshoreError('overloaded', `${this.#taken} uploads are being received already`);
    }
    this.#taken += 1;
    try {
      return await receive();
    } finally {
      this.#taken -= 1;
    }
  }
}
