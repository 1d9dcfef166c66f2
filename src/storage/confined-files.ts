import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { noSuchFile, type StoredFile } from './storage.ts';
import { isStorageKey } from './storage-key.ts';

/** Never waits for a writer of a pipe, and never opens what a link in the last place points at. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY;

/** Errors of `open` for an object key without a file: missing, below a file, a link or a socket, or too long. */
const NO_FILE: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENXIO',
  'ENODEV',
]);

/**
 * Reads files of a storage folder that others may write into, and nothing outside it: a file is read only where its
 * real path is the path that its key names, so that no symbolic link below the storage's top folders (`inbox`,
 * `uploads`, …) is followed. The top folders themselves may be links, for an operator who keeps one on another disk.
 *
 * The path is taken from the open file (`/proc/self/fd`), not asked before it is opened: who exchanges a folder for a
 * link in between gains nothing (CWE-367, CWE-59).
 */
export class ConfinedFiles {
  readonly #root: string;

  /** @param root absolute path of the storage's folder */
  constructor(root: string) {
    this.#root = root;
  }

  /** null where the key names no regular file. */
  async stat(key: string): Promise<StoredFile | null> {
    await using file = await this.#open(key);
    return file && storedFile(await file.stat({ bigint: true }));
  }

  /** Bytes [startByte, endByte), fewer only where the file ends before. @throws LongshoreError `source-not-found` */
  async read(key: string, startByte: number, endByte: number): Promise<Buffer> {
    await using file = await this.#open(key);
    if (!file) throw noSuchFile(key);
    const { bytes } = storedFile(await file.stat({ bigint: true }));
    const wanted = Math.max(0, Math.min(endByte, bytes) - startByte);
    const buffer = Buffer.allocUnsafeSlow(wanted);
    for (let filled = 0; filled < wanted; ) {
      const { bytesRead } = await file.read(buffer, filled, wanted - filled, startByte + filled);
      if (bytesRead === 0) return buffer.subarray(0, filled);
      filled += bytesRead;
    }
    return buffer;
  }

  async #open(key: string): Promise<FileHandle | null> {
    let file: FileHandle | undefined;
    if (!isStorageKey(key)) return null;
    try {
      const path = await this.#realPath(key);
      file = await open(path, FLAGS);
      if ((await pathOf(file, path)) === path && (await file.stat()).isFile()) return file;
    } catch (error) {
      if (!NO_FILE.has((error as NodeJS.ErrnoException).code ?? '')) {
        await file?.close();
        throw error;
      }
    }
    await file?.close();
    return null;
  }

  /** The one real path that the key's file may have. */
  async #realPath(key: string): Promise<string> {
    const slash = key.indexOf('/');
    if (slash < 0) return join(await realpath(this.#root), key);
    return join(await realpath(join(this.#root, key.slice(0, slash))), key.slice(slash + 1));
  }
}

/** The path of an open file, without links. Only Linux gives it for the file itself. */
function pathOf(file: FileHandle, path: string): Promise<string> {
  return process.platform === 'linux' ? readlink(`/proc/self/fd/${file.fd}`) : realpath(path);
}

/** What a folder says of a file. */
export function storedFile({ size, mtimeNs }: Pick<BigIntStats, 'size' | 'mtimeNs'>): StoredFile {
  const modifiedAt = rfc3339(mtimeNs);
  return { bytes: Number(size), modifiedAt, version: modifiedAt };
}

/** To the nanosecond, without trailing zeros (RFC 3339, 5.6). */
function rfc3339(ns: bigint): string {
  const second = 1_000_000_000n;
  const fraction = ((ns % second) + second) % second;
  const whole = new Date(Number((ns - fraction) / 1_000_000n))
    .toISOString()
    .slice(0, 'YYYY-MM-DDThh:mm:ss'.length);
  let digits = String(fraction).padStart(9, '0');
  while (digits.endsWith('0')) digits = digits.slice(0, -1);
  return `${whole}${digits === '' ? '' : `.${digits}`}Z`;
}
