import type { Hash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import type { Manifest, Part } from './backup.ts';
import { backupFolder } from './backup-id.ts';
import type { BackupKeys } from './backup-keys.ts';
import { decryptPart, partAad } from './encryption.ts';

/** A part of a backup as Avro, decrypted where need be; the hash is updated with the stored bytes. */
export async function plainPart(
  { storage, backupKeys }: { readonly storage: Storage; readonly backupKeys: BackupKeys },
  backup: Pick<Manifest, 'id' | 'encryption'>,
  part: Part,
  hash: Hash,
): Promise<AsyncIterable<Buffer>> {
  const file = await storage.stream(backupFolder(backup.id) + part.name);
  const stored = hashing(file, hash);
  return backup.encryption ? decryptPart(stored, backupKeys, partAad(backup.id, part.name)) : stored;
}

async function* hashing(file: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer, void> {
  for await (const piece of file) {
    hash.update(piece);
    yield piece;
  }
}
