import { randomUUID } from 'node:crypto';
import { mkdir, rmdir, truncate } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Operator } from 'opendal';
import type { StorageKeys } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { withoutTrailing } from '../shorten.ts';
import { BucketTree } from './bucket-tree.ts';
import { ConfinedFiles } from './confined-files.ts';
import type { FileTree } from './file-tree.ts';
import { FolderTree } from './folder-tree.ts';
import { abortOldUploads } from './multipart-uploads.ts';
import { noSuchFile, type Storage, type StorageWriter, type StoredFile } from './storage.ts';

/** Half-written files of a `file:` storage wait here; a rename makes them visible. */
const UNFINISHED = '.unfinished/';
const STREAM_PIECE_BYTES = 1 << 20;
const DEFAULT_REGION = 'us-east-1';
/** Where Longshore itself writes files that are large. The inbox is its users'. */
const WRITTEN_FOLDERS = ['uploads/', 'batches/', 'backups/'];

/**
 * Opens the storage that a URL names.
 *
 * - `file:/absolute/folder`
 * - `s3://bucket/prefix?endpoint=…&region=…`, with `keys`; without them with what OpenDAL finds for itself
 *
 * @throws LongshoreError `config-invalid` for any other URL, and where one half of the keys is missing.
 */
export async function openStorage(url: string, keys: StorageKeys = {}): Promise<Storage> {
  if (url.startsWith('file:')) return openFolder(url.slice('file:'.length));
  if (url.startsWith('s3://')) return openS3(new URL(url), keys);
  throw new LongshoreError(
    'config-invalid',
    'LONGSHORE_STORAGE: expected file:/folder or s3://bucket?endpoint=…',
  );
}

async function openFolder(path: string): Promise<Storage> {
  if (!path.startsWith('/')) {
    throw new LongshoreError('config-invalid', 'LONGSHORE_STORAGE: file: takes an absolute path');
  }
  const root = withoutTrailing(path, '/');
  await mkdir(`${root}/${UNFINISHED}`, { recursive: true, mode: 0o700 });
  return new OpendalStorage(new Operator('fs', { root }), root);
}

function openS3(url: URL, keys: StorageKeys): Storage {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const settings: Record<string, string> = { bucket: url.hostname, region: DEFAULT_REGION };
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new LongshoreError(
      'config-invalid',
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: only one of the two is set',
    );
  }
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    settings.access_key_id = accessKeyId;
    settings.secret_access_key = secretAccessKey;
    if (sessionToken !== undefined) settings.session_token = sessionToken;
  }
  if (url.pathname.length > 1) settings.root = url.pathname;
  for (const [name, value] of url.searchParams) {
    if (name !== 'endpoint' && name !== 'region') {
      throw new LongshoreError(
        'config-invalid',
        `LONGSHORE_STORAGE: unknown parameter ${name} (known: endpoint, region)`,
      );
    }
    settings[name] = value;
  }
  const place = {
    bucket: url.hostname,
    region: settings.region ?? DEFAULT_REGION,
    endpoint: settings.endpoint,
    root: decodeURIComponent(withoutTrailing(url.pathname, '/')).slice(1),
  };
  return new OpendalStorage(new Operator('s3', settings), undefined, (olderThanMs) =>
    abortOldUploads(place, keys, { folders: WRITTEN_FOLDERS, olderThanMs }),
  );
}

/** Ends unfinished uploads of a bucket. */
type SweepBucket = (olderThanMs: number) => Promise<boolean>;

class OpendalStorage implements Storage {
  readonly tree: FileTree;
  readonly #operator: Operator;
  readonly #sweepBucket: SweepBucket | undefined;
  /** Of a `file:` storage, its root. */
  readonly #folder: string | undefined;
  /** Reads what is in the folder. */
  readonly #files: ConfinedFiles | undefined;

  constructor(operator: Operator, folder: string | undefined, sweepBucket?: SweepBucket) {
    this.#operator = operator;
    this.#sweepBucket = sweepBucket;
    this.#folder = folder;
    this.#files = folder === undefined ? undefined : new ConfinedFiles(folder);
    this.tree = folder === undefined ? new BucketTree(operator, this, guard) : new FolderTree(folder);
  }

  async read(key: string, startByte: number, endByte: number): Promise<Buffer> {
    if (endByte <= startByte) return Buffer.alloc(0);
    if (this.#files) return this.#files.read(key, startByte, endByte);
    const range = (end: number) => ({ offset: BigInt(startByte), size: BigInt(end - startByte) });
    try {
      return await this.#operator.read(key, range(endByte));
    } catch (error) {
      // A range beyond the end is an error for some services: then the file's end is queried first.
      const bytes = (await this.stat(key))?.bytes;
      if (bytes === undefined) throw noSuchFile(key);
      if (bytes >= endByte) throw translate(error);
      return bytes <= startByte ? Buffer.alloc(0) : guard(() => this.#operator.read(key, range(bytes)));
    }
  }

  async stream(key: string, startByte = 0, endByte = Number.POSITIVE_INFINITY): Promise<Readable> {
    const file = await this.stat(key);
    if (!file) throw noSuchFile(key);
    return Readable.from(this.#pieces(key, startByte, Math.min(endByte, file.bytes)), { objectMode: false });
  }

  async *#pieces(key: string, startByte: number, endByte: number): AsyncGenerator<Buffer> {
    for (let at = startByte; at < endByte; ) {
      const piece = await this.read(key, at, Math.min(at + STREAM_PIECE_BYTES, endByte));
      if (piece.length === 0)
        throw new LongshoreError('file-changed', `${key} became shorter while it was read`);
      yield piece;
      at += piece.length;
    }
  }

  write(key: string): Promise<StorageWriter> {
    return this.#folder === undefined ? this.#writeObject(key) : this.#writeFile(key, this.#folder);
  }

  async #writeFile(key: string, folder: string): Promise<StorageWriter> {
    const part = `${UNFINISHED}${randomUUID()}`;
    const writer = await guard(() => this.#operator.writer(part));
    return {
      write: (bytes) => guard(() => writer.write(bufferOf(bytes))),
      close: () =>
        guard(async () => {
          await writer.close();
          await this.#operator.rename(part, key).catch((error) => {
            // A `delete` beside it may have taken the folder, empty until now, that this was about to fill.
            if (isNotFound(error)) return this.#operator.rename(part, key);
            throw error;
          });
        }),
      abort: async () => {
        // The writer keeps its file open until it is garbage: without this, a full disk would stay full for as long.
        await truncate(`${folder}/${part}`).catch(() => undefined);
        await this.delete(part);
      },
    };
  }

  async #writeObject(key: string): Promise<StorageWriter> {
    const writer = await guard(() => this.#operator.writer(key));
    return {
      write: (bytes) => guard(() => writer.write(bufferOf(bytes))),
      close: () => guard(() => writer.close()),
      // There is no handle on an open multipart upload here, so the object is finished and then deleted.
      abort: async () => {
        await writer.close().catch(() => undefined);
        await this.delete(key);
      },
    };
  }

  async stat(key: string): Promise<StoredFile | null> {
    if (this.#files) return this.#files.stat(key);
    try {
      const found = await this.#operator.stat(key);
      if (!found.isFile()) return null;
      return {
        bytes: Number(found.contentLength ?? 0n),
        modifiedAt: found.lastModified,
        version: found.etag ?? found.lastModified,
      };
    } catch (error) {
      if (isNotFound(error)) return null;
      throw translate(error);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const entries = await guard(() => this.#operator.list(prefix, { recursive: true })).catch((error) => {
      if (isNotFound(error)) return [];
      throw error;
    });
    return entries.map((entry) => entry.path()).filter((path) => !path.endsWith('/'));
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#operator.delete(key);
    } catch (error) {
      if (!isNotFound(error)) throw translate(error);
    }
    if (this.#folder !== undefined) await removeEmptyFolders(this.#folder, key);
  }

  async sweep(olderThanMs: number): Promise<boolean> {
    if (this.#sweepBucket !== undefined) return this.#sweepBucket(olderThanMs);
    for (const key of await this.list(UNFINISHED)) {
      const found = await this.stat(key);
      if (found?.modifiedAt && Date.now() - Date.parse(found.modifiedAt) > olderThanMs)
        await this.delete(key);
    }
    return true;
  }
}

/** Those that a deleted file leaves, but not the first ones below the root, which are in use all the time. */
async function removeEmptyFolders(root: string, key: string): Promise<void> {
  const folders = key.split('/').slice(0, -1);
  for (let depth = folders.length; depth > 1; depth--) {
    const removed = await rmdir([root, ...folders.slice(0, depth)].join('/')).then(
      () => true,
      // What is not empty stays.
      () => false,
    );
    if (!removed) return;
  }
}

async function guard<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (/No space left on device|StorageFull|QuotaExceeded|EntityTooLarge/i.test(text)) {
    return new LongshoreError('storage-full', 'the storage has no room left', { cause: error });
  }
  // OpenDAL's word for what another try may well not meet again: refused connections, timeouts, 5xx answers.
  if (/^\w+ \((temporary|persistent)\)/.test(text)) {
    return new LongshoreError('storage-unavailable', 'the storage does not answer', { cause: error });
  }
  return error;
}

/** Also where the key can't be one: it goes through a file, or has a name that is too long. */
function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error &&
    /NotFound|NotADirectory|Not a directory|File name too long|KeyTooLong/.test(error.message)
  );
}

/** The same bytes, as opendal takes them. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
