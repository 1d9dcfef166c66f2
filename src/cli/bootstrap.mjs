#!/usr/bin/env node
// Behind `npm start`, `npm test`, `npm run judge` and `npm run bench`: installs what is missing, then hands over to
// Node 24, which npm installs with the packages. Plain JavaScript without dependencies, for the system's Node 20.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installFault } from './install-check.mjs';
import { runNode } from './run-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const OLDEST_NODE = 20;

/** What a tier of tests needs, and so what it costs: nothing, the two servers, a whole platform that is killed. */
const TIERS = { unit: 'test/unit', stack: 'test/stack', faults: 'test/faults' };
/** What `npm test` runs. */
const USUAL_TIERS = ['unit', 'stack'];

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
    console.error('usage: bootstrap.mjs start | test [unit | stack | faults | FILES] | judge | bench NAME');
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

/** @param {readonly string[]} given options of `node --test`, and tiers or files; without these: the usual tiers */
function runTests(given) {
  const options = given.filter((argument) => argument.startsWith('-'));
  const named = given.filter((argument) => !argument.startsWith('-'));
  const files = named.filter((name) => !(name in TIERS));
  const tiers = named.filter((name) => name in TIERS);
  // `npm run test:unit -- FILE` means the file.
  if (files.length > 0) {
    runFiles(files, options);
    return;
  }
  const folders = (tiers.length > 0 ? tiers : USUAL_TIERS).map((tier) => TIERS[tier]);
  if (folders.includes(TIERS.faults)) {
    runFiles(
      folders.map((folder) => `${folder}/**/*.test.ts`),
      options,
    );
    return;
  }
  runFiles(makeShares(), options, {
    env: { TEST_FOLDERS: folders.join(',') },
    // Of a process that runs many files, each of which has its own limit.
    timeoutMs: 3_600_000,
  });
}

/**
 * @param {readonly string[]} wanted paths and patterns of files, each of which gets a process of its own
 * @param {readonly string[]} options of `node --test`
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number }} [of]
 *   timeoutMs: longer than any test takes on a slow machine: one that hangs fails instead of holding up the run
 */
function runFiles(wanted, options, { env = {}, timeoutMs = 600_000 } = {}) {
  runNode(
    root,
    null,
    [
      '--test',
      '--test-reporter=./test/support/reporter.ts',
      '--test-global-setup=test/support/global-setup.ts',
      `--test-timeout=${timeoutMs}`,
      `--test-concurrency=${filesAtOnce(wanted)}`,
      ...options,
      ...wanted,
    ],
    { cwd: root, env: { ...process.env, ...env } },
  );
}

/**
 * Files of `node --test` that share those of whole tiers: `test/support/share.ts` says why.
 * @returns {readonly string[]} one for each process
 */
function makeShares() {
  const folder = join(root, '.cache', 'test-shares');
  mkdirSync(folder, { recursive: true });
  const share = pathToFileURL(join(root, 'test', 'support', 'share.ts')).href;
  return Array.from({ length: filesAtOnce([]) }, (_, n) => {
    const path = join(folder, `${n + 1}.mjs`);
    writeFileSync(path, `import { runShare } from '${share}';\nawait runShare(process.env.TEST_FILES);\n`);
    return path;
  });
}

/**
 * Tests wait about as long as they work, so that two more processes than cores keep every core busy; Node's own choice
 * for two cores is one at a time. A file of the faults runs platforms of several processes.
 * @param {readonly string[]} wanted
 * @returns {number}
 */
function filesAtOnce(wanted) {
  const cores = availableParallelism();
  return wanted.some((path) => path.includes(TIERS.faults)) ? Math.max(2, cores - 1) : cores + 2;
}
