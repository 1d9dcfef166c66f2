import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { claimOutside, makeOutside, sweepOutside } from '../../src/platform/postgres-outside.ts';
import { updateState } from '../../src/runtime/home.ts';
import { type Cleanup, testHome } from '../support/home.ts';

const quiet = { info: () => undefined, warn: () => undefined };

async function homeWithData(t: Cleanup) {
  const folder = await testHome(t);
  const [root, home] = [join(folder, 'shared'), join(folder, 'home')];
  mkdirSync(root);
  mkdirSync(home);
  const outside = makeOutside(root, home);
  mkdirSync(join(outside, 'data'));
  updateState(home, { postgresData: join(outside, 'data') });
  return { folder, root, home, outside };
}

it('data outside of a home stay while the home is there', async (t) => {
  const { root, outside } = await homeWithData(t);
  sweepOutside(root, quiet);
  assert(existsSync(join(outside, 'data')));
});

it('data outside of a home go with it, at the next start of any home', async (t) => {
  const { root, home, outside } = await homeWithData(t);
  rmSync(home, { recursive: true });
  const said: string[] = [];
  sweepOutside(root, { ...quiet, info: (message) => said.push(message) });
  assert.equal(existsSync(outside), false);
  assert.match(said.join('\n'), new RegExp(`${outside}.*${home}`));
});

it('data outside of a home that was deleted and made anew go as well', async (t) => {
  const { root, home, outside } = await homeWithData(t);
  rmSync(home, { recursive: true });
  mkdirSync(home);
  sweepOutside(root, quiet);
  assert.equal(existsSync(outside), false);
});

it('data outside of a home that was moved stay', async (t) => {
  const { folder, root, home, outside } = await homeWithData(t);
  const moved = join(folder, 'moved');
  renameSync(home, moved);
  sweepOutside(root, quiet);
  assert(existsSync(outside));
  claimOutside(outside, moved);
  rmSync(moved, { recursive: true });
  sweepOutside(root, quiet);
  assert.equal(existsSync(outside), false, 'they go with the home at its new place');
});

it('data outside of a home that was brought back from a copy stay', async (t) => {
  const { folder, root, home, outside } = await homeWithData(t);
  const copy = join(folder, 'copy');
  cpSync(home, copy, { recursive: true });
  rmSync(home, { recursive: true });
  renameSync(copy, home);
  sweepOutside(root, quiet);
  assert(existsSync(outside));
});

it('what is not known to be the data of a home that is gone is left alone', async (t) => {
  const { root, home, outside } = await homeWithData(t);
  rmSync(home, { recursive: true });
  // A server that still runs, data of an earlier version, and programs.
  writeFileSync(join(outside, 'data', 'postmaster.pid'), `${process.pid}\n`);
  for (const name of ['postgres-old', 'postgresql-18.4']) mkdirSync(join(root, name));
  sweepOutside(root, quiet);
  for (const name of ['postgres-old', 'postgresql-18.4']) assert(existsSync(join(root, name)), name);
  assert(existsSync(outside));
});
