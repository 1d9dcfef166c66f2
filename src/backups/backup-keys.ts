import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Config } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { keyId, keyOfText } from '../key-bytes.ts';
import { readSecretFile, type SecretSource } from '../secret-file.ts';

const KEY_BYTES = 32;
const EXPECTED = 'expected 32 bytes, as 64 hex digits or as base64';

export interface BackupKey {
  /** The first 16 hex digits of the SHA-256 of the key. */
  readonly id: string;
  /** Never printed: Node shows a KeyObject without its bytes. */
  readonly secret: KeyObject;
}

/** Every backup key of a process. Writing takes the current one, reading any of them, by its ID. */
export interface BackupKeys {
  /** null: new backups are neither encrypted nor authenticated. */
  readonly current: BackupKey | null;
  /** All of them, by ID; the current one first. */
  readonly byId: ReadonlyMap<string, BackupKey>;
}

export const NO_KEYS: BackupKeys = { current: null, byId: new Map() };

/**
 * Reads the configured keys. A text is 64 hex digits or base64 (either alphabet) of 32 bytes; a file holds such a text,
 * or the 32 bytes themselves. There may be many old keys, separated by commas, spaces or ends of lines.
 * @throws LongshoreError `config-invalid`, which shows nothing of the value
 */
export async function readBackupKeys({
  backupKey,
  oldBackupKeys,
}: Pick<Config, 'backupKey' | 'oldBackupKeys'>): Promise<BackupKeys> {
  const [current = null] = backupKey === undefined ? [] : [await readOne(backupKey)];
  const old = oldBackupKeys === undefined ? [] : await readMany(oldBackupKeys);
  const all = [...(current === null ? [] : [current]), ...old];
  return { current, byId: new Map(all.map((key) => [key.id, key])) };
}

/**
 * The key with this ID.
 * @param what what needs it, such as `backup 20261121T112233Z-3f9a2c`
 * @throws LongshoreError `backup-key-missing`, naming the key that is needed and those that are here
 */
export function requireBackupKey(keys: BackupKeys, id: string, what: string): BackupKey {
  const key = keys.byId.get(id);
  if (key) return key;
  throw new LongshoreError('backup-key-missing', `${what} needs the key ${id}; ${backupKeysHere(keys)}`);
}

/** The keys of a process, in words. */
export function backupKeysHere({ byId }: BackupKeys): string {
  if (byId.size === 0) return 'there is no key here';
  return `${byId.size === 1 ? 'the key here is' : 'the keys here are'} ${[...byId.keys()].join(', ')}`;
}

/**
 * The key that a backup was begun with; for an encrypted one of before keys were in the ledger, the current key; null:
 * it needs none.
 * @throws LongshoreError `backup-key-missing`
 */
export function keyOfBackup(
  keys: BackupKeys,
  {
    id,
    encrypted,
    keyId,
  }: { readonly id: string; readonly encrypted: boolean; readonly keyId: string | null },
): BackupKey | null {
  if (keyId !== null) return requireBackupKey(keys, keyId, `backup ${id}`);
  if (!encrypted) return null;
  if (keys.current) return keys.current;
  throw new LongshoreError(
    'backup-key-missing',
    `backup ${id} is to be encrypted, and this process has no key`,
  );
}

async function readOne(source: SecretSource): Promise<BackupKey> {
  const bytes =
    'text' in source ? keyOfText(source.text) : keyOfContent(readSecretFile(source.name, source.file));
  if (bytes) return keyOf(bytes);
  throw new LongshoreError('config-invalid', `${source.name}: ${EXPECTED}`);
}

async function readMany(source: SecretSource): Promise<BackupKey[]> {
  const content = 'text' in source ? Buffer.from(source.text) : readSecretFile(source.name, source.file);
  // The file may be the bytes of a single key, as for the current key.
  const only = 'file' in source ? keyOfContent(content) : null;
  if (only) return [keyOf(only)];
  const texts = content
    .toString()
    .split(/[\s,]/)
    .filter((text) => text !== '');
  return texts.map((text, index) => {
    const bytes = keyOfText(text);
    if (bytes) return keyOf(bytes);
    throw new LongshoreError(
      'config-invalid',
      `${source.name}: key ${index + 1} of ${texts.length}: ${EXPECTED}`,
    );
  });
}

function keyOf(bytes: Uint8Array): BackupKey {
  return { id: keyId(bytes), secret: createSecretKey(bytes) };
}

function keyOfContent(content: Buffer): Buffer | null {
  return content.length === KEY_BYTES ? content : keyOfText(content.toString());
}
