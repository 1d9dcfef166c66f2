import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/platform/ports.ts';
import type { Timed } from './peers.ts';

/**
 * A PostgreSQL server of pg_dump's own version: pg_dump refuses servers that are newer than itself, as the embedded
 * one may be. It gets the same rows, on the same disk.
 */
export type DumpServer = AsyncDisposable & ({ readonly url: string } | { readonly missing: string });

const USER = 'postgres';

export async function dumpServer(): Promise<DumpServer> {
  const bin = binFolder();
  if (bin === null) {
    return {
      missing: 'there is no pg_dump with a server of its version',
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const root = process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), 'longshore-dump-'));
  if (root) chownSync(folder, ...idsOf(USER));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const data = join(folder, 'data');
  // A server never runs as root.
  const run = (program: string, args: readonly string[]) =>
    execFileSync(
      root ? 'setpriv' : join(bin, program),
      [
        ...(root ? [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', join(bin, program)] : []),
        ...args,
      ],
      { cwd: folder, stdio: 'ignore' },
    );
  run('initdb', ['-D', data, '-U', USER, '-A', 'trust']);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=128MB -c max_wal_size=4GB`;
  run('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start']);
  return {
    url: `postgres://${USER}@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      run('pg_ctl', ['-D', data, '-m', 'fast', 'stop']);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function binFolder(): string | null {
  const { status, stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  const version = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' }).stdout?.match(/(\d+)\./)?.[1];
  const debian = `/usr/lib/postgresql/${version}/bin`;
  return spawnSync(join(debian, 'initdb'), ['--version']).status === 0 ? debian : null;
}

function idsOf(user: string): [number, number] {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return [id('-u'), id('-g')];
}

/** `pg_dump -Fc` of one table, with zlib's quickest level. */
export function pgDump(url: string, table: string, file: string): Timed {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync('pg_dump', ['-Fc', '-Z1', '-t', table, '-f', file, url], {
    encoding: 'utf8',
  });
  if (status !== 0) return { missing: `pg_dump failed: ${stderr.slice(-300)}` };
  return { ms: performance.now() - startedAt };
}

/** Copies a table of one server into another. */
export function copyTable(from: string, to: string, table: string, definition: string): void {
  const script = `psql -X -q "$0" -c "create table $2 ($3)" && psql -X -q "$1" -c "copy $2 to stdout (format binary)" | psql -X -q "$0" -c "copy $2 from stdin (format binary)" && psql -X -q "$0" -c "vacuum analyze $2" -c checkpoint`;
  execFileSync('sh', ['-c', script, to, from, table, definition], { stdio: ['ignore', 'ignore', 'inherit'] });
}
