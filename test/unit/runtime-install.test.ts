import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { installFault, lockDifference } from '../../src/cli/install-check.mjs';

const entry = (version: string) => ({ version, integrity: `sha512-${version}` });

test('nothing is installed again when node_modules is what the lock file asks for', () => {
  const lock = { packages: { '': { version: '0.1.0' }, 'node_modules/a': entry('1.0.0') } };
  assert.equal(lockDifference(lock, { packages: { 'node_modules/a': entry('1.0.0') } }), null);
});

test("another platform's optional binaries are not missed", () => {
  const lock = {
    packages: {
      'node_modules/a': entry('1.0.0'),
      'node_modules/a-mac': { ...entry('1.0.0'), optional: true },
    },
  };
  assert.equal(lockDifference(lock, { packages: { 'node_modules/a': entry('1.0.0') } }), null);
});

test('a package that is missing, outdated, altered or left over makes npm ci run, and is named', () => {
  const lock = { packages: { 'node_modules/a': entry('2.0.0') } };
  assert.match(lockDifference(lock, { packages: {} }) ?? '', /node_modules\/a is missing/);
  assert.match(
    lockDifference(lock, { packages: { 'node_modules/a': entry('1.0.0') } }) ?? '',
    /a is 1\.0\.0, .* 2\.0\.0/,
  );
  const altered = { version: '2.0.0', integrity: 'sha512-other' };
  assert.notEqual(lockDifference(lock, { packages: { 'node_modules/a': altered } }), null);
  const extra = { 'node_modules/a': entry('2.0.0'), 'node_modules/b': entry('1.0.0') };
  assert.match(lockDifference(lock, { packages: extra }) ?? '', /node_modules\/b is no longer/);
});

test('every package is pinned by a checksum, but for binaries of platforms that the registry in use does not have', () => {
  const { packages } = JSON.parse(
    readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
  ) as {
    packages: Record<string, { integrity?: string; optional?: boolean }>;
  };
  const unpinned = Object.entries(packages).filter(
    ([path, { integrity }]) => path !== '' && !/^sha512-/.test(integrity ?? ''),
  );
  for (const [path, { optional }] of unpinned) {
    assert.match(path, /^node_modules\/@opendal\/lib-(darwin|win32|linux-arm64)-/);
    assert.equal(optional, true);
  }
});

test('an install that was interrupted counts as none', (t) => {
  const root = checkout(t);
  assert.match(installFault(root) ?? '', /not installed yet/);
  mkdirSync(join(root, 'node_modules', 'a'), { recursive: true });
  assert.match(installFault(root) ?? '', /not installed yet/);
});

test('an install without Node 24 counts as none', (t) => {
  const root = checkout(t);
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  const installed = { packages: { 'node_modules/a': entry('1.0.0') } };
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
  assert.match(installFault(root) ?? '', /Node 24/);
  writeFileSync(join(root, 'node_modules', '.bin', 'node'), '');
  assert.equal(installFault(root), null);
});

test("npm ci takes the lock file on every machine: no platform's package is left out, no registry is named", () => {
  const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  const packages = (JSON.parse(text) as LockFile).packages;
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
    ),
  );
  assert.deepEqual(missing, [], 'after a change of dependencies run "npm run lock"');
  assert.doesNotMatch(text, /"resolved"/);
});

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}

function checkout(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'longshore-install-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/a': entry('1.0.0') } }),
  );
  return root;
}
