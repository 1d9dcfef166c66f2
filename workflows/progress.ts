import type { CommittedGroup } from '../src/batches/contract.ts';
import type { ChunkCounts } from '../src/loads/contract.ts';

export interface LoadProgress extends ChunkCounts {
  readonly step: string;
  readonly chunksTotal: number;
  readonly bytesTotal: number;
}

/** What the Web UI shows of a running load, as Markdown. Pure. */
export function progressDetails(p: LoadProgress): string {
  const percent = p.bytesTotal > 0 ? Math.floor((p.bytes * 100) / p.bytesTotal) : 0;
  return [
    `**${p.step}** ${percent} %`,
    '',
    '| | done | of |',
    '|---|---:|---:|',
    `| chunks | ${p.chunks} | ${p.chunksTotal} |`,
    `| size | ${size(p.bytes)} | ${size(p.bytesTotal)} |`,
    `| rows read | ${p.read} | |`,
    `| rows rejected | ${p.rejected} | |`,
  ].join('\n');
}

/** With its unit, which the size itself chooses: the Web UI has no room for a column of zeros. */
function size(bytes: number): string {
  const unit = UNITS.find(([least]) => bytes >= least);
  return unit === undefined ? `${bytes} B` : `${(bytes / unit[0]).toFixed(1)} ${unit[1]}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
];

export interface RestoreProgress {
  readonly step: string;
  readonly parts: number;
  readonly partsTotal: number;
  readonly rows: number;
  readonly rowsTotal: number;
}

/** What the Web UI shows of a running restore, dry run or drill, as Markdown. Pure. */
export function restoreDetails(p: RestoreProgress): string {
  return [
    `**${p.step}**`,
    '',
    '| | done | of |',
    '|---|---:|---:|',
    `| parts | ${p.parts} | ${p.partsTotal} |`,
    `| rows | ${p.rows} | ${p.rowsTotal} |`,
  ].join('\n');
}

export interface BackupProgress {
  readonly step: string;
  readonly parts: number;
  readonly partsTotal: number;
  readonly rows: number;
  /** As stored. */
  readonly bytes: number;
}

/** What the Web UI shows of a running backup, as Markdown. Pure. */
export function backupDetails(p: BackupProgress): string {
  return [
    `**${p.step}**`,
    '',
    '| | done | of |',
    '|---|---:|---:|',
    `| parts | ${p.parts} | ${p.partsTotal} |`,
    `| rows | ${p.rows} | |`,
    `| stored | ${size(p.bytes)} | |`,
  ].join('\n');
}

/** What the Web UI shows of a group of batches that is committed, as Markdown. Pure. */
export function groupDetails({ sent, accepted, rejected, discarded }: CommittedGroup): string {
  const outcome =
    rejected === sent ? 'done: every row was rejected' : rejected > 0 ? 'done, with rejects' : 'done';
  return [
    `**${outcome}**`,
    '',
    '| rows | |',
    '|---|---:|',
    `| sent | ${sent} |`,
    `| accepted | ${accepted} |`,
    `| rejected | ${rejected} |`,
    `| discarded | ${discarded} |`,
  ].join('\n');
}
