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
    `| MB | ${megabytes(p.bytes)} | ${megabytes(p.bytesTotal)} |`,
    `| rows read | ${p.read} | |`,
    `| rows rejected | ${p.rejected} | |`,
  ].join('\n');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

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
    `| MB stored | ${megabytes(p.bytes)} | |`,
  ].join('\n');
}
