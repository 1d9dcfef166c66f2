import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { withCompileCache } from '../../src/cli/compile-cache.mjs';

const OWN = join(import.meta.dirname, '../..');

test('the second process finds what the first one compiled, and adds nothing', async (t) => {
  const root = await checkout(t);
  assert.equal((await launch(root)).stdout, 'hello\n');
  const files = await entries(root);
  // hello.ts without its types, and as code.
  assert.equal(files.length, 2);
  assert.equal((await launch(root)).stdout, 'hello\n');
  assert.deepEqual(await entries(root), files);
});

test('a cache that can not be written changes nothing', async (t) => {
  const root = await checkout(t);
  await writeFile(join(root, 'node_modules', '.cache'), 'a file where the folder would be');
  assert.deepEqual(await launch(root), { stdout: 'hello\n', stderr: '' });
});

test('entries that are damaged change nothing', async (t) => {
  const root = await checkout(t);
  await launch(root);
  for (const file of await entries(root)) await writeFile(join(cacheOf(root), file), 'not what Node wrote');
  assert.deepEqual(await launch(root), { stdout: 'hello\n', stderr: '' });
});

test('processes that start at the same time do not disturb each other', async (t) => {
  const root = await checkout(t);
  const runs = await Promise.all(Array.from({ length: 8 }, () => launch(root)));
  for (const run of runs) assert.deepEqual(run, { stdout: 'hello\n', stderr: '' });
});

test('a file that changed replaces its entries', async (t) => {
  const root = await checkout(t);
  await launch(root);
  const files = await entries(root);
  await writeFile(join(root, 'hello.ts'), hello('changed'));
  assert.equal((await launch(root)).stdout, 'changed\n');
  assert.deepEqual(await entries(root), files);
});

test('a cache that the environment names is used, and an empty name is none', () => {
  const given = withCompileCache('/checkout', { NODE_COMPILE_CACHE: '/elsewhere', A: '1' });
  assert.deepEqual(given, { NODE_COMPILE_CACHE: '/elsewhere', A: '1' });
  assert.equal(withCompileCache('/checkout', { NODE_COMPILE_CACHE: '' }).NODE_COMPILE_CACHE, '');
});

/** A checkout with this one's launcher and Node, and a program of a few lines. */
async function checkout(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'longshore-cache-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'node_modules', '.bin'), { recursive: true });
  await symlink(process.execPath, join(root, 'node_modules', '.bin', 'node'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  for (const name of ['run-node.mjs', 'compile-cache.mjs']) {
    await cp(join(OWN, 'src', 'cli', name), join(root, name));
  }
  await writeFile(join(root, 'hello.ts'), hello('hello'));
  await writeFile(
    join(root, 'launch.mjs'),
    `import { runNode } from './run-node.mjs';\nrunNode(import.meta.dirname, 'hello.ts', []);\n`,
  );
  return root;
}

function hello(word: string): string {
  return `const word: string = '${word}';\nconsole.log(word);\n`;
}

function launch(root: string) {
  return promisify(execFile)(process.execPath, [join(root, 'launch.mjs')], {
    env: { PATH: process.env.PATH },
  });
}

function cacheOf(root: string): string {
  return join(root, 'node_modules', '.cache', 'longshore');
}

/** The files in the cache, by their paths in it. */
async function entries(root: string): Promise<string[]> {
  const names = await readdir(cacheOf(root), { recursive: true });
  const isFile = await Promise.all(
    names.map(async (name) => (await stat(join(cacheOf(root), name))).isFile()),
  );
  return names.filter((_, index) => isFile[index]).sort();
}
