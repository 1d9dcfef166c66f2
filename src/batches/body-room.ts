import { LongshoreError } from '../errors.ts';

/** Room for one body while it is being received. */
export interface BodyRoom {
  /** For the next piece. @throws `overloaded`: the body is not to be read any further */
  take(bytes: number): void;
  /** Gives everything back: the body is in the queue now, or was refused. May be called more than once. */
  release(): void;
}

/**
 * Bounds what all bodies that are being received hold of this process's memory, together with those that are queued.
 * Each counts as it comes: one that announces much and sends it slowly keeps nobody out.
 */
export class BodyRooms {
  readonly #maxBytes: number;
  readonly #queuedBytes: () => number;
  #receiving = 0;

  constructor(maxBytes: number, queuedBytes: () => number) {
    this.#maxBytes = maxBytes;
    this.#queuedBytes = queuedBytes;
  }

  get receiving(): number {
    return this.#receiving;
  }

  /** @throws `overloaded` when a body of so many bytes has no room as it is now; 0: its size is not known */
  open(announcedBytes: number): BodyRoom {
    this.#refuse(announcedBytes);
    let taken = 0;
    return {
      take: (bytes) => {
        this.#refuse(bytes);
        taken += bytes;
        this.#receiving += bytes;
      },
      release: () => {
        this.#receiving -= taken;
        taken = 0;
      },
    };
  }

  #refuse(bytes: number): void {
    const held = this.#receiving + this.#queuedBytes();
    if (held + bytes <= this.#maxBytes) return;
    throw new LongshoreError('overloaded', `batches of ${held} bytes are being received or waiting already`);
  }
}
