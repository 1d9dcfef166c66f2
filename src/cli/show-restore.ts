import type { RestoreView, TableChange } from '../restores/restore.ts';
import { EXIT } from './exit-codes.ts';
import { formatCount, formatSeconds, formatTable, formatTime, plain } from './format.ts';
import { type Fact, factLines, troubleFacts } from './job-facts.ts';
import type { Session } from './session.ts';
import { watch } from './watch.ts';

/** The part of the API's answer about a restore that the client reads. */
export interface RestoreAnswer extends RestoreView {
  readonly links: { readonly self: string; readonly temporal?: string };
}

/** The command's exit code after this restore. */
export function exitCodeOfRestore({ status }: RestoreView): number {
  return status === 'failed' || status === 'cancelled' ? EXIT.failed : EXIT.ok;
}

/** Shows a restore's progress until it has ended. @throws CliError `interrupted` at Ctrl-C */
export function watchRestore(session: Session, first: RestoreAnswer): Promise<RestoreAnswer> {
  return watch(session, first, {
    label: `${first.kind} ${first.id}`,
    self: first.links.self,
    show: (progress, { progress: done, status }) =>
      progress.update(
        done.rows,
        done.rowsTotal,
        `${status}, ${formatCount(done.rows)} of ${formatCount(done.rowsTotal)} rows`,
      ),
    afterwards: `see it with "longshore restores show ${first.id}"`,
  });
}

/** A restore, and what it changed. */
export function showRestore(session: Session, restore: RestoreAnswer): void {
  session.print(restore, () => summarize(restore));
}

const HEADS: Readonly<Record<RestoreView['kind'], string>> = {
  restore: 'Restore',
  'dry-run': 'Dry run',
  drill: 'Drill',
};

function summarize(restore: RestoreAnswer): string {
  const { target, safetyBackupId } = restore;
  const facts: Fact[] = [
    ['status', restore.status],
    ['backup', target.acceptUnverified ? `${restore.backupId} (unverified)` : restore.backupId],
    ['snapshot', snapshotOf(restore)],
    ['as', target.as],
    ['keys', target.keys === null ? null : formatCount(target.keys.length)],
    ['time', secondsOf(restore)],
    ...troubleFacts(restore),
    ['undo', undoOf(restore, safetyBackupId)],
    ['workflow', restore.links.temporal ?? restore.workflowId],
  ];
  const skipped = restore.skipped.map(({ backupId, why }) => `  skipped   ${plain(`${backupId}: ${why}`)}`);
  const notFound = restore.changes.flatMap((change) =>
    (change.notFound ?? []).map((key) => `  not found ${plain(key.join(', '))}: in neither place`),
  );
  const broken = restore.changes.flatMap((change) =>
    change.broken.map((words) => `  broken    ${plain(words)}`),
  );
  const changes =
    restore.changes.length === 0 ? [] : ['', changeTable(restore.changes).replaceAll(/^/gm, '  ')];
  return [
    `${HEADS[restore.kind]} ${restore.id}`,
    ...factLines(facts),
    ...skipped,
    ...broken,
    ...notFound,
    ...changes,
  ].join('\n');
}

function snapshotOf({ snapshotAt, snapshotAgeSeconds }: RestoreView): string | null {
  if (snapshotAt === null || snapshotAgeSeconds === null) return null;
  return `${formatTime(snapshotAt)}, ${formatSeconds(Math.max(0, snapshotAgeSeconds))} before`;
}

function undoOf({ status }: RestoreView, safetyBackupId: string | null): string | null {
  return status === 'done' && safetyBackupId !== null ? `longshore restore --backup ${safetyBackupId}` : null;
}

/** What was not counted has no column; of a table without a primary key, the changed rows are blank. */
function changeTable(changes: readonly TableChange[]): string {
  const compared = changes.some(({ added }) => added !== null);
  const counts = (change: TableChange) => {
    const { rowsNow, rowsInBackup, added, removed, changed } = change;
    return compared ? [rowsNow, rowsInBackup, added, removed, changed] : [rowsNow, rowsInBackup];
  };
  return formatTable(
    ['table', 'rows before', 'in backup', ...(compared ? ['added', 'removed', 'changed'] : [])],
    changes.map((change) => [
      change.table,
      ...counts(change).map((count) => (count === null ? '' : formatCount(count))),
    ]),
  );
}

function secondsOf({ createdAt, finishedAt }: RestoreView): string | null {
  if (finishedAt === null) return null;
  return formatSeconds((Date.parse(finishedAt) - Date.parse(createdAt)) / 1000);
}

/** Many restores, one a line. */
export function restoreTable(restores: readonly RestoreAnswer[]): string {
  const rows = restores.map((restore) => [
    String(restore.id),
    restore.kind,
    restore.status,
    restore.backupId,
    restore.target.as ?? restore.tables.join(', '),
  ]);
  return formatTable(['id', 'kind', 'status', 'backup', 'tables'], rows);
}
