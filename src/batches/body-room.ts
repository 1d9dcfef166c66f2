import { LongshoreError } from '../errors.ts';

/** A reservation of memory for one body while it is being received. */
export interface BodyRoom {
  /** Reserves memory for the next chunk. @throws `overloaded`: the body must not be read any further */
  take(bytes: number): void;
  /** Releases everything: the body is in the queue now, or was refused. Idempotent. */
  release(): void;
}

/**
 * Bounds the memory that bodies hold while they are received, together with those that are queued. Only received bytes
 * count: a client that announces much and sends it slowly keeps nobody out.
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

  /** @throws `overloaded` when a body of so many bytes would not fit at present; 0: its size is not known */
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
