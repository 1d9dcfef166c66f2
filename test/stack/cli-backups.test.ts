import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { BackupAnswer } from '../../src/cli/show-backup.ts';
import type { ScheduleAnswer } from '../../src/cli/show-schedule.ts';
import { eventually } from '../support/eventually.ts';
import { longshore as runLongshore } from '../support/longshore.ts';
import { testStack } from '../support/stack.ts';

describe('the longshore command, of backups and schedules', async () => {
  const stack = await testStack({ after });

  const longshore = (...args: string[]) =>
    runLongshore(args, {
      cwd: stack.home,
      env: { LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
    });

  it('backs up tables, waits for the end, and shows what they hold', async () => {
    await stack.load('jobs', '1,Recruiter\n2,Manager\n');
    const made = await longshore('backup', 'jobs', '--codec', 'zstandard', '--pin');
    assert.equal(made.code, 0, made.stderr);
    const id = /^Backup (\S+)/.exec(made.stdout)?.[1] ?? '';
    assert.match(made.stdout, /status {4}done \(pinned\)/);
    assert.match(made.stdout, /codec {5}zstandard/);
    assert.match(made.stdout, /jobs +2 +1 /);

    const shown = await longshore('backups', 'show', id);
    assert.deepEqual([shown.code, shown.stdout], [0, made.stdout]);
    const listed = await longshore('--json', 'backups', '--table', 'jobs');
    const { backups } = JSON.parse(listed.stdout) as { backups: BackupAnswer[] };
    assert.deepEqual(
      backups.map((backup) => [backup.id, backup.pinned]),
      [[id, true]],
    );
    assert.match((await longshore('backups')).stdout, new RegExp(`${id} +manual +done \\(pinned\\) +2 `));
  });

  it('says what is wrong with a backup that can not be', async () => {
    const unknown = await longshore('backup', 'nothing');
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /unknown-table/);
    const encrypted = await longshore('backup', '--encrypt');
    assert.match(encrypted.stderr, /backup-key-missing/);
    assert.equal((await longshore('backup', '--codec', 'lzma')).code, 2);
    assert.equal((await longshore('backups', 'show', '20200101T000000Z-abcdef')).code, 1);
  });

  it('shows why a backup is unverified, restores it at an explicit word, and adopts it', async () => {
    const [genuine] = JSON.parse((await longshore('--json', 'backups')).stdout).backups as BackupAnswer[];
    const id = '20261120T000000Z-f0f0f0';
    const folder = (of: string) => join(stack.home, 'storage', 'backups', of);
    await cp(folder(genuine!.id), folder(id), { recursive: true });
    const file = join(folder(id), 'manifest.json');
    const forged = (await readFile(file, 'utf8')).replace(genuine!.id, id);
    await writeFile(file, forged);
    const hash = createHash('sha256').update(forged).digest('hex');
    await writeFile(`${file}.sha256`, `${hash}  manifest.json\n`);

    const unknown = await longshore('backups', 'adopt', '20200101T000000Z-000000');
    assert.deepEqual([unknown.code, /refused: there is no backup/.test(unknown.stdout)], [1, true]);
    assert.match(
      (await longshore('backups', '--status', 'unverified')).stdout,
      new RegExp(`${id} .*unverified`),
    );
    assert.match(
      (await longshore('backups', 'show', id)).stdout,
      /because {3}there is no backup key .*\(no-key\)/,
    );
    const refused = await longshore('restore', 'jobs', '--from', id);
    assert.deepEqual([refused.code, /backup-unverified/.test(refused.stderr)], [1, true]);
    assert.equal((await longshore('restore', 'jobs', '--accept-unverified')).code, 2);
    const accepted = await longshore(
      'restore',
      'jobs',
      '--from',
      id,
      '--accept-unverified',
      '--as',
      'jobs_then',
    );
    assert.deepEqual(
      [accepted.code, accepted.stdout.includes(`${id} (unverified)`)],
      [0, true],
      accepted.stderr,
    );
    const verified = await longshore('verify', id, '--accept-unverified');
    assert.deepEqual(
      [verified.code, /status {4}unverified/.test(verified.stdout)],
      [0, true],
      verified.stderr,
    );
    const adopted = await longshore('backups', 'adopt');
    assert.deepEqual([adopted.code, adopted.stdout], [0, `${id}  adopted\n`]);
    assert.match((await longshore('backups', 'show', id)).stdout, /status {4}done/);
    assert.equal((await longshore('backups', 'adopt')).stdout, 'Nothing to adopt.\n');
  });

  it('makes, shows, pauses, runs and deletes schedules', async () => {
    const made = await longshore(
      ...['schedule', 'create', 'nightly', '--cron', '0 3 * * *', '--timezone', 'Europe/Berlin'],
      ...['--table', 'jobs', '--keep-daily', '7', '--keep-within', 'P2D', '--note', 'each night'],
    );
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /cron {9}0 3 \* \* \* \(Europe\/Berlin\)/);
    assert.match(made.stdout, /retention {4}keep younger than P2D, 7 daily/);

    assert.match((await longshore('schedule', 'pause', 'nightly')).stdout, /nightly is paused/);
    assert.match((await longshore('schedule', 'show', 'nightly')).stdout, /state {8}paused/);
    assert.match((await longshore('schedule', 'unpause', 'nightly')).stdout, /nightly goes on/);
    await eventually(
      async () => (await longshore('schedule', 'list')).stdout.includes('nightly  backup  0 3 * * *'),
      true,
    );

    const run = await longshore('--json', 'schedule', 'trigger', 'nightly');
    assert.match((JSON.parse(run.stdout) as { workflowId: string }).workflowId, /-schedule-nightly-/);
    const outcome = async () => {
      const shown = await longshore('--json', 'schedule', 'show', 'nightly');
      return (JSON.parse(shown.stdout) as ScheduleAnswer).lastRuns.map(({ status }) => status);
    };
    await eventually(outcome, ['done']);
    assert.match(
      (await longshore('schedule', 'show', 'nightly')).stdout,
      /done +\d{8}T\d{6}Z-\w{6} \(done\)/,
    );

    assert.equal((await longshore('schedule', 'delete', 'nightly')).code, 0);
    const gone = await longshore('schedule', 'show', 'nightly');
    assert.deepEqual([gone.code, /unknown-schedule/.test(gone.stderr)], [1, true]);
  });

  it('says what is wrong with a schedule', async () => {
    const bad = await longshore('schedule', 'create', 'bad', '--cron', '0 25 * * *');
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /invalid-request/);
    assert.match(bad.stderr, /#\/cron hour: expected 0 to 23, found 25/);
    assert.equal((await longshore('schedule', 'create', 'bad')).code, 2);
    assert.equal(
      (await longshore('schedule', 'create', 'bad', '--cron', '@daily', '--keep-last', '0')).code,
      2,
    );
  });
});
