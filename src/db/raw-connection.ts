import type { Socket } from 'node:net';

/** The parts of pg's connection that COPY needs; its types don't tell of them. */
export interface RawConnection {
  readonly stream: Socket;
  query(text: string): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Messages of the protocol (PostgreSQL, "Message Formats"): a type, the length of the rest with itself, the rest. */
export const TYPE_BYTES = 1;
export const LENGTH_BYTES = 4;
export const HEADER_BYTES = TYPE_BYTES + LENGTH_BYTES;
/** The type of the message that brings data of a COPY, either way. */
export const COPY_DATA = 0x64;
