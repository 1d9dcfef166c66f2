import { hasEnded } from '../jobs/job.ts';
import type { RejectView } from '../rejects/rejects.ts';
import { shorten } from '../shorten.ts';
import type { LoadAnswer, RejectsAnswer } from './api-client.ts';
import { EXIT } from './exit-codes.ts';
import { formatBytes, formatCount, formatSeconds, formatTable, formatTime, plain } from './format.ts';
import { type Fact, factLines, troubleFacts } from './job-facts.ts';
import { describeProgress } from './progress.ts';
import { readAsText } from './reading-options.ts';
import type { Session } from './session.ts';

/** Rejects shown below a summary. */
const FIRST_REJECTS = 5;
const MESSAGE_LENGTH = 100;

/** The command's exit code after this load. */
export function exitCodeOf(load: LoadAnswer): number {
  if (load.status === 'failed' || load.status === 'cancelled') return EXIT.failed;
  return load.status === 'done' && load.rows.rejected > 0 ? EXIT.rejects : EXIT.ok;
}

/** A load and, when it has any, its first rejects. */
export async function showLoad(session: Session, load: LoadAnswer): Promise<void> {
  if (session.json) {
    session.print(load, () => '');
    return;
  }
  const rejects = load.rows.rejected === 0 ? [] : await firstRejects(session, load);
  session.print(load, () => summarize(load, rejects));
}

async function firstRejects(session: Session, load: LoadAnswer): Promise<readonly RejectView[]> {
  const page = await session.api.json<RejectsAnswer>(`${load.links.self}/rejects?limit=${FIRST_REJECTS}`);
  return page.rejects;
}

function summarize(load: LoadAnswer, rejects: readonly RejectView[]): string {
  const { rows } = load;
  const seconds = secondsOf(load);
  const facts: Fact[] = [
    ['status', load.paused ? `${load.status} (paused)` : load.status],
    ['table', `${load.table} (${load.mode})`],
    ['file', plain(load.source.name)],
    ['packed by', load.source.wrappings?.join(', ') ?? null],
    ['read as', readAsText(load.readAs)],
    ['read', formatCount(rows.read)],
    ['loaded', formatCount(rows.loaded)],
    ['rejected', formatCount(rows.rejected)],
    ['unchanged', load.mode === 'merge' ? formatCount(rows.unchanged) : null],
    ['discarded', rows.discarded > 0 ? `${formatCount(rows.discarded)} (${whyDiscarded(load)})` : null],
    ['progress', hasEnded(load) ? null : describeProgress(load)],
    ['time', seconds === null ? null : formatSeconds(seconds)],
    ...troubleFacts(load),
    ['hint', load.error === null ? plain(load.hint ?? '') || null : null],
    ['workflow', load.links.temporal ?? load.workflowId],
  ];
  return [`Load ${load.id}`, ...factLines(facts), ...rejectLines(load, rejects)].join('\n');
}

function whyDiscarded({ status }: LoadAnswer): string {
  return status === 'done' ? 'kept out by a trigger or a rule of the table' : 'the table is as it was';
}

function rejectLines(load: LoadAnswer, rejects: readonly RejectView[]): string[] {
  if (rejects.length === 0) return [];
  const more = load.rows.rejected > rejects.length ? `first ${rejects.length} of ` : '';
  const table = rejectTable(rejects).replaceAll(/^/gm, '  ');
  return [
    '',
    `Rejects (${more}${formatCount(load.rows.rejected)}; all: longshore rejects ${load.id} --csv)`,
    table,
  ];
}

/** One line an error. */
export function rejectTable(rejects: readonly Pick<RejectView, 'line' | 'errors'>[]): string {
  const rows = rejects.flatMap(({ line, errors }) =>
    errors.map(({ field, code, message }) => [
      String(line),
      plain(field ?? ''),
      code,
      shorten(plain(message), MESSAGE_LENGTH),
    ]),
  );
  return formatTable(['line', 'field', 'code', 'message'], rows);
}

/** Many loads, one a line. */
export function loadTable(loads: readonly LoadAnswer[]): string {
  const rows = loads.map((load) => [
    String(load.id),
    load.table,
    load.mode,
    load.paused ? `${load.status} (paused)` : load.status,
    formatCount(load.rows.read),
    formatCount(load.rows.loaded),
    formatCount(load.rows.rejected),
    formatBytes(load.progress.bytesTotal ?? load.progress.bytes),
    formatTime(load.createdAt),
    plain(load.source.name),
  ]);
  return formatTable(
    ['id', 'table', 'mode', 'status', 'read', 'loaded', 'rejected', 'size', 'created (UTC)', 'file'],
    rows,
  );
}

function secondsOf(load: LoadAnswer): number | null {
  if (load.startedAt === null || load.finishedAt === null) return null;
  return (Date.parse(load.finishedAt) - Date.parse(load.startedAt)) / 1000;
}
