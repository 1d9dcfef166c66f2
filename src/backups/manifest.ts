import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { Table } from '../types.ts';
import { CODECS, MANIFEST, type Manifest } from './backup.ts';
import { BACKUP_ID, backupFolder } from './backup-id.ts';

const MANIFEST_HASH = `${MANIFEST}.sha256`;
/** Thousands of tables and parts need a few MB; what claims to be more is no manifest. */
const MAX_BYTES = 64 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const hex = z.string().regex(/^[0-9a-f]+$/);
const count = z.int().min(0);

const partSchema = z.strictObject({
  // A single segment of a key: a manifest never leads out of its own folder.
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  rows: count,
  bytes: count,
  sha256,
  checksum: hex,
});

const schema: z.ZodType<Manifest> = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(BACKUP_ID),
  purpose: z.enum(['manual', 'schedule', 'safety']),
  scheduleId: z.string().nullable(),
  snapshotAt: z.iso.datetime(),
  dictionary: z.strictObject({ name: z.string(), version: z.string() }),
  codec: z.enum(CODECS),
  encryption: z.strictObject({ cipher: z.literal('AES-256-GCM'), keyId: hex }).nullable(),
  lastGroupId: count.nullable().optional(),
  tables: z.array(
    z.strictObject({
      table: z.string(),
      definition: z.custom<Table>(
        (table) => z.looseObject({ name: z.string(), fields: z.array(z.unknown()) }).safeParse(table).success,
      ),
      rows: count,
      checksum: hex,
      lastLoadId: count.nullable(),
      parts: z.array(partSchema),
    }),
  ),
});

/** Writes `manifest.json`, which makes the backup exist, and its hash beside it. @returns the SHA-256, hex */
export async function writeManifestFiles(storage: Storage, manifest: Manifest): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const hash = createHash('sha256').update(bytes).digest('hex');
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

export interface ReadManifest {
  readonly manifest: Manifest;
  /** Of the file, hex. */
  readonly sha256: string;
}

/**
 * Reads a backup's manifest and checks it against its SHA-256: the one given (the ledger's), else that of the file
 * beside it.
 * @throws LongshoreError `backup-damaged`, naming the file
 */
export async function readManifest(
  storage: Pick<Storage, 'stat' | 'read'>,
  id: string,
  expected: { readonly sha256?: string } = {},
): Promise<ReadManifest> {
  const bytes = await readWhole(storage, id, MANIFEST);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const wanted =
    expected.sha256 ?? (await readWhole(storage, id, MANIFEST_HASH)).toString('latin1').slice(0, 64);
  if (hash !== wanted) {
    throw damaged(id, MANIFEST, `its SHA-256 is ${hash}, and should be ${JSON.stringify(wanted)}`);
  }
  const manifest = parse(id, bytes);
  if (manifest.id !== id) throw damaged(id, MANIFEST, `it is the manifest of ${manifest.id}`);
  return { manifest, sha256: hash };
}

async function readWhole(storage: Pick<Storage, 'stat' | 'read'>, id: string, name: string): Promise<Buffer> {
  const key = backupFolder(id) + name;
  const found = await storage.stat(key);
  if (!found) throw damaged(id, name, 'it is missing');
  if (found.bytes > MAX_BYTES) throw damaged(id, name, `it has ${found.bytes} bytes`);
  return storage.read(key, 0, found.bytes);
}

function parse(id: string, bytes: Buffer): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw damaged(id, MANIFEST, 'it is not JSON');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw damaged(id, MANIFEST, `${issue?.path.join('.')}: ${issue?.message}`);
}

function damaged(id: string, file: string, what: string): LongshoreError {
  return new LongshoreError('backup-damaged', `${file} of backup ${id}: ${what}`);
}
