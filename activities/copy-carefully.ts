import { readRecords } from '../src/csv/read-records.ts';
import type { Tx } from '../src/db/database.ts';
import { explainRaised } from '../src/db/raised.ts';
import { refusedRow } from '../src/db/refusal.ts';
import { isRowFault } from '../src/db/sqlstate.ts';
import { encodeChunk } from '../src/rows/encode-chunk.ts';
import type { EncodeInput } from '../src/rows/encode-input.ts';
import { type ChunkTarget, type CopiedChunk, copyChunk, copyRejects } from './copy-chunk.ts';

/**
 * Copies a chunk of which PostgreSQL refuses a row: one that satisfies every rule but is too large for a page, such as a
 * thousand short texts. Each half of its records is copied alone, and refused halves are halved again, so that a single
 * row becomes a reject and all others go in.
 */
export async function copyCarefully(
  tx: Tx,
  target: ChunkTarget,
  input: EncodeInput,
  signal: AbortSignal,
): Promise<CopiedChunk> {
  const { bytes, chunk, dialect, encoding } = input;
  const starts: { readonly line: number; readonly start: number; readonly end: number }[] = [];
  for (const { line, start, end } of readRecords(bytes, chunk, dialect, encoding))
    starts.push({ line, start, end });
  const totals = { rowsRead: 0, rowsGood: 0, rowsRejected: 0, rowsCopied: 0 };
  const ranges: [first: number, behind: number][] = [[0, starts.length]];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [first, behind] = range;
    const record = starts[first]!;
    const part = bytes.subarray(record.start, starts[behind]?.start ?? bytes.length);
    await tx.query('savepoint part');
    try {
      const encoded = encodeChunk({ ...input, bytes: part, chunk: { ...chunk, firstLine: record.line } });
      const room = target.room.fork();
      add(totals, await copyChunk(tx, { ...target, room }, encoded, signal));
      await tx.query('release savepoint part');
      target.room.join(room);
    } catch (error) {
      if (!isRowFault(error)) throw error;
      await tx.query('rollback to savepoint part');
      await explainRaised(tx, error);
      if (behind - first > 1) {
        const middle = first + ((behind - first) >> 1);
        ranges.push([middle, behind], [first, middle]);
        continue;
      }
      const raw = bytes.subarray(record.start, record.end);
      const reject = { line: record.line, raw, errors: [refusedRow(error)] };
      await copyRejects(tx, target.id, target.room.take([reject]));
      add(totals, { rowsRead: 1, rowsGood: 0, rowsRejected: 1, rowsCopied: 0 });
    }
  }
  return totals;
}

function add(totals: { -readonly [member in keyof CopiedChunk]: number }, more: CopiedChunk): void {
  totals.rowsRead += more.rowsRead;
  totals.rowsGood += more.rowsGood;
  totals.rowsRejected += more.rowsRejected;
  totals.rowsCopied += more.rowsCopied;
}
