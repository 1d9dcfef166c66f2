import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readState } from '../runtime/home.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { isRunning } from '../runtime/processes.ts';
import { readPostmasterFile } from './postgres-orphans.ts';

/**
 * Data of PostgreSQL that had to be outside its home go with the home: one file has a name in both folders (a hard
 * link). Whoever deletes the home takes one of the names away, and the next start of any home sees by the number that is
 * left that the data belong to nobody. A home that is moved keeps its name of the file.
 */
const ANCHOR = 'home.json';
const ANCHOR_IN_HOME = 'postgres-outside.json';
const FOLDER = /^postgres-[0-9a-z]+$/;

const anchorSchema = z.object({ home: z.string() });

/** Makes a folder for a home's data. Its name only has to be free; the home's state keeps it. */
export function makeOutside(root: string, home: string): string {
  const folder = join(root, `postgres-${Date.now().toString(36)}`);
  mkdirSync(folder, { mode: 0o700 });
  claimOutside(folder, home);
  return folder;
}

/** Notes whose data they are; also those of earlier versions, and those of a home that was moved. Idempotent. */
export function claimOutside(folder: string, home: string): void {
  const [anchor, inHome] = [join(folder, ANCHOR), join(home, ANCHOR_IN_HOME)];
  if (isOneFile(anchor, inHome) && readAnchor(anchor)?.home === home) return;
  for (const path of [anchor, inHome]) rmSync(path, { force: true });
  // Written in the home only: the other folder is the server's user's, who could let its name lead elsewhere.
  writeFileSync(inHome, `${JSON.stringify({ home })}\n`, { mode: 0o600 });
  try {
    linkSync(inHome, anchor);
  } catch {
    // On another file system: only a person can tell whether the home is gone.
  }
}

/** Deletes the data of homes that are gone. */
export function sweepOutside(root: string, log: ProgressLog): void {
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    const folder = join(root, name);
    if (!FOLDER.test(name) || !isLeft(folder)) continue;
    log.info(`Deleting ${folder}: its home ${readAnchor(join(folder, ANCHOR))?.home} is gone`);
    rmSync(folder, { recursive: true, force: true });
  }
}

function isLeft(folder: string): boolean {
  const anchor = join(folder, ANCHOR);
  const read = readAnchor(anchor);
  if (read === null || statSync(anchor).nlink > 1) return false;
  // A copy that is back in its place has lost the link, and gets a new one when it starts.
  const data = dataOf(read.home);
  if (data === null || data.startsWith(`${folder}/`)) return false;
  const server = readPostmasterFile(join(folder, 'data'));
  return server === null || !isRunning(server.pid);
}

function readAnchor(path: string): z.infer<typeof anchorSchema> | null {
  try {
    return anchorSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

function isOneFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

/** Empty: none outside, or there is no home. null: something is there that is no state, for a person to look at. */
function dataOf(home: string): string | null {
  try {
    return readState(home).postgresData ?? '';
  } catch {
    return null;
  }
}
