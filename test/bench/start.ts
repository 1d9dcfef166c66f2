import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cleanup, testHome } from '../support/home.ts';
import { testPlatform } from '../support/platform.ts';
import { median } from './batch/median.ts';

const ROUNDS = 5;
/** What /proc counts in: USER_HZ, which is 100 on every Linux. */
const MS_A_TICK = 10;

const LONGSHORE = fileURLToPath(new URL('../../src/cli/longshore.mjs', import.meta.url));

/** Node keeps to the cache of this process, or to none. */
const SIDES = { without: { NODE_DISABLE_COMPILE_CACHE: '1' }, with: {} } as const;
type Side = keyof typeof SIDES;

/** Milliseconds of one start. */
interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

/**
 * `npm run bench -- start [rounds]`: the client's commands against a running platform, and starts of a platform in a
 * home that it has been in before, with Node's compile cache and without, in turn.
 */
export async function benchStart([rounds = ROUNDS]: readonly (string | number)[]): Promise<void> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t: Cleanup = { after: (action) => void cleanups.push(action) };
  console.log(
    `${rounds} rounds on ${availableParallelism()} cores; medians, CPU and wall of ${process.version}`,
  );
  try {
    const home = await testHome(t);
    const first = await testPlatform(t, { home });
    for (const args of [['--help'], ['status'], ['tables']]) {
      await compare(`longshore ${args.join(' ')}`, Number(rounds), (side) =>
        command(args, { ...SIDES[side], LONGSHORE_HOME: home }),
      );
    }
    await first.stop();
    await compare('a platform', Number(rounds), (side) => platform(t, home, SIDES[side]));
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Both sides in turn, after a run of each that is not counted: the cache then has what it can have. */
async function compare(name: string, rounds: number, run: (side: Side) => Promise<Cost>): Promise<void> {
  const costs: Record<Side, Cost[]> = { without: [], with: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const side of ['without', 'with'] as const) {
      const cost = await run(side);
      if (round > 0) costs[side].push(cost);
    }
  }
  const middle = (side: Side, part: keyof Cost) => median(costs[side].map((cost) => cost[part]));
  const shown = (['cpu', 'wall'] as const).map((part) => {
    const [before, after] = [middle('without', part), middle('with', part)];
    return `${part} ${Math.round(before)} → ${Math.round(after)} ms, ${(after / before).toFixed(2)} times`;
  });
  console.log(`  ${name.padEnd(18)} ${shown.join(';  ')}`);
}

async function command(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Cost> {
  const [cpuBefore, startedAt] = [cpuOf('self').ended, performance.now()];
  await promisify(execFile)(process.execPath, [LONGSHORE, ...args], { env: { ...process.env, ...env } });
  return { cpu: cpuOf('self').ended - cpuBefore, wall: performance.now() - startedAt };
}

/** All processes of a platform, PostgreSQL's and Temporal's too, until the API and the workers are ready. */
async function platform(t: Cleanup, home: string, env: Record<string, string>): Promise<Cost> {
  const startedAt = performance.now();
  const { pids, stop } = await testPlatform(t, { home, env });
  const wall = performance.now() - startedAt;
  const spent = Object.values(pids()).map((pid) => {
    const { own, ended } = cpuOf(pid!);
    return own + ended;
  });
  await stop();
  return { cpu: spent.reduce((sum, ms) => sum + ms, 0), wall };
}

/** @returns milliseconds of CPU of the process, and of its children that have ended */
function cpuOf(pid: number | 'self'): { readonly own: number; readonly ended: number } {
  // proc_pid_stat(5): the name, in parentheses, may hold spaces; utime is the 12th field after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map(Number);
  return { own: (utime + stime) * MS_A_TICK, ended: (cutime + cstime) * MS_A_TICK };
}
