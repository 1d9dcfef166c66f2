import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StorageKeys } from '../../src/config.ts';
import { freePort } from '../../src/platform/ports.ts';
import { startServer } from '../../src/platform/server-process.ts';
import type { Cleanup } from './home.ts';

export const S3_SERVER_VERSION = 'v1.8.0';
const SOURCE = `github.com/versity/versitygw/cmd/versitygw@${S3_SERVER_VERSION}`;
const PROGRAM = fileURLToPath(
  new URL(`../../.cache/versitygw/${S3_SERVER_VERSION}/versitygw`, import.meta.url),
);

const KEYS = { accessKeyId: 'longshore-test', secretAccessKey: 'a secret for this test only' };
const READY_LIMIT_MS = 10_000;

export interface TestS3 {
  /** For `openStorage` and `LONGSHORE_STORAGE`; the bucket is new and empty. */
  storageUrl(bucket: string): Promise<string>;
  readonly keys: StorageKeys;
  /** The folder that holds the buckets: what the server itself has on its disk. */
  readonly folder: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Again, at the same address and with what it had. */
  start(): Promise<void>;
}

/** Why there can be no S3 server here, or null. Building it takes a minute or two, once a checkout. */
export function s3Fault(): string | null {
  if (existsSync(PROGRAM)) return null;
  const go = spawnSync('go', ['version']);
  return go.error ? `there is no S3 server to test against: building ${SOURCE} needs Go` : null;
}

/**
 * A real S3 server (Versity's gateway over a folder) on a loopback port. Sets the AWS keys of this process, from
 * which the storage takes them.
 */
export async function testS3(t: Cleanup, keys = KEYS): Promise<TestS3> {
  const program = await s3Program();
  const root = await mkdtemp(join(tmpdir(), 'longshore-s3-'));
  const [folder, sidecar] = [join(root, 'buckets'), join(root, 'metadata')];
  await Promise.all([mkdir(folder), mkdir(sidecar)]);
  const port = await freePort();
  const start = () =>
    startServer(
      program,
      // Metadata beside the files: not every file system has extended attributes.
      ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', sidecar, folder],
      join(root, 's3.log'),
      {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          ROOT_ACCESS_KEY: keys.accessKeyId,
          ROOT_SECRET_KEY: keys.secretAccessKey,
        },
      },
    );
  let server = await start();
  t.after(async () => {
    await server.stop([{ signal: 'SIGTERM', waitMs: 5_000 }]);
    await rm(root, { recursive: true, force: true });
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitUntilReady(endpoint, server.hasExited);
  process.env.AWS_ACCESS_KEY_ID = keys.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = keys.secretAccessKey;
  return {
    keys,
    folder,
    async storageUrl(bucket) {
      // A folder is a bucket.
      await mkdir(join(folder, bucket));
      return `s3://${bucket}?endpoint=${encodeURIComponent(endpoint)}`;
    },
    async kill() {
      await server.stop([{ signal: 'SIGKILL', waitMs: 5_000 }]);
    },
    async start() {
      server = await start();
      await waitUntilReady(endpoint, server.hasExited);
    },
  };
}

/** The server's program, built when there is none. */
export async function s3Program(): Promise<string> {
  if (existsSync(PROGRAM)) return PROGRAM;
  const attempt = join(dirname(PROGRAM), `.attempt-${process.pid}`);
  await mkdir(attempt, { recursive: true });
  try {
    console.error(`Building ${SOURCE} (a minute or two, this once) …`);
    const env = { ...process.env, GOBIN: attempt, GOFLAGS: '-buildvcs=false' };
    const child = spawn('go', ['install', SOURCE], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => {
      said = (said + text).slice(-2_000);
    });
    const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    if (code !== 0) throw new Error(`go install ${SOURCE} failed: ${said}`);
    await rename(join(attempt, 'versitygw'), PROGRAM);
    return PROGRAM;
  } finally {
    await rm(attempt, { recursive: true, force: true });
  }
}

async function waitUntilReady(endpoint: string, hasExited: () => boolean): Promise<void> {
  const deadline = Date.now() + READY_LIMIT_MS;
  for (;;) {
    // Any answer will do: without a signature it is a refusal.
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      return;
    if (hasExited() || Date.now() > deadline) throw new Error('the S3 server did not start');
    await sleep(50);
  }
}
