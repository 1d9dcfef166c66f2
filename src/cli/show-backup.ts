import type { BackupSummary, BackupView } from '../backups/backup.ts';
import { EXIT } from './exit-codes.ts';
import { formatBytes, formatCount, formatSeconds, formatTable, formatTime, plain } from './format.ts';
import { type Fact, factLines, troubleFacts } from './job-facts.ts';
import type { Session } from './session.ts';
import { watch } from './watch.ts';

/** The part of the API's answer about a backup that the client reads. */
export interface BackupAnswer extends BackupView {
  readonly links: { readonly self: string; readonly temporal?: string };
}

/** The command's exit code after this backup. */
export function exitCodeOfBackup({ status }: BackupView): number {
  return status === 'failed' || status === 'cancelled' ? EXIT.failed : EXIT.ok;
}

/** Shows a backup's progress until it has ended. @throws CliError `interrupted` at Ctrl-C */
export function watchBackup(session: Session, first: BackupAnswer): Promise<BackupAnswer> {
  return watch(session, first, {
    label: `backup ${first.id}`,
    self: first.links.self,
    show: (progress, backup) => progress.update(backup.parts, backup.partsTotal, describeBackup(backup)),
    afterwards: `see it with "longshore backups show ${first.id}"`,
  });
}

/** A running backup in a few words. */
function describeBackup({ status, parts, partsTotal, rows, bytes }: BackupView): string {
  if (partsTotal === null) return 'waits for its snapshot';
  const stored = `${formatCount(rows ?? 0)} rows, ${formatBytes(bytes ?? 0)}`;
  return `${status}, ${parts} of ${partsTotal} parts, ${stored}`;
}

/** A backup, and what it holds of each table. */
export function showBackup(session: Session, backup: BackupAnswer): void {
  session.print(backup, () => summarize(backup));
}

function summarize(backup: BackupAnswer): string {
  const { verification } = backup;
  const facts: Fact[] = [
    ['status', backup.pinned ? `${backup.status} (pinned)` : backup.status],
    ...(backup.unverified ?? []).map(
      ({ reason, detail }): Fact => ['because', plain(`${detail} (${reason})`)],
    ),
    ['made by', backup.scheduleId === null ? backup.purpose : `schedule ${plain(backup.scheduleId)}`],
    ['snapshot', backup.snapshotAt === null ? null : formatTime(backup.snapshotAt)],
    ['rows', backup.rows === null ? null : formatCount(backup.rows)],
    ['size', backup.bytes === null ? null : formatBytes(backup.bytes)],
    ['codec', backup.encrypted ? `${backup.codec}, encrypted` : backup.codec],
    ['key', backup.keyId],
    ['time', secondsOf(backup)],
    ['proved', backup.lastVerifiedAt === null ? 'never' : formatTime(backup.lastVerifiedAt)],
    ['faults', verification === null || verification.ok ? null : plain(verification.faults.join('; '))],
    ['fits', fitsOf(backup)],
    ...warningsOf(backup).map((words): Fact => ['warning', plain(words)]),
    ...troubleFacts(backup),
    ['workflow', backup.links.temporal ?? backup.workflowId],
  ];
  const tables = formatTable(
    ['table', 'rows', 'parts', 'size'],
    backup.tables.map(({ table, rows, parts }) => [
      plain(table),
      rows === null ? '' : formatCount(rows),
      String(parts.length),
      formatBytes(parts.reduce((sum, part) => sum + part.bytes, 0)),
    ]),
  );
  return [`Backup ${backup.id}`, ...factLines(facts), '', tables.replaceAll(/^/gm, '  ')].join('\n');
}

/** Whether the last drill found that the dictionary of that moment would take it. */
function fitsOf({ verification }: BackupView): string | null {
  if (verification?.misfits === undefined) return null;
  return verification.misfits.length === 0
    ? 'the dictionary'
    : `not: ${plain(verification.misfits.join('; '))}`;
}

function warningsOf({ warnings, verification }: BackupView): readonly string[] {
  return [...new Set([...warnings, ...(verification?.warnings ?? [])])];
}

function secondsOf({ createdAt, finishedAt }: BackupView): string | null {
  if (finishedAt === null) return null;
  return formatSeconds((Date.parse(finishedAt) - Date.parse(createdAt)) / 1000);
}

/** Many backups, one a line. */
export function backupTable(backups: readonly BackupSummary[]): string {
  const rows = backups.map((backup) => [
    backup.id,
    plain(backup.scheduleId ?? backup.purpose),
    backup.pinned ? `${backup.status} (pinned)` : backup.status,
    backup.rows === null ? '' : formatCount(backup.rows),
    backup.bytes === null ? '' : formatBytes(backup.bytes),
    backup.verification === null ? 'never' : backup.verification.ok ? 'good' : 'damaged',
    tableNames(backup),
  ]);
  return formatTable(['id', 'made by', 'status', 'rows', 'size', 'proved', 'tables'], rows);
}

function tableNames({ tables, tablesTotal }: BackupSummary): string {
  const names = tables.map(({ table }) => plain(table)).join(', ');
  return tablesTotal > tables.length ? `${names} and ${tablesTotal - tables.length} more` : names;
}
