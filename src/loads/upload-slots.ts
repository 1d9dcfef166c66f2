import { LongshoreError } from '../errors.ts';

/** Bounds how many files are taken at a time: each holds memory, a connection and a file on a disk. */
export class UploadSlots {
  readonly #most: number;
  readonly #what: string;
  #taken = 0;

  /** @param what is done with them, for the error */
  constructor(most: number, what = 'uploads are being received') {
    this.#most = most;
    this.#what = what;
  }

  /** @throws LongshoreError `overloaded`, before any of the file was read */
  async use<T>(receive: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#most) {
      throw new LongshoreError('overloaded', `${this.#taken} ${this.#what} already`);
    }
    this.#taken += 1;
    try {
      return await receive();
    } finally {
      this.#taken -= 1;
    }
  }
}
