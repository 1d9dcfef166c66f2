import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  opendir,
  realpath,
  rename,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { LongshoreError } from '../errors.ts';
import { storedFile } from './confined-files.ts';
import type { Cleared, FileTree, FileVersion, TreeEntry } from './file-tree.ts';
import { isStorageKey } from './storage-key.ts';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Another disk, or a file system without hard links. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);
/** Entries that a folder is read by, and of which files are looked at together. */
const READ_TOGETHER = 64;

/**
 * The folders of a `file:` storage. Each folder is opened by itself below the one before, and never through a link, so
 * that whatever others exchange in the meantime, nothing outside is listed, moved or written. A top folder may be a link.
 *
 * Names on Linux are bytes: those that are no UTF-8, or can't be part of a key, are listed as unusable.
 */
export class FolderTree implements FileTree {
  readonly #root: string;

  /** @param root absolute path of the storage's folder */
  constructor(root: string) {
    this.#root = root;
  }

  async *list(folder: string): AsyncGenerator<TreeEntry> {
    await using opened = await this.#open(folder.split('/'));
    if (opened === null) return;
    const entries = await opendir(opened.path, { encoding: 'buffer' as never, bufferSize: READ_TOGETHER });
    let names: Buffer[] = [];
    for await (const entry of entries) {
      names.push(entry.name as unknown as Buffer);
      if (names.length < READ_TOGETHER) continue;
      yield* await entriesOf(opened.path, names);
      names = [];
    }
    yield* await entriesOf(opened.path, names);
  }

  async move(from: string, to: string, expected: FileVersion): Promise<Cleared> {
    const [source, target] = [placeOf(from), placeOf(to)];
    await using fromFolder = await this.#open(source.folders);
    await using toFolder = await this.#make(target.folders);
    const there = join(toFolder.path, target.name);
    const here = fromFolder === null ? null : join(fromFolder.path, source.name);
    if (here === null || (await statOf(here)) === null) return isVersion(await statOf(there), expected);
    // A link makes the file appear whole, and never takes the place of another one.
    const linked = await link(here, there)
      .then(() => true, unlessThere)
      .catch((error) => {
        if (NO_LINKS.has(codeOf(error) ?? '')) return null;
        throw error;
      });
    if (linked === null)
      return moveByCopy({ from: fromFolder!.path, name: source.name }, toFolder.path, there, expected);
    const [found, copy] = [await statOf(here), await statOf(there)];
    if (linked && isVersion(copy, expected) !== 'cleared') {
      await unlink(there);
      return 'changed';
    }
    if (!linked && isVersion(copy, expected) !== 'cleared') {
      throw new LongshoreError('file-changed', `${to} is there already, and is another file`);
    }
    if (found === null || copy === null) return 'cleared';
    if (found.ino !== copy.ino || found.dev !== copy.dev) return 'changed';
    await removeNamed(fromFolder!.path, source.name, copy);
    return 'cleared';
  }

  async remove(key: string, expected: FileVersion): Promise<Cleared> {
    const { folders, name } = placeOf(key);
    await using folder = await this.#open(folders);
    const found = folder === null ? null : await statOf(join(folder.path, name));
    if (folder === null || found === null) return 'gone';
    if (isVersion(found, expected) !== 'cleared') return 'changed';
    return (await removeNamed(folder.path, name, found)) ? 'cleared' : 'changed';
  }

  async discard(key: string): Promise<void> {
    const { folders, name } = placeOf(key);
    await using folder = await this.#open(folders);
    if (folder !== null && (await statOf(join(folder.path, name))) !== null)
      await unlink(join(folder.path, name));
  }

  async put(key: string, pieces: AsyncIterable<string>): Promise<void> {
    const { folders, name } = placeOf(key);
    await using folder = await this.#make(folders);
    const part = join(folder.path, hiddenName(name));
    try {
      const file = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o666);
      try {
        for await (const piece of pieces) await file.write(piece);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, join(folder.path, name));
    } catch (error) {
      await unlink(part).catch(() => undefined);
      throw withoutRoom(error);
    }
  }

  /** null where there is no such folder. */
  async #open(folders: readonly string[]): Promise<OpenFolder | null> {
    try {
      return await this.#walk(folders, async () => undefined);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP') return null;
      throw error;
    }
  }

  #make(folders: readonly string[]): Promise<OpenFolder> {
    return this.#walk(folders, async (path) => {
      await mkdir(path).catch(unlessThere);
    }).catch((error) => {
      throw withoutRoom(error);
    });
  }

  async #walk(folders: readonly string[], visit: (path: string) => Promise<void>): Promise<OpenFolder> {
    if (!isStorageKey(folders.join('/'))) throw noFolder(folders);
    const [top = '', ...below] = folders;
    await visit(join(this.#root, top));
    let opened = await openFolder(await realpath(join(this.#root, top)));
    for (const name of below) {
      const path = join(opened.path, name);
      try {
        await visit(path);
        const next = await openFolder(path);
        await opened[Symbol.asyncDispose]();
        opened = next;
      } catch (error) {
        await opened[Symbol.asyncDispose]();
        throw error;
      }
    }
    return opened;
  }
}

/** A copy of an earlier attempt is known by its size: the copy has a time of its own. */
async function moveByCopy(
  { from, name }: { readonly from: string; readonly name: string },
  toFolder: string,
  there: string,
  expected: FileVersion,
): Promise<Cleared> {
  const here = join(from, name);
  const copied = await statOf(there);
  if (copied === null) {
    const aside = join(toFolder, hiddenName(name));
    try {
      await copyFile(here, aside, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      const after = await statOf(here);
      const same = isVersion(after, expected);
      if (same !== 'cleared') return same;
      await rename(aside, there);
    } catch (error) {
      throw withoutRoom(error);
    } finally {
      await unlink(aside).catch(() => undefined);
    }
  } else if (Number(copied.size) !== expected.bytes) {
    throw new LongshoreError('file-changed', `${name} is there already, and is another file`);
  }
  const found = await statOf(here);
  const same = isVersion(found, expected);
  if (found === null || same !== 'cleared') return same === 'gone' ? 'cleared' : same;
  return (await removeNamed(from, name, found)) ? 'cleared' : 'changed';
}

interface OpenFolder extends AsyncDisposable {
  /** By which it is reached, wherever it is by now. */
  readonly path: string;
}

async function openFolder(path: string): Promise<OpenFolder> {
  const handle: FileHandle = await open(path, FOLDER);
  return {
    // Only Linux reaches what is in an open folder by its descriptor.
    path: process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : path,
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function entriesOf(folder: string, names: readonly Buffer[]): Promise<readonly TreeEntry[]> {
  const found = await Promise.all(names.map((name) => entryOf(folder, name)));
  return found.filter((entry) => entry !== null);
}

async function entryOf(folder: string, raw: Buffer): Promise<TreeEntry | null> {
  const found = await lstat(Buffer.concat([Buffer.from(`${folder}/`), raw]), { bigint: true }).catch(
    (error) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    },
  );
  if (found === null) return null;
  const name = raw.toString('utf8');
  const isText = Buffer.from(name).equals(raw);
  if (found.isDirectory()) {
    if (isText && isStorageKey(name)) return { kind: 'folder', name };
    return {
      kind: 'file',
      name,
      rawName: raw,
      ...versionOf(found),
      unusable: 'is a folder whose name can not be used',
    };
  }
  const unusable = !isText
    ? 'has a name that is no UTF-8'
    : !isStorageKey(name)
      ? 'has a name with a line end, a backslash or another control character'
      : found.isSymbolicLink()
        ? 'is a symbolic link, and none is followed'
        : found.isFile()
          ? null
          : 'is no regular file';
  return { kind: 'file', name, ...versionOf(found), unusable, ...(!isText && { rawName: raw }) };
}

function versionOf(found: BigIntStats) {
  const { bytes, modifiedAt, version } = storedFile(found);
  return { bytes, modifiedAt, version: version ?? '' };
}

async function statOf(path: string): Promise<BigIntStats | null> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.isFile() ? found : null;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function isVersion(found: BigIntStats | null, { bytes, version }: FileVersion): Cleared {
  if (found === null) return 'gone';
  const now = versionOf(found);
  return now.bytes === bytes && now.version === version ? 'cleared' : 'changed';
}

/**
 * Removes a name if it is that file's still. It is set aside first: a writer who puts a new version in its place at this
 * very moment finds it either before, and then it is put back, or after.
 */
async function removeNamed(folder: string, name: string, { ino, dev }: BigIntStats): Promise<boolean> {
  const [path, aside] = [join(folder, name), join(folder, hiddenName(name))];
  await rename(path, aside);
  const taken = await statOf(aside);
  if (taken !== null && taken.ino === ino && taken.dev === dev) {
    await unlink(aside);
    return true;
  }
  const back = await link(aside, path).then(() => true, unlessThere);
  // An even newer one is there: this one gets a name of its own beside it.
  if (!back) await link(aside, join(folder, `${randomBytes(4).toString('hex')}-${name}`));
  await unlink(aside);
  return false;
}

/** Names that begin with a dot are nobody's arrivals. */
function hiddenName(name: string): string {
  return `.${randomBytes(8).toString('hex')}-${name.slice(-40)}`;
}

function placeOf(key: string): { readonly folders: readonly string[]; readonly name: string } {
  const folders = key.split('/');
  const name = folders.pop();
  if (!isStorageKey(key) || name === undefined || folders.length === 0) throw noFolder([key]);
  return { folders, name };
}

function noFolder(folders: readonly string[]): LongshoreError {
  return new LongshoreError(
    'source-not-found',
    `${JSON.stringify(folders.join('/'))} is no folder of the storage`,
  );
}

function unlessThere(error: unknown): false {
  if (codeOf(error) !== 'EEXIST') throw error;
  return false;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function withoutRoom(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LongshoreError('storage-full', 'the storage has no room left', { cause: error });
  }
  return error;
}
