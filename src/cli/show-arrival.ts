import type { ReadAs } from '../types.ts';
import { formatBytes, formatCount, formatTable, formatTime, plain } from './format.ts';
import { readAsText } from './reading-options.ts';

/** An arrival as the API answers, as far as the client reads it. */
export interface ArrivalAnswer {
  readonly id: string;
  readonly source: string;
  readonly prefix: string;
  readonly pattern: string;
  readonly table: string | null;
  readonly mode: string;
  readonly after: string;
  readonly order: string;
  readonly maxRejects: string | null;
  readonly dialect?: ReadAs | null;
  readonly everySeconds: number;
  readonly stableSeconds: number;
  readonly marker: string | null;
  readonly paused: boolean;
  readonly files: { readonly waiting: number; readonly loading: number };
  readonly lookedAt: string | null;
  readonly lookError: { readonly message: string; readonly remedy: string } | null;
}

export interface ArrivalFileAnswer {
  readonly id: number;
  readonly path: string;
  readonly bytes: number;
  readonly table: string | null;
  readonly state: string;
  readonly loadId: number | null;
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly seenAt: string;
}

export function arrivalTable(arrivals: readonly ArrivalAnswer[]): string {
  return formatTable(
    ['id', 'prefix', 'pattern', 'table', 'mode', 'after', 'waiting', 'loading', 'looked (UTC)'],
    arrivals.map((arrival) => [
      arrival.id,
      plain(arrival.prefix),
      plain(arrival.pattern),
      arrival.table ?? 'by path',
      arrival.mode,
      arrival.after,
      formatCount(arrival.files.waiting),
      formatCount(arrival.files.loading),
      arrival.paused ? 'paused' : lookedOf(arrival),
    ]),
  );
}

function lookedOf({ lookedAt, lookError }: ArrivalAnswer): string {
  if (lookError !== null) return 'failed';
  return lookedAt === null ? 'not yet' : formatTime(lookedAt);
}

export function summarizeArrival(arrival: ArrivalAnswer): string {
  const { files, lookError } = arrival;
  const facts: [string, string | null][] = [
    ['files', plain(`${arrival.prefix}${arrival.pattern}`)],
    ['table', arrival.table ?? 'as the path says'],
    ['mode', arrival.mode],
    ['after', arrival.after],
    ['order', arrival.order],
    ['max rejects', arrival.maxRejects],
    ['read as', readAsText(arrival.dialect)],
    ['looks', `every ${arrival.everySeconds} s; a file stays the same for ${arrival.stableSeconds} s`],
    ['marker', arrival.marker === null ? null : plain(arrival.marker)],
    ['state', arrival.paused ? 'paused' : 'active'],
    ['waiting', formatCount(files.waiting)],
    ['loading', formatCount(files.loading)],
    ['last look', arrival.lookedAt === null ? 'not yet' : formatTime(arrival.lookedAt)],
    ['it failed', lookError === null ? null : `${plain(lookError.message)}. ${lookError.remedy}`],
  ];
  const lines = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(13)}${value}`);
  return [`Arrival ${arrival.id}`, ...lines].join('\n');
}

/** What is wrong with files, and what to do, is below the table. */
export function fileTable(files: readonly ArrivalFileAnswer[]): string {
  const table = formatTable(
    ['id', 'path', 'size', 'table', 'state', 'load', 'seen (UTC)'],
    files.map((file) => [
      String(file.id),
      plain(file.path),
      formatBytes(file.bytes),
      file.table === null ? '' : plain(file.table),
      file.state,
      file.loadId === null ? '' : String(file.loadId),
      formatTime(file.seenAt),
    ]),
  );
  const faults = files.flatMap(({ id, error }) =>
    error === null ? [] : [`  ${id}: ${plain(error.message)}. ${error.remedy}`],
  );
  return faults.length === 0 ? table : [table, '', ...faults].join('\n');
}
