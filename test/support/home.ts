import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../../src/platform/ports.ts';
import { stopOrphanedPostgres } from '../../src/platform/postgres-orphans.ts';
import { readRun, stopOrphanedChildren } from '../../src/platform/run-file.ts';
import { stopOrphanedTemporal } from '../../src/platform/temporal.ts';
import { readState, updateState } from '../../src/runtime/home.ts';
import { isStillRunning } from '../../src/runtime/lock.ts';
import { isRunning, stopForeign } from '../../src/runtime/processes.ts';

/** A test context, or `node:test`'s own `after` for something that the tests of a file share. */
export interface Cleanup {
  after(action: () => Promise<unknown>): void;
}

const PREFIX = 'longshore-test-';
const quiet = { info: () => undefined, warn: () => undefined };

/**
 * A LONGSHORE_HOME of the test's own, with ports that nobody else prefers. With a test context it is removed when
 * the test ends, together with every server that still runs in it.
 */
export async function testHome(t?: Cleanup): Promise<string> {
  const home = temporaryFolder();
  await makeHome(home);
  t?.after(() => removeHome(home));
  return home;
}

/** A new folder that PostgreSQL's own user can pass, as one that mkdir makes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  chmodSync(folder, 0o711);
  return folder;
}

/** Makes a folder a home whose servers prefer ports of their own. */
export async function makeHome(home: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const [postgresPort, temporalPort, temporalUiPort] = [await freePort(), await freePort(), await freePort()];
  updateState(home, { postgresPort, temporalPort, temporalUiPort });
}

/** Stops what still runs in a home and deletes it. */
export async function removeHome(home: string): Promise<void> {
  const supervisor = readRun(home)?.processes.supervisor;
  if (supervisor !== undefined) {
    const signals = [
      { signal: 'SIGTERM', waitMs: 90_000 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ] as const;
    await stopForeign(supervisor.pid, signals, () => isStillRunning(supervisor));
  }
  const state = readState(home);
  const data = state.postgresData ?? join(home, 'postgres', 'data');
  await Promise.all([
    stopOrphanedChildren(home, quiet),
    stopOrphanedTemporal(state.temporalPid, join(home, 'temporal', 'temporal.db'), quiet),
    stopOrphanedPostgres(data, quiet),
  ]);
  if (state.postgresData !== undefined) rmSync(dirname(data), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

/** Homes of test processes that were killed before they could clean up. */
export async function removeAbandonedHomes(): Promise<void> {
  const abandoned = readdirSync(tmpdir()).filter((name) => {
    const owner = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    return Number.isInteger(owner) && !isRunning(owner);
  });
  await Promise.all(abandoned.map((name) => removeHome(join(tmpdir(), name))));
}
