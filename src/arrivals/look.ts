import { asDatabaseError } from '../db/database-error.ts';
import { LongshoreError } from '../errors.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { isSettling } from './arrival-files.ts';
import { noteLook, readArrivalSettings, readPrefixes } from './arrivals.ts';
import type { BeginFileDeps } from './begin-file.ts';
import { scanArrival } from './scan.ts';

/** When the next look is due at the latest; null: there is none, since the arrival is paused or gone. */
export interface Looked {
  readonly nextMs: number | null;
}

const SHORTEST_MS = 1_000;

/**
 * A look at an arrival: notes what is there. Where the storage can't be read the arrival says so, and the next look
 * tries again.
 */
export async function lookAtArrival(
  deps: Pick<BeginFileDeps, 'db' | 'storage' | 'dictionary'>,
  arrivalId: string,
  between: (seen: number) => void,
): Promise<Looked> {
  const { db, storage, dictionary } = deps;
  const settings = await readArrivalSettings(db, arrivalId);
  if (settings === null || settings.paused) return { nextMs: null };
  const prefixes = await readPrefixes(db);
  const others = prefixes.filter(
    ({ prefix }) => prefix !== settings.prefix && prefix.startsWith(settings.prefix),
  );
  const scan = {
    arrivalId,
    settings,
    tables: new Set((await dictionary.look()).tables.map(({ name }) => name)),
    others: new Set(others.map(({ prefix }) => prefix)),
    between,
  };
  const fault = await scanArrival(db, storage.tree, scan).then(() => null, faultOfStorage);
  await noteLook(db, arrivalId, fault);
  const { everySeconds, stableSeconds } = settings;
  const soon = await isSettling(db, arrivalId, stableSeconds);
  const nextMs = soon ? Math.min(everySeconds, stableSeconds) * 1000 : everySeconds * 1000;
  return { nextMs: Math.max(nextMs, SHORTEST_MS) };
}

/** @throws what is no fault of the storage's: the activity is tried again */
function faultOfStorage(error: unknown): LongshoreError {
  if (asDatabaseError(error) !== null) throw error;
  if (error instanceof LongshoreError) return error;
  const isSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string';
  if (!isSystem) throw error;
  return new LongshoreError('storage-unavailable', `the storage can not be read: ${messageOf(error)}`, {
    cause: error,
  });
}
