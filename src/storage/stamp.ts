import type { Storage } from './storage.ts';

/** What tells one state of a stored file from another without reading it: size and version; null when it is gone. */
export async function stampOf(storage: Pick<Storage, 'stat'>, key: string): Promise<string | null> {
  const found = await storage.stat(key);
  return found && `${found.bytes}@${found.version ?? ''}`;
}
