#!/usr/bin/env node
// The `longshore` command. Plain JavaScript, since whatever Node the system has runs it: one that strips types itself
// goes on in this process, any other hands over to the Node that npm installed here.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCacheFolder } from './compile-cache.mjs';
import { runNode } from './run-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) {
  console.error(`longshore: its packages are not installed; run "npm ci" in ${root} first`);
  process.exit(1);
}
if (runsTypeScript(process.versions.node)) {
  // Before anything that is worth keeping is compiled; NODE_COMPILE_CACHE goes over it.
  if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache(compileCacheFolder(root));
  await import('./main.ts');
} else {
  runNode(root, 'src/cli/main.ts', process.argv.slice(2));
}

/**
 * Whether this is the Node of package.json, or one so like it that a second process would only cost time.
 * @param {string} version of Node
 */
function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  // Earlier ones warn that they strip types.
  return major === 24 && minor >= 12;
}
