import type { BatchMode } from '../../batches/batch.ts';
import { formatCount, formatSeconds, plain } from '../format.ts';
import { rejectTable } from '../show-load.ts';
import type { InsertTotals } from './insert-rows.ts';
import type { LineReject } from './plan-batches.ts';

/** Rejects shown below a summary. */
export const FIRST_REJECTS = 5;

export interface InsertSummary {
  readonly table: string;
  readonly mode: BatchMode;
  readonly file: string;
  readonly rows: InsertTotals;
  readonly seconds: number;
  /** The first ones of the file. */
  readonly rejects: readonly LineReject[];
  /** Whether all of the file was sent and answered. */
  readonly complete: boolean;
  /** Of `--again` and `--run`. */
  readonly run: string | null;
}

/** As programs read it: what a load's summary has, by the same names where they fit. */
export function insertDocument({ rows, ...summary }: InsertSummary): object {
  const { batches, replayed, ...counts } = rows;
  return {
    ...summary,
    rows: counts,
    batches: { answered: batches, replayed },
    rejects: summary.rejects.map(({ line, errors }) => ({ line, errors })),
  };
}

export function describeInsert(summary: InsertSummary): string {
  const { table, mode, file, rows, seconds, rejects } = summary;
  const facts: [string, string | null][] = [
    ['table', `${table} (${mode})`],
    ['file', plain(file)],
    ['sent', formatCount(rows.sent)],
    ['accepted', formatCount(rows.accepted)],
    ['rejected', formatCount(rows.rejected)],
    ['discarded', rows.discarded > 0 ? `${formatCount(rows.discarded)} (good rows of strict batches)` : null],
    ['unanswered', rows.unanswered > 0 ? formatCount(rows.unanswered) : null],
    ['batches', `${formatCount(rows.batches)}${replayedPart(rows.replayed)}`],
    ['time', `${formatSeconds(seconds)}${ratePart(rows.sent, seconds)}`],
  ];
  const lines = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(12)}${value}`);
  return [
    summary.complete ? 'Inserted' : 'Not complete',
    ...lines,
    ...rejectLines(rows.rejected, rejects),
  ].join('\n');
}

/** For a progress bar. */
export function describeInserting(rows: InsertTotals, seconds: number): string {
  return [
    `${formatCount(rows.sent)} rows`,
    ...(rows.rejected > 0 ? [`${formatCount(rows.rejected)} rejected`] : []),
  ]
    .join(', ')
    .concat(ratePart(rows.sent, seconds));
}

function replayedPart(replayed: number): string {
  return replayed === 0 ? '' : `, ${formatCount(replayed)} of them in already (replayed)`;
}

/** Nothing sent has no rate. */
function ratePart(rows: number, seconds: number): string {
  if (rows === 0) return '';
  return `, ${formatCount(Math.round(rows / Math.max(0.001, seconds)))} rows/s`;
}

function rejectLines(count: number, rejects: readonly LineReject[]): string[] {
  if (rejects.length === 0) return [];
  const more = count > rejects.length ? `first ${rejects.length} of ` : '';
  return ['', `Rejects (${more}${formatCount(count)})`, rejectTable(rejects).replaceAll(/^/gm, '  ')];
}
