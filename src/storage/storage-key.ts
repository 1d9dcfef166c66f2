import { LongshoreError } from '../errors.ts';

/**
 * The one guard against paths that leave their root: a key is made of `/`-separated segments, none of which is
 * empty, `.` or `..`, and holds no backslash and no control character.
 *
 * @throws LongshoreError `source-not-found`: a path outside is answered like a path that does not exist.
 */
export function confineStorageKey(prefix: string, path: string): string {
  if (isStorageKey(path)) return `${prefix}${path}`;
  throw new LongshoreError('source-not-found', `${JSON.stringify(path)} is not a path below ${prefix}`);
}

export function isStorageKey(path: string): boolean {
  const segments = path.split('/');
  return !segments.some((s) => s === '' || s === '.' || s === '..') && !hasForbidden(path);
}

function hasForbidden(path: string): boolean {
  for (const char of path) if (char < ' ' || char === '\\' || char === '\u007f') return true;
  return path.length > 1024;
}
