import { spawnSync } from 'node:child_process';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LongshoreError } from '../errors.ts';
import { serverEnvironment } from './environment.ts';
import type { ProgressLog } from './logger.ts';
import {
  attemptFolder,
  findOnPath,
  NETWORK_SOURCES,
  TEMPORAL_PROGRAM,
  type TemporalSource,
} from './temporal-sources.ts';

/**
 * Where a program that was fetched stays: in the checkout (`.cache/`, not under version control), so that every
 * home on the machine and the tests share it, and deleting a home costs no download.
 */
export const TEMPORAL_CACHE = fileURLToPath(new URL('../../.cache/temporal', import.meta.url));

export interface ProvisionOptions {
  readonly log: ProgressLog;
  /** Ends the search, and the helper program that runs at the time. */
  readonly signal?: AbortSignal;
  readonly cache?: string;
  /** The PATH to search; the process's own by default. */
  readonly path?: string;
  readonly sources?: readonly TemporalSource[];
}

/**
 * Finds the `temporal` program, or gets it: from the PATH, the cache, then each source in turn. A program counts
 * only when it has run and said its version, so a broken one on the PATH or in the cache is passed over.
 * @throws LongshoreError `temporal-missing`, with what every way said
 */
export async function provisionTemporal(options: ProvisionOptions): Promise<string> {
  const { log, cache = TEMPORAL_CACHE, sources = NETWORK_SOURCES } = options;
  const signal = options.signal ?? new AbortController().signal;
  const reasons: string[] = [];
  const cached = join(cache, TEMPORAL_PROGRAM);

  const onPath = findOnPath(options.path);
  if (onPath === null)
    reasons.push('the PATH: there is no temporal on it (install it from https://docs.temporal.io/cli)');
  for (const program of onPath === null ? [cached] : [onPath, cached]) {
    const fault = faultOf(program);
    if (fault === null) return program;
    reasons.push(`${program}: ${fault}`);
  }

  await mkdir(cache, { recursive: true });
  for (const [index, source] of sources.entries()) {
    log.info(`Getting Temporal: trying ${source.name}`);
    const folder = await attemptFolder(cache, index);
    try {
      const program = await source.provide({ folder, log, signal });
      await chmod(program, 0o755);
      const fault = faultOf(program);
      if (fault !== null) throw new Error(fault);
      await rename(program, cached);
      log.info(`Got Temporal from ${source.name}`);
      return cached;
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      log.info(`… not from there: ${reason}`);
      reasons.push(`${source.name}: ${reason} (${source.advice})`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new LongshoreError(
    'temporal-missing',
    [
      'no way to a Temporal server worked. Any one of these will do:',
      '  - TEMPORAL_ADDRESS: set it to host:port of a server that runs already',
      ...reasons.map((reason) => `  - ${reason}`),
    ].join('\n'),
  );
}

/** null when the program runs and knows the dev server, else why not. */
function faultOf(program: string): string | null {
  const { status, error, stdout } = spawnSync(program, ['--version'], {
    encoding: 'utf8',
    timeout: 20_000,
    env: serverEnvironment(),
  });
  if (error) return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not there' : error.message;
  if (status !== 0) return `temporal --version ended with ${status}`;
  return /^temporal version/i.test(stdout.trim()) ? null : 'this is another program of that name';
}
