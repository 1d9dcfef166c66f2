import { createHash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import type { Manifest, Part } from './backup.ts';
import { backupFolder } from './backup-id.ts';

export interface FileFault {
  readonly file: string;
  readonly table: string;
  /** What is wrong, without a full stop. */
  readonly fault: string;
}

/** Reads every part of a backup and yields what is wrong with each: missing, of another size, or changed. */
export async function* checkFiles(
  storage: Pick<Storage, 'stat' | 'stream'>,
  manifest: Pick<Manifest, 'id' | 'tables'>,
  signal?: AbortSignal,
): AsyncGenerator<FileFault, void> {
  for (const { table, parts } of manifest.tables) {
    for (const part of parts) {
      signal?.throwIfAborted();
      const fault =
        (await sizeFault(storage, manifest.id, part)) ?? (await hashFault(storage, manifest.id, part));
      if (fault !== null) yield { file: part.name, table, fault };
    }
  }
}

/** Checks a part without reading it: null when it is there and has its size. */
export async function sizeFault(
  storage: Pick<Storage, 'stat'>,
  id: string,
  part: Pick<Part, 'name' | 'bytes'>,
): Promise<string | null> {
  const found = await storage.stat(backupFolder(id) + part.name);
  if (!found) return 'the file is missing';
  return found.bytes === part.bytes
    ? null
    : `the file has ${found.bytes} bytes, and should have ${part.bytes}`;
}

/** Reads a part to its end: null when it is as it was written. */
export async function hashFault(
  storage: Pick<Storage, 'stream'>,
  id: string,
  part: Pick<Part, 'name' | 'sha256'>,
): Promise<string | null> {
  const hash = createHash('sha256');
  for await (const piece of await storage.stream(backupFolder(id) + part.name)) hash.update(piece as Buffer);
  const found = hash.digest('hex');
  return found === part.sha256 ? null : `the SHA-256 of the file is ${found}, and should be ${part.sha256}`;
}
