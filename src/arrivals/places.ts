import { createHash } from 'node:crypto';
import { firstBytes } from '../shorten.ts';
import type { ArrivalSourceName } from './arrival.ts';

/** Where the files of an arrival go, and what lies beside them. Pure. */

export const RECEIPT = '.receipt.json';
export const REJECTS = '.rejects.csv';

/** Folders below an arrival's prefix that are its own: files in them are no arrivals. */
export const DONE = 'done/';
export const FAILED = 'failed/';

/** Folders that are Longshore's, where nothing arrives. */
export const RESERVED_FOLDERS: readonly string[] = ['uploads/', 'batches/', 'backups/', '.unfinished/'];

/** The identity of a file's version, of which one load is made. `name`: the bytes of a path that is no text. */
export function fileKey(source: ArrivalSourceName, path: string | Buffer, version: string): string {
  const hash = createHash('sha256').update(`${source}\0`).update(path);
  return hash.update(`\0${version}`).digest('hex');
}

/** `bytes` and `version` in one text, equal to the stamp of a load's source (`src/storage/stamp.ts`). */
export function versionText({
  bytes,
  version,
}: {
  readonly bytes: number;
  readonly version: string;
}): string {
  return `${bytes}@${version}`;
}

/** What file systems take of a name, and some room for what `put` adds. */
const NAME_MAX_BYTES = 200;
const KEY_MAX = 1000;

/**
 * Where a file is moved to.
 * @param distinct null: below `done/` or `failed/` as it was below the prefix; else a text that makes the name another
 */
export function movedPlace(
  prefix: string,
  path: string,
  folder: typeof DONE | typeof FAILED,
  distinct: string | null,
): string {
  const below = path.startsWith(prefix) ? path.slice(prefix.length) : path;
  const slash = below.lastIndexOf('/') + 1;
  const name = below.slice(slash);
  const place = `${prefix}${folder}${below.slice(0, slash)}${fitted(name, distinct === null ? '' : `.${distinct}`)}`;
  return place.length <= KEY_MAX
    ? place
    : `${prefix}${folder}${hashOf(path)}${distinct === null ? '' : `.${distinct}`}`;
}

/** The key of what lies beside a file. */
export function withEnding(key: string, ending: typeof RECEIPT | typeof REJECTS): string {
  const slash = key.lastIndexOf('/') + 1;
  const name = key.slice(slash);
  if (Buffer.byteLength(name) <= NAME_MAX_BYTES) return `${key}${ending}`;
  return `${key.slice(0, slash)}${firstBytes(name, NAME_MAX_BYTES - 12)}.${hashOf(name)}${ending}`;
}

/** `hires.csv` with `.a1b2` is `hires.a1b2.csv`. */
function fitted(name: string, addition: string): string {
  const dot = name.lastIndexOf('.');
  const [stem, type] = dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
  const whole = `${stem}${addition}${type}`;
  if (addition === '' || Buffer.byteLength(whole) <= 255) return whole;
  return `${firstBytes(name, NAME_MAX_BYTES)}${addition}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

/** Whether a file's name is the marker of its folder (`_SUCCESS`), or of a file of it (`{name}.ok`), and of which. */
export function markedBy(marker: string, name: string): { readonly file: string | null } | null {
  const at = marker.indexOf('{name}');
  if (at < 0) return name === marker ? { file: null } : null;
  const [before, after] = [marker.slice(0, at), marker.slice(at + '{name}'.length)];
  if (!name.startsWith(before) || !name.endsWith(after)) return null;
  const file = name.slice(before.length, name.length - after.length);
  return file === '' || name.length < marker.length - '{name}'.length ? null : { file };
}

/** The marker of a file of its own; null where the marker is its folder's. */
export function markerOf(marker: string, key: string): string | null {
  if (!marker.includes('{name}')) return null;
  const slash = key.lastIndexOf('/') + 1;
  return `${key.slice(0, slash)}${marker.replace('{name}', () => key.slice(slash))}`;
}
