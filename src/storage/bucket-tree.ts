import type { Operator } from 'opendal';
import type { Cleared, FileTree, FileVersion, TreeEntry } from './file-tree.ts';
import type { Storage } from './storage.ts';
import { isStorageKey } from './storage-key.ts';

/** S3 copies no larger object by itself. */
const COPY_MAX_BYTES = 5 * 1024 ** 3;
const PIECE_BYTES = 8 * 1024 ** 2;

/** The folders of a bucket, which are the parts of its keys. An object is moved as a copy, which is checked first. */
export class BucketTree implements FileTree {
  readonly #operator: Operator;
  readonly #storage: Pick<Storage, 'read' | 'write' | 'stat' | 'delete'>;
  /** Makes errors of OpenDAL those of the catalog. */
  readonly #guard: <T>(call: () => Promise<T>) => Promise<T>;

  constructor(
    operator: Operator,
    storage: Pick<Storage, 'read' | 'write' | 'stat' | 'delete'>,
    guard: <T>(call: () => Promise<T>) => Promise<T>,
  ) {
    this.#operator = operator;
    this.#storage = storage;
    this.#guard = guard;
  }

  async *list(folder: string): AsyncGenerator<TreeEntry> {
    const prefix = `${folder}/`;
    const lister = await this.#guard(() => this.#operator.lister(prefix));
    for (;;) {
      const entry = await this.#guard(() => lister.next());
      if (entry === null) return;
      const path = entry.path();
      const name = path.slice(prefix.length);
      if (name === '' || !path.startsWith(prefix)) continue;
      if (name.endsWith('/')) {
        if (isStorageKey(name.slice(0, -1))) yield { kind: 'folder', name: name.slice(0, -1) };
        continue;
      }
      const found = entry.metadata();
      const modifiedAt = found.lastModified ?? null;
      yield {
        kind: 'file',
        name,
        bytes: Number(found.contentLength ?? 0n),
        modifiedAt,
        version: found.etag ?? modifiedAt ?? '',
        unusable: isStorageKey(name)
          ? null
          : 'has a name with a line end, a backslash or another control character',
      };
    }
  }

  async move(from: string, to: string, expected: FileVersion): Promise<Cleared> {
    const found = await this.#storage.stat(from);
    if (found === null) return (await this.#storage.stat(to))?.bytes === expected.bytes ? 'cleared' : 'gone';
    if (!isVersion(found, expected)) return 'changed';
    if (expected.bytes > COPY_MAX_BYTES) await this.#copy(from, to, expected.bytes);
    else await this.#guard(() => this.#operator.copy(from, to));
    const copy = await this.#storage.stat(to);
    // What was copied is what was expected only if that is still there.
    const after = await this.#storage.stat(from);
    if (after === null || !isVersion(after, expected)) {
      await this.#storage.delete(to);
      return after === null ? 'gone' : 'changed';
    }
    if (copy?.bytes !== expected.bytes) throw new Error(`the copy ${to} has another size`);
    await this.#storage.delete(from);
    return 'cleared';
  }

  async remove(key: string, expected: FileVersion): Promise<Cleared> {
    const found = await this.#storage.stat(key);
    if (found === null) return 'gone';
    if (!isVersion(found, expected)) return 'changed';
    await this.#storage.delete(key);
    return 'cleared';
  }

  discard(key: string): Promise<void> {
    return this.#storage.delete(key);
  }

  async put(key: string, pieces: AsyncIterable<string>): Promise<void> {
    await this.#write(key, pieces);
  }

  async #copy(from: string, to: string, bytes: number): Promise<void> {
    const storage = this.#storage;
    const pieces = async function* () {
      for (let at = 0; at < bytes; at += PIECE_BYTES)
        yield storage.read(from, at, Math.min(bytes, at + PIECE_BYTES));
    };
    await this.#write(to, pieces());
  }

  async #write(key: string, pieces: AsyncIterable<string | Buffer>): Promise<void> {
    const writer = await this.#storage.write(key);
    try {
      for await (const piece of pieces) {
        if (piece.length > 0) await writer.write(Buffer.from(piece as string));
      }
      await writer.close();
    } catch (error) {
      await writer.abort().catch(() => undefined);
      throw error;
    }
  }
}

function isVersion(
  found: { readonly bytes: number; readonly version: string | null },
  { bytes, version }: FileVersion,
): boolean {
  return found.bytes === bytes && found.version === version;
}
