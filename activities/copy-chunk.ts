import { COPY_HEADER, COPY_TRAILER } from '../src/db/copy-binary.ts';
import { copyIn } from '../src/db/copy-in.ts';
import type { Tx } from '../src/db/database.ts';
import { copyInto } from '../src/db/ledger-queries.ts';
import { freeMemory } from '../src/free-memory.ts';
import { copyIntoStage } from '../src/publish/stage.ts';
import type { RejectRoom } from '../src/rejects/kept-rejects.ts';
import { encodeRejects, type RawReject } from '../src/rejects/rejects.ts';
import type { EncodedPiece, EncodeTotals } from '../src/rows/encoded-pieces.ts';
import type { Table } from '../src/types.ts';

/** The most bytes of encoded pieces that wait in memory for their COPY. */
const HELD_BYTES = 8 * 1024 * 1024;
const COPY_REJECTS = copyInto('reject', ['load_id', 'line', 'record', 'errors']);

/** The encoder's totals, and the number of rows that PostgreSQL reports as copied. */
export type CopiedChunk = EncodeTotals & { readonly rowsCopied: number };

/** The destination of a chunk. */
export interface ChunkTarget {
  /** Of the load. */
  readonly id: number;
  readonly table: Table;
  /** Takes the rejects that are kept, and counts the others. */
  readonly room: RejectRoom;
}

/** Rejects that no encoder made. */
export async function copyRejects(
  { client }: Tx,
  loadId: number,
  rejects: readonly RawReject[],
): Promise<void> {
  await copyIn(client, COPY_REJECTS, [encodeRejects(loadId, rejects)]);
}

/** A COPY's format, and the pieces that wait for it. */
interface Target {
  readonly sql: string;
  readonly header?: Buffer;
  readonly trailer?: Buffer;
  held: Buffer[];
  heldBytes: number;
}

/**
 * COPYs a chunk's pieces as they are encoded. A connection runs one COPY at a time: pieces of its kind are sent at once,
 * those of other kinds wait, up to a limit; then the COPY ends, and that of the kind with the most bytes begins.
 * @returns the encoder's totals, and the number of rows that PostgreSQL reports as copied into the stage
 */
export async function copyChunk(
  { client }: Tx,
  { id, table, room }: ChunkTarget,
  encoded: Generator<EncodedPiece, EncodeTotals>,
  signal: AbortSignal,
): Promise<CopiedChunk> {
  const targets: Readonly<Record<EncodedPiece['kind'], Target>> = {
    binary: {
      ...newTarget(copyIntoStage(table, id, 'binary')),
      header: COPY_HEADER,
      trailer: COPY_TRAILER,
    },
    text: newTarget(copyIntoStage(table, id, 'text')),
    rejects: newTarget(COPY_REJECTS),
  };
  const all = Object.values(targets);
  let totals: EncodeTotals | undefined;
  let rowsCopied = 0;

  /** Encodes a piece and leaves it with its target; false when there are no more. */
  const encodePiece = () => {
    const { done, value } = encoded.next();
    if (done) {
      totals = value;
      return false;
    }
    const copy = value.kind === 'rejects' ? encodeRejects(id, room.take(value.rejects)) : value.copy;
    const target = targets[value.kind];
    target.held.push(copy);
    target.heldBytes += copy.length;
    return true;
  };

  function* piecesOf(target: Target): Generator<Buffer> {
    if (target.header) yield target.header;
    do {
      for (const piece of release(target)) {
        yield piece;
        freeMemory(piece);
      }
    } while (
      totals === undefined &&
      all.reduce((sum, { heldBytes }) => sum + heldBytes, 0) < HELD_BYTES &&
      encodePiece()
    );
    if (target.trailer) yield target.trailer;
  }

  for (;;) {
    const target = all.reduce((a, b) => (b.heldBytes > a.heldBytes ? b : a));
    if (target.heldBytes === 0) {
      if (totals === undefined && encodePiece()) continue;
      break;
    }
    const copied = await copyIn(client, target.sql, piecesOf(target), signal);
    if (target !== targets.rejects) rowsCopied += copied;
  }
  return { ...totals!, rowsCopied };
}

function newTarget(sql: string): Target {
  return { sql, held: [], heldBytes: 0 };
}

/** Takes the pieces that the target held. */
function release(target: Target): readonly Buffer[] {
  const { held } = target;
  target.held = [];
  target.heldBytes = 0;
  return held.length > 1 ? [Buffer.concat(held)] : held;
}
