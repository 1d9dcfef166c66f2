import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BackupAnswer } from '../../src/cli/show-backup.ts';
import { longshore as runLongshore } from '../support/longshore.ts';
import { testStack } from '../support/stack.ts';

describe('the longshore command, of restores and drills', async () => {
  const stack = await testStack({ after });
  let backup: BackupAnswer;

  const longshore = (...args: string[]) =>
    runLongshore(args, {
      cwd: stack.home,
      env: { LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
    });

  before(async () => {
    await stack.load('jobs', '1,Recruiter\n2,Manager\n3,Clerk\n');
    backup = JSON.parse((await longshore('--json', 'backup', 'jobs')).stdout) as BackupAnswer;
  });

  it('shows what a restore would change, then changes it, and says how to undo it', async () => {
    await stack.db.query(`delete from jobs where id = 1`);
    await stack.db.query(`update jobs set job = 'changed' where id = 2`);
    const dry = await longshore('restore', 'jobs', '--dry-run');
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, /^Dry run \d+\n {2}status {4}done\n/);
    assert.match(dry.stdout, /jobs +2 +3 +1 +0 +1\n?$/);
    assert.equal((await stack.rows('jobs')).length, 2);

    const one = await longshore('restore', 'jobs', '--from', backup.id, '--row', '2');
    assert.equal(one.code, 0, one.stderr);
    assert.deepEqual(
      (await stack.rows('jobs')).map(({ job }) => job),
      ['Manager', 'Clerk'],
    );

    const restored = await longshore('restore', '--backup', backup.id, '--tables', 'jobs');
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal((await stack.rows('jobs')).length, 3);
    assert.match(restored.stdout, /table +rows before +in backup\n.*\n? *jobs +2 +3\n?$/);
    const undo = /undo +longshore restore --backup (\S+)/.exec(restored.stdout)?.[1] ?? '';
    const id = /^Restore (\d+)/.exec(restored.stdout)?.[1] ?? '';
    assert.deepEqual((await longshore('restores', 'show', id)).stdout, restored.stdout);
    const undone = await longshore('restore', '--backup', undo, '--no-safety', '--compare');
    assert.equal(undone.code, 0, undone.stderr);
    assert.match(undone.stdout, /jobs +3 +2 +0 +1 +0\n?$/);
    assert.equal((await stack.rows('jobs')).length, 2);
    assert.match(
      (await longshore('restores')).stdout,
      new RegExp(`^ *${id} +restore +done +${backup.id} +jobs`, 'm'),
    );
  });

  it('restores beside a table', async () => {
    assert.equal((await longshore('restore', 'jobs', '--from', backup.id, '--as', 'jobs_then')).code, 0);
    assert.equal((await stack.rows('jobs_then', 'longshore_copies')).length, 3);
    const again = await longshore('restore', 'jobs', '--as', 'jobs_then');
    assert.deepEqual([again.code, again.stdout], [1, '']);
    assert.match(again.stderr, /restore-state/);

    const listed = await longshore('copies');
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stdout, new RegExp(`^ *jobs_then +jobs +3 +\\S+ \\S+ +${backup.id} `, 'm'));
    const deleted = await longshore('copies', 'delete', 'jobs_then');
    assert.deepEqual([deleted.code, deleted.stdout], [0, 'Copy jobs_then is deleted.\n'], deleted.stderr);
    assert.equal((await longshore('copies')).stdout, 'No copies.\n');
    const gone = await longshore('copies', 'delete', 'jobs_then');
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /unknown-copy/);
  });

  it('refuses options that do not go together, before anything is sent', async () => {
    for (const args of [
      [],
      ['jobs', '--backup', backup.id],
      ['jobs', '--tables', 'jobs'],
      ['jobs', '--row', '[x'],
    ]) {
      assert.equal((await longshore('restore', ...args)).code, 2, args.join(' '));
    }
  });

  it('proves a backup, and names what is wrong with a damaged one', async () => {
    const good = await longshore('verify', backup.id);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /proved {4}2\d{3}-/);
    const part = backup.tables[0]!.parts[0]!.name;
    await rm(join(stack.home, 'storage', 'backups', backup.id, part));
    const bad = await longshore('verify', backup.id);
    assert.equal(bad.code, 1, bad.stderr);
    assert.ok(bad.stdout.includes(`${part}: the file is missing`), bad.stdout);
  });
});
