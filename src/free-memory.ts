/**
 * Gives the memory back that lies under a buffer which nobody uses any more, nor any other that shares it; what is read
 * there from then on is nothing. Node's pool for small buffers stays.
 *
 * The memory of buffers lies outside of V8's heap, and goes when the garbage collector finds that nobody has the buffer
 * any more. For each 64 MiB of it that have come V8 collects garbage, and looks through the whole heap for that: where
 * data flows through, this takes as much processor time as the work itself.
 */
export function freeMemory({ buffer, length }: Uint8Array): void {
  const inPool = buffer.byteLength === Buffer.poolSize && length < buffer.byteLength;
  if (!inPool && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
