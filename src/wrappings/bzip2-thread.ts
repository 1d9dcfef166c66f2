import { type MessagePort, workerData } from 'node:worker_threads';
import bitIterator from 'unbzip2-stream/lib/bit_iterator.js';
import bzip2 from 'unbzip2-stream/lib/bzip2.js';
import type { FromThread, ToThread } from './bzip2.ts';
import { heardOn } from './heard.ts';

/** A block holds so many bytes at most, times the level that the file's header says. */
const BLOCK_UNIT = 100_000;
/** What a block has beside, and may be longer by where its bytes can't be packed. */
const BLOCK_EXTRA = 25_000;
const HEADER_BYTES = 4;
const PIECE_BYTES = 256 * 1024;

const { port } = workerData as { readonly port: MessagePort };
const heard = heardOn<ToThread>(port);
const say = (message: FromThread) => port.postMessage(message);

const received: Uint8Array[] = [];
let bytes = 0;
let ended = false;

function nextBuffer(): Uint8Array {
  const piece = received.shift();
  if (piece === undefined) throw new Error('it ends too early');
  return piece;
}

/** The library reads without waiting: a block is begun when the longest that it can be is there, or all that there is. */
async function fill(wanted: number, read: number): Promise<void> {
  while (!ended && bytes - read < wanted) {
    say({ need: true });
    const answer = await heard();
    if (!('piece' in answer)) throw new Error('a piece was expected');
    if (answer.piece === null) ended = true;
    else if (answer.piece.length > 0) {
      received.push(answer.piece);
      bytes += answer.piece.length;
    }
  }
}

/** The bytes of a block, which come one by one. */
class Block {
  #bytes = new Uint8Array(PIECE_BYTES);
  #length = 0;
  readonly push = (byte: number): void => {
    if (this.#length === this.#bytes.length) {
      const longer = new Uint8Array(2 * this.#length);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    this.#bytes[this.#length++] = byte;
  };

  *pieces(): Generator<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < this.#length; at += PIECE_BYTES) {
      yield this.#bytes.slice(at, Math.min(at + PIECE_BYTES, this.#length));
    }
  }
}

/** A file is one stream or several; each has a header, blocks, and a checksum over all of them. */
async function unpack(): Promise<void> {
  await fill(HEADER_BYTES, 0);
  const bits = bitIterator(nextBuffer);
  while (!ended || bytes > bits.bytesRead) {
    const level = bzip2.header(bits);
    const work = new Int32Array(BLOCK_UNIT * level);
    let checksum: number | null = 0;
    while (checksum !== null) {
      await fill(BLOCK_UNIT * level + BLOCK_EXTRA, bits.bytesRead);
      const block = new Block();
      checksum = bzip2.decompress(bits, block.push, work, work.length, checksum);
      for (const piece of block.pieces()) {
        say({ piece });
        await heard();
      }
    }
    await fill(HEADER_BYTES, bits.bytesRead);
  }
}

try {
  await unpack();
  say({ end: true });
} catch (error) {
  const why = error instanceof Error ? error.message : '';
  const known = why === 'it ends too early' || /crc/.test(why);
  say({
    fault: known ? why.replace(/^Error in bzip2: crc32 do/, 'its checksums do') : 'its data is damaged',
  });
}
