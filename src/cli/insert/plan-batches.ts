import { describeJsonFault } from '../../json-fault.ts';
import type { CellError } from '../../types.ts';
import type { Line } from './read-lines.ts';

/** A rejected line of the file. `row` is JSON text: the line as it is or, when it is no JSON, a string with it. */
export interface LineReject {
  readonly line: number;
  readonly row: string;
  readonly errors: readonly CellError[];
}

/** What is sent at once. */
export interface PlannedBatch {
  /** Line number of its first line, whether good or bad. */
  readonly firstLine: number;
  /** The lines that can be sent: JSON, each the row of its index. */
  readonly lines: readonly Line[];
  /** Found here: no JSON, so that the platform could not read the batch around them. */
  readonly rejects: readonly LineReject[];
  readonly endByte: number;
}

/** No batch of several lines has more: requests of this size are answered soon, and cost little when repeated. */
const AIM_BYTES = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SPACE_ONLY = /^[ \t\r]*$/;

/**
 * Cuts lines into batches. The same lines give the same batches, however fast they arrive: the Idempotency-Keys depend
 * on that. A line that is no JSON counts as a row, so that correcting one in place moves
 * no others into another batch; empty lines don't count. When `lines` throws, the rows since the last whole batch
 * are not given out: as a shorter batch they would be sent once more by the next run.
 */
export async function* planBatches(lines: AsyncIterable<Line>, rows: number): AsyncGenerator<PlannedBatch> {
  let good: Line[] = [];
  let rejects: LineReject[] = [];
  let bytes = 0;
  let last: Line | null = null;
  const cut = (): PlannedBatch => {
    const firstLine = Math.min(good[0]?.number ?? Infinity, rejects[0]?.line ?? Infinity);
    const batch = { firstLine, lines: good, rejects, endByte: last?.endByte ?? 0 };
    [good, rejects, bytes] = [[], [], 0];
    return batch;
  };
  for await (const line of lines) {
    const checked = checkLine(line);
    if (checked === 'blank') continue;
    if (good.length + rejects.length > 0 && bytes + line.bytes.length > AIM_BYTES) yield cut();
    last = line;
    if (checked === 'good') good.push(line);
    else rejects.push(checked);
    bytes += line.bytes.length + 1;
    if (good.length + rejects.length === rows) yield cut();
  }
  if (good.length + rejects.length > 0) yield cut();
}

function checkLine(line: Line): 'good' | 'blank' | LineReject {
  let text: string;
  try {
    text = utf8.decode(line.bytes);
  } catch {
    const row = JSON.stringify(line.bytes.toString('utf8'));
    return reject(line, row, { code: 'encoding-error', field: null, message: 'the line is not valid UTF-8' });
  }
  if (SPACE_ONLY.test(text)) return 'blank';
  try {
    JSON.parse(text);
    return 'good';
  } catch {
    const { what, column } = describeJsonFault(text);
    const message = `${what}: column ${column}`;
    return reject(line, JSON.stringify(text), { code: 'type-error', field: null, message });
  }
}

function reject({ number }: Line, row: string, error: CellError): LineReject {
  return { line: number, row, errors: [error] };
}
