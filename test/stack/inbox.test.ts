import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { link, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openStorage } from '../../src/storage/open-storage.ts';
import { testHome } from '../support/home.ts';
import { testStack } from '../support/stack.ts';

const WAIT = { prefer: 'wait=50' };

describe('the inbox', async () => {
  const stack = await testStack({ after });
  await stack.putInbox('jobs/good.csv', '1,Pilot\n');
  await stack.putInbox('departments/theirs.csv', '1,Secret\n');
  const inbox = join(stack.home, 'storage', 'inbox');
  const load = (source: string, table = 'jobs') => stack.post(`/v1/tables/${table}/loads`, { source }, WAIT);

  it('gives out nothing that a link below it points at', async () => {
    await mkdir(join(stack.home, 'keys'), { recursive: true });
    await writeFile(join(stack.home, 'keys', 'a.key'), 'lsk_secret\n');
    await symlink(join(stack.home, 'keys'), join(inbox, 'k'));
    await symlink(join(stack.home, 'keys', 'a.key'), join(inbox, 'jobs', 'link.csv'));
    await symlink('../../../keys/a.key', join(inbox, 'jobs', 'relative.csv'));
    await symlink('link.csv', join(inbox, 'jobs', 'chain.csv'));
    await symlink('/proc/self/environ', join(inbox, 'jobs', 'environ.csv'));
    await symlink('../departments', join(inbox, 'jobs', 'up'));
    await symlink('nowhere', join(inbox, 'jobs', 'dangling.csv'));
    await promisify(execFile)('mkfifo', [join(inbox, 'jobs', 'pipe.csv')]);
    await mkdir(join(inbox, 'jobs', 'folder.csv'));
    for (const source of [
      'k/a.key',
      'jobs/link.csv',
      'jobs/relative.csv',
      'jobs/chain.csv',
      'jobs/environ.csv',
      'jobs/up/theirs.csv',
      'jobs/dangling.csv',
      'jobs/pipe.csv',
      'jobs/folder.csv',
      '../keys/a.key',
      'jobs/../../keys/a.key',
      '/etc/passwd',
      'jobs/good.csv/..',
    ]) {
      const { status, body } = await load(source);
      assert.deepEqual([status, body.code], [404, 'source-not-found'], source);
      assert.doesNotMatch(JSON.stringify(body), /lsk_secret/);
    }
    assert.deepEqual(await stack.db.query('select from longshore.load'), []);
  });

  it('lets a key that is limited to tables read only their folders', async () => {
    const made = await stack.post('/v1/keys', { name: 'jobs', scopes: ['write'], tables: ['jobs'] });
    const { key } = made.body as unknown as { key: string };
    const limited = async (source: string) => {
      const answer = await stack.post('/v1/tables/jobs/loads', { source }, { ...WAIT, 'x-api-key': key });
      return [answer.status, answer.body.code];
    };
    for (const source of [
      'departments/theirs.csv',
      'departments/none.csv',
      'good.csv',
      'jobs2/x.csv',
      'jobs',
    ]) {
      assert.deepEqual(await limited(source), [403, 'forbidden'], source);
    }
    assert.deepEqual(await limited('jobs/../departments/theirs.csv'), [404, 'source-not-found']);
    assert.deepEqual(await limited('jobs/up/theirs.csv'), [404, 'source-not-found']);
    assert.deepEqual(await limited('jobs/good.csv'), [201, undefined]);
  });
});

describe('a storage in a folder that others write into', async () => {
  const home = await testHome({ after });
  const root = join(home, 'files');
  const storage = await openStorage(`file:${root}`);
  await mkdir(join(root, 'inbox', 'a'), { recursive: true });
  await mkdir(join(home, 'outside'));
  await writeFile(join(home, 'outside', 'x'), 'outside');

  it('reads no byte from outside while a folder is exchanged for a link and back', async () => {
    const inside = join(root, 'inbox', 'a');
    await writeFile(join(inside, 'x'), 'in side');
    let exchanges = 0;
    let done = false;
    const exchanging = (async () => {
      while (!done) {
        await rename(inside, `${inside}.kept`);
        await symlink(join(home, 'outside'), inside);
        await rm(inside);
        await rename(`${inside}.kept`, inside);
        exchanges++;
      }
    })();
    let found = 0;
    for (let i = 0; i < 20_000 && (i < 2_000 || found < 100 || exchanges < 100); i++) {
      const bytes = await storage.read('inbox/a/x', 0, 100).catch((error) => {
        assert.equal(error.code, 'source-not-found');
        return null;
      });
      if (bytes !== null) found++;
      assert.ok(bytes === null || bytes.toString() === 'in side', String(bytes));
    }
    done = true;
    await exchanging;
    assert.ok(found > 0 && exchanges > 0);
    const left = await readdir('/proc/self/fd');
    assert.ok(left.length < 200, `${left.length} files are still open`);
  });

  it('may have its top folders elsewhere', async () => {
    await mkdir(join(home, 'disk', 'b'), { recursive: true });
    await writeFile(join(home, 'disk', 'b', 'y'), 'there');
    await symlink(join(home, 'disk'), join(root, 'arrivals'));
    assert.equal((await storage.read('arrivals/b/y', 0, 10)).toString(), 'there');
    await symlink(join(home, 'outside'), join(root, 'arrivals', 'c'));
    assert.equal(await storage.stat('arrivals/c/x'), null);
  });

  it('reads a file that has a second name, as one that is moved in by link and unlink has', async () => {
    await writeFile(join(root, 'inbox', 'one'), 'moved');
    await link(join(root, 'inbox', 'one'), join(root, 'inbox', 'two'));
    assert.equal((await storage.read('inbox/two', 0, 10)).toString(), 'moved');
  });
});
