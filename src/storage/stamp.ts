import type { Storage } from './storage.ts';

/** A stamp that changes with a stored file, made of its size and version without reading it; null when it is gone. */
export async function stampOf(storage: Pick<Storage, 'stat'>, key: string): Promise<string | null> {
  const found = await storage.stat(key);
  return found && `${found.bytes}@${found.version ?? ''}`;
}
