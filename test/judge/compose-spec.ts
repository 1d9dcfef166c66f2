import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { MissingTool } from './python.ts';

/** The part of Docker Compose that reads its files, with a program that prints what it read. */
const VERSION = 'v2.16.2';
const SOURCE = `github.com/compose-spec/compose-go/v2/cmd@${VERSION}`;
const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = `${CHECKOUT}.cache/compose-spec/${VERSION}`;

/** A project as Compose understands it. */
export interface Understood {
  readonly services: Readonly<
    Record<string, { readonly environment?: Readonly<Record<string, string | null>> }>
  >;
}

/**
 * What Compose makes of the project's file.
 * @throws Error with Compose's own words where it refuses the file
 */
export async function composeUnderstands(): Promise<Understood> {
  const { code, said, printed } = await run(await program(), ['--format', 'json', 'docker-compose.yml'], {});
  if (code !== 0) throw new Error(said);
  return JSON.parse(printed);
}

async function program(): Promise<string> {
  const path = `${FOLDER}/compose-spec`;
  if (existsSync(path)) return path;
  console.log(`Building ${SOURCE} (once, some seconds) …`);
  const attempt = `${FOLDER}/.attempt-${process.pid}`;
  await mkdir(attempt, { recursive: true });
  const go = { ...(process.env as Record<string, string>), GOBIN: attempt, GOFLAGS: '-buildvcs=false' };
  const built = await run('go', ['install', SOURCE], go).catch((cause) => {
    throw new MissingTool('Reading docker-compose.yml as Compose does needs Go.', { cause });
  });
  if (built.code !== 0) throw new Error(`go install ${SOURCE} failed: ${built.said}`);
  // The package is called cmd.
  await rename(`${attempt}/cmd`, path);
  return path;
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(command, args, {
    cwd: CHECKOUT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [printed, said, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, printed, said };
}
