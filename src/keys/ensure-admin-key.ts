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
  /** The file that holds the key; null when it was given, since secrets of the environment are not copied to disk. */
  readonly path: string | null;
  /** The operator's key ended now, since LONGSHORE_ADMIN_KEY is not set any more. */
  readonly operatorEnded: boolean;
  /** ID of the key in the home's file, which stays valid beside the given one; null: there is none. */
  readonly besides: string | null;
}

/**
 * Ensures that there is an admin key, and that the client on this machine finds it. Idempotent: a new database adopts
 * the file's key, and a lost, damaged or revoked one is replaced. Without LONGSHORE_ADMIN_KEY the key that it set before
 * ends, once there is another: a secret that was removed from the environment must not stay valid.
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

/** The ID of the file's key, while it is valid. */
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
