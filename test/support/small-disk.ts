import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../src/runtime/processes.ts';
import type { Cleanup } from './home.ts';

const PREFIX = 'longshore-disk-';

/** A file system of its own that is easily filled. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the room there is, but for `leaveBytes`. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives the room that `fill` took back. */
  free(): Promise<void>;
}

/** Why no file system can be mounted here, or null. */
export function smallDiskFault(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'a disk that is full can only be made by root on Linux';
  }
  removeAbandonedDisks();
  const disk = mount(64 * 1024);
  if (typeof disk === 'object') return `no tmpfs can be mounted here: ${disk.fault}`;
  unmount(disk);
  return null;
}

/** Mounts a tmpfs. Unmounted at the end; what a test process that was killed left is unmounted by the next one. */
export function smallDisk(t: Cleanup, bytes: number): SmallDisk {
  const path = mount(bytes);
  if (typeof path === 'object') throw new Error(path.fault);
  t.after(async () => unmount(path));
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill(leaveBytes = 0) {
      await rm(ballast, { force: true });
      const { bavail, bsize } = await statfs(path);
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
    },
    free: () => rm(ballast, { force: true }),
  };
}

function mount(bytes: number): string | { readonly fault: string } {
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', path]);
  if (made.status === 0) return path;
  rmSync(path, { recursive: true });
  return { fault: made.error?.message ?? made.stderr.toString().trim() };
}

function unmount(path: string): void {
  // Lazily: whatever still has a file open there keeps it, and the path is free at once.
  spawnSync('umount', ['--lazy', path]);
  rmSync(path, { recursive: true, force: true });
}

function removeAbandonedDisks(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isInteger(owner) && !isRunning(owner)) unmount(join(tmpdir(), name));
  }
}
