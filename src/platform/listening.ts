import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State of a listening socket in `/proc/net/tcp` (`TCP_LISTEN` of the kernel's `tcp_states.h`). */
const LISTEN = '0A';

/**
 * Whether it is this process that listens on the port, and not another program that was quicker. null: this system
 * does not tell.
 */
export function listensOn(pid: number, port: number): boolean | null {
  return process.platform === 'linux' ? inProc(pid, port) : byLsof(pid, port);
}

function inProc(pid: number, port: number): boolean | null {
  try {
    const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeners(pid, table, port)));
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(targetOf(`/proc/${pid}/fd/${fd}`)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return false;
    // Another user's.
    return null;
  }
}

/** Links of descriptors that are listening sockets of this port, as `/proc/<pid>/fd` shows them. */
function listeners(pid: number, table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTEN && local.endsWith(suffix))
    .map((fields) => `socket:[${fields[9]}]`);
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

function byLsof(pid: number, port: number): boolean | null {
  const args = ['-nP', '-a', '-p', String(pid), `-iTCP:${port}`, '-sTCP:LISTEN', '-t'];
  const { status, error, stdout } = spawnSync('lsof', args, { encoding: 'utf8', timeout: 5_000 });
  if (error) return null;
  return status === 0 && stdout.trim() !== '';
}
