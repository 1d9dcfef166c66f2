import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { adminKeyPath, writeFileAtomically } from '../runtime/home.ts';
import type { NewApiKey } from './key-rows.ts';
import type { ApiKeyStore } from './key-store.ts';
import { parseApiKey } from './key-text.ts';

const ADMIN: NewApiKey = { name: 'first admin key', scopes: ['admin'], tables: null };

export interface AdminKey {
  /** `given`: by LONGSHORE_ADMIN_KEY. `kept`: in the home's file from before. `made`: now. */
  readonly origin: 'given' | 'kept' | 'made';
  /** The file that holds the key; null when it was given, as what is in the environment is not copied to disk. */
  readonly path: string | null;
  /** The operator's key ended now, since LONGSHORE_ADMIN_KEY is not set any more. */
  readonly operatorEnded: boolean;
  /** ID of the key in the home's file, which is good beside the one that was given; null: there is none. */
  readonly besides: string | null;
}

/**
 * Sees to it that there is an admin key, and that the client on this machine finds it. May be called at every
 * start: the file's key is taken up again by a new database, and a lost, damaged or revoked one is replaced. Without
 * LONGSHORE_ADMIN_KEY the key that it set before ends, once there is another: what was taken out of an environment is
 * not to go on opening the platform.
 */
export async function ensureAdminKey(options: {
  readonly home: string;
  readonly adminKey: string | undefined;
  readonly store: ApiKeyStore;
}): Promise<AdminKey> {
  const { home, adminKey, store } = options;
  if (adminKey !== undefined) {
    await store.setOperatorKey(adminKey);
    const besides = await keyInFile(adminKeyPath(home), store);
    return { origin: 'given', path: null, operatorEnded: false, besides };
  }
  const path = adminKeyPath(home);
  const origin = await ensureKeyFile(path, store);
  return { origin, path, operatorEnded: await store.endOperatorKey(), besides: null };
}

/** The ID of the file's key, as long as it opens the platform. */
async function keyInFile(path: string, store: ApiKeyStore): Promise<string | null> {
  const text = await readKeyFile(path);
  return text === null ? null : ((await store.verify(text))?.id ?? null);
}

async function ensureKeyFile(path: string, store: ApiKeyStore): Promise<'kept' | 'made'> {
  const text = await readKeyFile(path);
  const parsed = text === null ? null : parseApiKey(text);
  if (text !== null && parsed !== null) {
    if (await store.adopt(parsed, ADMIN)) return 'kept';
    if ((await store.verify(text)) !== null) return 'kept';
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  writeFileAtomically(path, `${await store.create(ADMIN)}\n`, 0o600);
  return 'made';
}

/** The key in the file, or null where there is no file. */
export async function readKeyFile(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
