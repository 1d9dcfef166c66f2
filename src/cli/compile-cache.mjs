import { join } from 'node:path';

/**
 * Where Node keeps the modules of this checkout as it compiled them, so that the next process neither strips their
 * types nor compiles them again: that is nearly half of what a start costs. `npm ci` empties node_modules and the
 * cache with it, and a file that changed replaces its entry, so that it can't grow without end. Where the folder
 * can't be written, Node does without.
 * @param {string} root folder of the checkout
 * @returns {string}
 */
export function compileCacheFolder(root) {
  return join(root, 'node_modules', '.cache', 'longshore');
}

/**
 * The environment of a Node process and of those that it starts, with the compile cache unless it names one: an empty
 * NODE_COMPILE_CACHE is none.
 * @param {string} root folder of the checkout
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function withCompileCache(root, env) {
  return { NODE_COMPILE_CACHE: compileCacheFolder(root), ...env };
}
