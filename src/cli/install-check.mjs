import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @import { Lock } from './install-check.d.mts' */

/**
 * Why `npm ci` has to run, or null when what is installed is what the lock file asks for.
 * @param {string} root folder of the checkout
 * @returns {string | null}
 */
export function installFault(root) {
  const wanted = readLock(join(root, 'package-lock.json'));
  if (wanted === null) throw new Error('package-lock.json is missing or is not JSON');
  // npm writes this one as the last step of an install: after an interrupted one it is missing.
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return 'the packages are not installed yet';
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) return 'Node 24 is not installed yet';
  return lockDifference(wanted, installed);
}

/**
 * @param {Lock} wanted
 * @param {Lock} installed
 * @returns {string | null}
 */
export function lockDifference(wanted, installed) {
  const have = installed.packages ?? {};
  const want = wanted.packages ?? {};
  for (const [path, entry] of Object.entries(want)) {
    if (path === '') continue;
    const found = have[path];
    if (found === undefined) {
      // Another platform's binaries, for instance: npm leaves those out.
      if (entry.optional || entry.devOptional) continue;
      return `${path} is missing`;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity) {
      return `${path} is ${found.version}, the lock file asks for ${entry.version}`;
    }
  }
  const extra = Object.keys(have).find((path) => !(path in want));
  return extra === undefined ? null : `${extra} is no longer in the lock file`;
}

/**
 * @param {string} path
 * @returns {Lock | null}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
