import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { BackupView } from '../../src/backups/backup.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { type BenchPlatform, benchPlatform, request } from './bench-platform.ts';

const BYTES = 2_000_000_000;
const BYTES_A_ROW = 45;
const ROWS = 10_000_000;
const EVERY_MS = 250;

/**
 * `npm run bench -- memory [bytes]`: resident memory of every process, the highest seen, while a big file loads.
 * `npm run bench -- memory backup [rows]`: the same while that many hires are backed up, and while they are restored.
 */
export async function benchMemory(args: readonly string[]): Promise<void> {
  await using bench = await benchPlatform();
  if (args[0] === 'backup') await backUpAndRestore(bench, Number(args[1] ?? ROWS));
  else await loadFile(bench, Number(args[0] ?? BYTES));
}

async function loadFile(bench: BenchPlatform, bytes: number): Promise<void> {
  const hires = Math.ceil(bytes / BYTES_A_ROW);
  const file = await bench.writeHires('big.csv', { seed: 5, hires, badShare: 0.03 });
  console.log(`${hires} hires, ${(statSync(file).size / 1e9).toFixed(2)} GB`);
  const { view, ms } = await watching(bench, () => bench.load(file, { mode: 'replace' }));
  const { read, loaded, rejected } = view.rows;
  console.log(`read ${read}, loaded ${loaded}, rejected ${rejected} in ${(ms / 1000).toFixed(1)} s`);
}

async function backUpAndRestore(bench: BenchPlatform, rows: number): Promise<void> {
  await bench.load(await bench.writeHires('big.csv', { seed: 5, hires: rows, badShare: 0 }), {});
  const backup = await watching(bench, () =>
    request<BackupView>(bench, '/v1/backups', {}, ({ finishedAt }) => finishedAt !== null),
  );
  if (backup.status !== 'done') throw new Error(`no good backup: ${JSON.stringify(backup)}`);
  console.log(`backed up ${backup.rows} rows`);
  const restored = await watching(bench, () =>
    request<RestoreView>(
      bench,
      `/v1/backups/${backup.id}/restore`,
      {},
      ({ finishedAt }) => finishedAt !== null,
    ),
  );
  if (restored.status !== 'done') throw new Error(`no good restore: ${JSON.stringify(restored)}`);
  console.log(`restored ${restored.progress.rows} rows, with a safety backup`);
}

/** Prints the most that each process had while the work ran. */
async function watching<T>(bench: BenchPlatform, work: () => Promise<T>): Promise<T> {
  const most = new Map<string, number>();
  const note = (role: string, pid: number) => {
    most.set(role, Math.max(most.get(role) ?? 0, residentMb(pid)));
  };
  const timer = setInterval(() => {
    for (const [role, pid] of Object.entries(bench.platform.pids())) {
      if (pid === undefined) continue;
      note(role, pid);
      if (role === 'postgres') for (const backend of childrenOf(pid)) note('postgres, a backend', backend);
    }
  }, EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    for (const [role, mb] of most)
      console.log(`  ${role.padEnd(22)}${mb.toFixed(0).padStart(5)} MB resident at most`);
  }
}

function residentMb(pid: number): number {
  try {
    const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function childrenOf(parent: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(parent);
    } catch {
      return false;
    }
  });
}
