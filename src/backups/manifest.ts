import { createHash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import { MANIFEST, type Manifest } from './backup.ts';
import { backupFolder } from './backup-id.ts';
import type { BackupKey } from './backup-keys.ts';
import { type Doubt, doubt } from './doubts.ts';
import type { ManifestFile } from './judge-manifest.ts';
import { encodeManifest } from './manifest-mac.ts';
import { parseManifest } from './manifest-schema.ts';

const MANIFEST_HASH = `${MANIFEST}.sha256`;
/** Thousands of tables and parts need a few MB; a larger file is not a manifest. */
const MAX_BYTES = 64 * 1024 * 1024;
/** `sha256sum`'s line begins with the digits. */
const MAX_HASH_BYTES = 1024;
const HASH_BYTES = 64;

type Readable = Pick<Storage, 'stat' | 'read'>;

/**
 * Writes `manifest.json`, which makes the backup exist, and its hash beside it.
 * @param key authenticates it; null: there is none
 * @returns the SHA-256, hex
 */
export async function writeManifestFiles(
  storage: Storage,
  manifest: Manifest,
  key: BackupKey | null,
): Promise<string> {
  const bytes = encodeManifest(manifest, key);
  const hash = sha256Of(bytes);
  const folder = backupFolder(manifest.id);
  // As `sha256sum --check` reads it.
  await writeFile(storage, folder + MANIFEST_HASH, Buffer.from(`${hash}  ${MANIFEST}\n`));
  await writeFile(storage, folder + MANIFEST, bytes);
  return hash;
}

async function writeFile(storage: Storage, key: string, bytes: Buffer): Promise<void> {
  const writer = await storage.write(key);
  try {
    await writer.write(bytes);
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
}

/** The content of a backup's folder, not yet trusted. null: no manifest, or too large to be one. */
export async function readManifestFile(storage: Readable, id: string): Promise<ManifestFile | null> {
  const bytes = await readSmall(storage, backupFolder(id) + MANIFEST, MAX_BYTES);
  if (bytes === null) return null;
  const sidecar = await readSmall(storage, backupFolder(id) + MANIFEST_HASH, MAX_HASH_BYTES);
  return { id, bytes, sidecar: sidecar?.toString('latin1', 0, HASH_BYTES) ?? null };
}

/** The fault of the manifest of a backup that the ledger knows; null: it is as it was written. */
export async function manifestDoubt(storage: Readable, id: string, sha256: string): Promise<Doubt | null> {
  const bytes = await readSmall(storage, backupFolder(id) + MANIFEST, MAX_BYTES);
  if (bytes === null) return doubt('missing', `${MANIFEST} of backup ${id} is missing`);
  const found = sha256Of(bytes);
  if (found === sha256) return null;
  const parsed = parseManifest(bytes);
  if (parsed.manifest === null && parsed.emptied) {
    return doubt('emptied', `${MANIFEST} of backup ${id} was emptied: ${parsed.fault}`);
  }
  return doubt('edited', `the SHA-256 of ${MANIFEST} of backup ${id} is ${found}, and should be ${sha256}`);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readSmall(storage: Readable, key: string, maxBytes: number): Promise<Buffer | null> {
  const found = await storage.stat(key);
  return found && found.bytes <= maxBytes ? storage.read(key, 0, found.bytes) : null;
}
