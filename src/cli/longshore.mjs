#!/usr/bin/env node
// The `longshore` command. Plain JavaScript, since whatever Node the system has runs it; it hands over to the
// Node that npm installed here, which runs TypeScript.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) {
  console.error(`longshore: its packages are not installed; run "npm ci" in ${root} first`);
  process.exit(1);
}
runNode(root, 'src/cli/main.ts', process.argv.slice(2));
