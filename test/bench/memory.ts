import { readdirSync, readFileSync, statSync } from 'node:fs';
import { benchPlatform } from './bench-platform.ts';

const BYTES = 2_000_000_000;
const BYTES_A_ROW = 45;
const EVERY_MS = 250;

/** `npm run bench -- memory [bytes]`: resident memory of every process, the highest seen, while a big file loads. */
export async function benchMemory([bytes]: readonly string[]): Promise<void> {
  await using bench = await benchPlatform();
  const hires = Math.ceil(Number(bytes ?? BYTES) / BYTES_A_ROW);
  const file = await bench.writeHires('big.csv', { seed: 5, hires, badShare: 0.03 });
  console.log(`${hires} hires, ${(statSync(file).size / 1e9).toFixed(2)} GB`);
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
  const { view, ms } = await bench.load(file, { mode: 'replace' });
  clearInterval(timer);
  const { read, loaded, rejected } = view.rows;
  console.log(`read ${read}, loaded ${loaded}, rejected ${rejected} in ${(ms / 1000).toFixed(1)} s`);
  for (const [role, mb] of most)
    console.log(`  ${role.padEnd(22)}${mb.toFixed(0).padStart(5)} MB resident at most`);
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
