import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { LongshoreError } from '../errors.ts';

/**
 * A file that has no name any more as soon as it is made: whatever ends the process, nothing of it stays on the disk.
 * It is read by its descriptor.
 */
export class SpooledFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  bytes = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @param folder is made where it is not there */
  static async create(folder: string): Promise<SpooledFile> {
    return withRoom(async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = join(folder, randomUUID());
      const handle = await open(path, 'wx+', 0o600);
      try {
        await unlink(path);
        return new SpooledFile(handle);
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  get fd(): number {
    return this.#handle.fd;
  }

  /** @throws LongshoreError `storage-full` */
  async append(piece: Buffer): Promise<void> {
    await withRoom(async () => {
      for (let at = 0; at < piece.length; ) {
        const { bytesWritten } = await this.#handle.write(piece, at, piece.length - at, this.bytes + at);
        at += bytesWritten;
      }
    });
    this.bytes += piece.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function withRoom<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
    throw new LongshoreError('storage-full', "the disk of Longshore's home has no room left for the file", {
      cause,
    });
  }
}
