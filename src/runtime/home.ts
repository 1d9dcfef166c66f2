import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LongshoreError } from '../errors.ts';

/** Where things are in LONGSHORE_HOME. Folders that hold secrets or data are open to their owner only. */
export interface HomeLayout {
  readonly home: string;
  readonly keys: string;
  readonly logs: string;
  readonly temporal: string;
  /** Not the data directory itself: see `PostgresPlace` (as root it may have to be elsewhere). */
  readonly postgres: string;
}

const stateSchema = z.object({
  postgresPort: z.number().int().optional(),
  /** Only where the data directory had to be outside the home. */
  postgresData: z.string().optional(),
  temporalPort: z.number().int().optional(),
  temporalUiPort: z.number().int().optional(),
  /** Process IDs of the servers of the last run, so that a start after a crash can find orphans. */
  temporalPid: z.number().int().optional(),
  /** RFC 3339; set when the first start has loaded the sample, or was configured not to. */
  firstStartDoneAt: z.string().optional(),
  /** RFC 3339; set when a start has made the sample's schedules, or was configured not to: deleted ones stay deleted. */
  sampleSchedulesAt: z.string().optional(),
});

/** What a home remembers from one start to the next. Holds no secrets. */
export type HomeState = Readonly<z.infer<typeof stateSchema>>;

/** The first admin key: one line, mode 600. */
export function adminKeyPath(home: string): string {
  return join(home, 'keys', 'admin.key');
}

export function postgresPasswordPath(home: string): string {
  return join(home, 'keys', 'postgres.password');
}

/** Of the role that Longshore's own processes connect as. */
export function postgresAppPasswordPath(home: string): string {
  return join(home, 'keys', 'postgres-app.password');
}

export function logPath(home: string, name: string): string {
  return join(home, 'logs', `${name}.log`);
}

const knownTables = z.object({ base: z.enum(['sample', 'file']), tables: z.array(z.string()) });

/** What a start can know of the ledger's dictionary before PostgreSQL is up. */
export type KnownTables = Readonly<z.infer<typeof knownTables>>;

function knownTablesPath(home: string): string {
  return join(home, 'dictionary.json');
}

/** The dictionary as the ledger had it when an API process with this home last ran; null: none has. */
export function readKnownTables(home: string): KnownTables | null {
  try {
    return knownTables.parse(JSON.parse(readFileSync(knownTablesPath(home), 'utf8')));
  } catch {
    // It is only there to find faults earlier.
    return null;
  }
}

export function writeKnownTables(home: string, known: KnownTables): void {
  writeFileAtomically(knownTablesPath(home), `${JSON.stringify(known)}\n`, 0o644);
}

/** Makes the home and its folders where they are missing. Idempotent. */
export async function ensureHome(home: string): Promise<HomeLayout> {
  const layout = {
    home,
    keys: join(home, 'keys'),
    logs: join(home, 'logs'),
    temporal: join(home, 'temporal'),
    postgres: join(home, 'postgres'),
  };
  await mkdir(home, { recursive: true });
  for (const folder of [layout.keys, layout.logs, layout.temporal]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  }
  return layout;
}

/**
 * @throws LongshoreError `config-invalid` when the file is there but is not a state: better a question than a
 *   second database beside the first.
 */
export function readState(home: string): HomeState {
  const path = join(home, 'state.json');
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new LongshoreError('config-invalid', `${path}: not a state that Longshore wrote`, { cause });
  }
}

/**
 * Changes some entries; a crash at any point leaves the old file or the new one, whole. Synchronous, so that two
 * changes in one process (the lock keeps other ones out) never overwrite each other.
 */
export function updateState(home: string, change: Partial<HomeState>): HomeState {
  const state = { ...readState(home), ...change };
  writeFileAtomically(join(home, 'state.json'), `${JSON.stringify(state, null, 2)}\n`, 0o644);
  return state;
}

/** Writes beside the file and renames, so that no reader sees half of it. */
export function writeFileAtomically(path: string, text: string, mode: number): void {
  const part = `${path}.${randomUUID()}`;
  try {
    writeFileSync(part, text, { mode, flush: true });
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
