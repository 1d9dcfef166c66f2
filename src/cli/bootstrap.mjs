#!/usr/bin/env node
// Behind `npm start`, `npm test`, `npm run judge` and `npm run bench`: installs what is missing, then hands over to
// Node 24, which npm installs with the packages. Plain JavaScript without dependencies, for the system's Node 20.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installFault } from './install-check.mjs';
import { runNode } from './run-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const OLDEST_NODE = 20;

const [command, ...args] = process.argv.slice(2);

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  console.error(
    `Longshore needs Node ${OLDEST_NODE} or newer to install itself; this is ${process.versions.node}.`,
  );
  process.exit(1);
}

switch (command) {
  case 'start':
    install();
    runNode(root, 'src/cli/start.ts', args, { channel: true });
    break;
  case 'test':
    install();
    runTests(args);
    break;
  case 'judge':
    install();
    runNode(root, 'test/judge/main.ts', args);
    break;
  case 'bench':
    install();
    runNode(root, 'test/bench/main.ts', args);
    break;
  default:
    console.error('usage: bootstrap.mjs start | test [FILES] | judge | bench NAME');
    process.exit(2);
}

/** Runs `npm ci` when node_modules is not what the lock file asks for. */
function install() {
  const fault = installFault(root);
  if (fault === null) return;
  console.log(`Installing packages: ${fault} (npm ci; the first time takes a minute) …`);
  const started = Date.now();
  const { status, error } = spawnSync('npm', ['ci', '--no-progress', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    env: installEnvironment(),
    shell: process.platform === 'win32',
  });
  if (error || status !== 0) {
    console.error(
      `npm ci failed${error ? `: ${error.message}` : ` (exit code ${status})`}; nothing was started.`,
    );
    process.exit(1);
  }
  console.log(`Packages are installed (${Math.round((Date.now() - started) / 1000)} s).`);
}

/**
 * `npm start` puts node_modules/.bin first on the PATH, and with it the Node 24 that `npm ci` is about to delete
 * and fetch again: the install has to run on the system's own Node.
 */
function installEnvironment() {
  const own = `${sep}node_modules${sep}.bin`;
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith(own));
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/.test(name));
  return { ...Object.fromEntries(inherited), PATH: path.join(delimiter) };
}

/** @param {readonly string[]} given options of `node --test`, and files; without files: all tests */
function runTests(given) {
  const options = given.filter((argument) => argument.startsWith('-'));
  const files = given.filter((argument) => !argument.startsWith('-'));
  runNode(
    root,
    null,
    [
      '--test',
      '--test-reporter=spec',
      '--test-global-setup=test/support/global-setup.ts',
      // Longer than any test takes on a slow machine: a test that hangs fails instead of holding up the run.
      '--test-timeout=1200000',
      // Tests wait more than they work; Node's own choice for two cores is one file at a time.
      `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`,
      ...options,
      ...(files.length > 0 ? files : ['test/**/*.test.ts']),
    ],
    { cwd: root },
  );
}
