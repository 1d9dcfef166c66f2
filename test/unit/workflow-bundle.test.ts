import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { workflowBundle } from '../../src/temporal/workflow-bundle.ts';

test("the workflows' bundle is shared where that can be written, else the home's own", async (t) => {
  const own = await mkdtemp(join(tmpdir(), 'longshore-bundle-'));
  t.after(() => rm(own, { recursive: true, force: true }));
  const [old, young, other] = ['workflows-0ld.js', 'workflows-1.js', 'somebody-elses.js'].map((name) =>
    join(own, name.replace('0ld', '01d')),
  ) as [string, string, string];
  for (const path of [old, young, other]) await writeFile(path, '');
  for (const path of [old, other]) await utimes(path, 0, 0);
  const blocked = join(other, 'no-folder');

  const path = await workflowBundle({ shared: blocked, own });
  const left = (await readdir(own)).sort();
  assert.deepEqual(left, [basename(other), basename(young), basename(path)].sort(), 'the old bundle is gone');

  const shared = await mkdtemp(join(tmpdir(), 'longshore-bundle-'));
  t.after(() => rm(shared, { recursive: true, force: true }));
  await copyFile(path, join(shared, basename(path)));
  assert.equal(await workflowBundle({ shared, own }), join(shared, basename(path)));
  assert.equal(await workflowBundle({ shared: blocked, own }), path, 'it is not made again');
});
