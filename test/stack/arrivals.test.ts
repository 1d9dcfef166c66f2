import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ArrivalFileView, ArrivalView } from '../../src/arrivals/arrival.ts';
import type { Receipt } from '../../src/arrivals/receipt.ts';
import { eventually, until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

describe('Files in the inbox', async () => {
  const stack = await testStack({ after }, undefined, { env: { LONGSHORE_INBOX: 'on' } });
  const inbox = join(stack.home, 'storage', 'inbox');
  const patch = (change: object) =>
    fetch(`${stack.url}/v1/arrivals/inbox`, {
      method: 'PATCH',
      headers: { 'x-api-key': stack.key, 'content-type': 'application/json' },
      body: JSON.stringify(change),
    });
  // Only looks that are asked for, so that each test says when.
  assert.equal((await patch({ everySeconds: 86_400, stableSeconds: 0 })).status, 200);
  const files = async (query = '') => {
    const { body } = await stack.get(`/v1/arrivals/inbox/files?limit=500${query}`);
    return (body as unknown as { files: ArrivalFileView[] }).files;
  };
  const look = () => stack.post('/v1/arrivals/inbox/notify');
  const looks = async () => {
    const { body } = await stack.get('/v1/arrivals/inbox');
    return body as unknown as ArrivalView;
  };
  /** One look from beginning to end. */
  const lookOnce = async () => {
    const before = (await looks()).lookedAt;
    assert.equal((await look()).status, 202);
    await until(looks, ({ lookedAt }) => lookedAt !== before);
  };
  /** Until the newest file of a path has ended. */
  const ended = async (path: string): Promise<ArrivalFileView> => {
    await look();
    const find = async () => (await files()).find((one) => one.path === `inbox/${path}`);
    const found = await until(find, (one) => one != null && one.endedAt !== null);
    assert.ok(found, path);
    return found;
  };
  const receiptOf = async ({ receipt }: ArrivalFileView) => {
    assert.ok(receipt);
    return JSON.parse(await readFile(join(stack.home, 'storage', receipt), 'utf8')) as Receipt;
  };
  const there = (path: string) =>
    stat(join(inbox, path)).then(
      () => true,
      () => false,
    );
  const loads = async () =>
    (await stack.db.query<{ n: number }>('select count(*)::int as n from longshore.load'))[0]!.n;

  it('are loaded, moved to done/, and have a receipt that counts every row', async () => {
    await stack.putInbox('jobs/2026/first.csv', '1,Pilot\n2,Cook\n');
    const file = await ended('jobs/2026/first.csv');
    assert.equal(file.state, 'done');
    assert.equal(file.table, 'jobs');
    assert.deepEqual(await files(`&before=${Number.MAX_SAFE_INTEGER}`), await files());
    assert.deepEqual(await files(`&before=${file.id}`), []);
    assert.equal(file.movedTo, 'inbox/done/jobs/2026/first.csv');
    assert.equal(await there('jobs/2026/first.csv'), false);
    assert.equal(await readFile(join(inbox, 'done/jobs/2026/first.csv'), 'utf8'), '1,Pilot\n2,Cook\n');
    assert.equal((await stack.rows('jobs')).length, 2);
    const receipt = await receiptOf(file);
    assert.deepEqual(receipt.rows, { read: 2, loaded: 2, rejected: 0, unchanged: 0, discarded: 0 });
    assert.equal(receipt.outcome, 'done');
    assert.equal(receipt.load?.id, file.loadId);
    assert.equal(receipt.load?.startedBy, 'arrival:inbox');
    assert.match(receipt.file.sha256 ?? '', /^[0-9a-f]{64}$/);
    assert.equal(receipt.rejects?.file, null);
  });

  it('have their rejects beside them, as CSV', async () => {
    await stack.putInbox('jobs/mixed.csv', '3,Nurse\nx,Nobody\n4,\n');
    const file = await ended('jobs/mixed.csv');
    const receipt = await receiptOf(file);
    assert.equal(receipt.rows?.loaded, 1);
    assert.equal(receipt.rejects?.rejected, 2);
    assert.equal(receipt.rejects?.file, 'inbox/done/jobs/mixed.csv.rejects.csv');
    const csv = await readFile(join(stack.home, 'storage', receipt.rejects.file), 'utf8');
    assert.match(csv, /^id,job,_line,_field,_code,_message\r?\nx,Nobody,2,id,type-error,/);
  });

  it('go to failed/ where no row is good, and are loaded again from there when asked', async () => {
    await stack.putInbox('jobs/bad.csv', 'x,y\n');
    const file = await ended('jobs/bad.csv');
    assert.equal(file.state, 'failed');
    assert.equal(file.error?.code, 'too-many-rejects');
    assert.equal(file.movedTo, 'inbox/failed/jobs/bad.csv');
    const before = await loads();
    assert.equal((await stack.post(`/v1/arrivals/inbox/files/${file.id}/retry`)).status, 202);
    const again = await until(
      async () => (await files()).find(({ id }) => id === file.id)!,
      ({ endedAt }) => endedAt !== null,
    );
    assert.equal(again.state, 'failed');
    assert.equal(again.tries, 2);
    assert.equal(again.movedTo, 'inbox/failed/jobs/bad.csv');
    assert.equal(await loads(), before + 1);
    assert.equal((await receiptOf(again)).load?.id, again.loadId);
    const beside = (await readdir(join(inbox, 'failed/jobs'))).sort();
    assert.deepEqual(beside, ['bad.csv', 'bad.csv.receipt.json', 'bad.csv.rejects.csv']);
  });

  it('are loaded once when the same version comes again, and never overwrite each other', async () => {
    const path = join(inbox, 'jobs/twice.csv');
    const at = new Date('2026-11-01T00:00:00Z');
    await stack.putInbox('jobs/twice.csv', '10,Smith\n');
    await utimes(path, at, at);
    const first = await ended('jobs/twice.csv');
    const before = await loads();
    await writeFile(path, '10,Smith\n');
    await utimes(path, at, at);
    await lookOnce();
    const second = await ended('jobs/twice.csv');
    assert.notEqual(second.id, first.id);
    assert.equal(second.loadId, first.loadId);
    assert.equal(second.state, 'done');
    assert.equal(await loads(), before);
    assert.match(second.movedTo ?? '', /^inbox\/done\/jobs\/twice\.[0-9a-f]{10}-1\.csv$/);
    await writeFile(path, '11,Baker\n');
    await lookOnce();
    const third = await ended('jobs/twice.csv');
    assert.notEqual(third.loadId, first.loadId);
    assert.equal((await receiptOf(third)).rows?.loaded, 1);
    assert.equal(await readFile(join(inbox, 'done/jobs/twice.csv'), 'utf8'), '10,Smith\n');
    assert.equal(await readFile(join(stack.home, 'storage', third.movedTo!), 'utf8'), '11,Baker\n');
  });

  it('are skipped where another file brought the same content before', async () => {
    await stack.putInbox('jobs/copy.csv', '10,Smith\n');
    const file = await ended('jobs/copy.csv');
    assert.deepEqual([file.state, file.error?.code], ['skipped', 'already-loaded']);
    assert.equal(file.movedTo, 'inbox/done/jobs/copy.csv');
    assert.equal((await receiptOf(file)).outcome, 'skipped');
  });

  it('are loaded once each, however many notifications there are', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `jobs/many/${index}.csv`);
    const before = await loads();
    await Promise.all(names.map((name, index) => stack.putInbox(name, `${100 + index},Job ${index}\n`)));
    await Promise.all(Array.from({ length: 10 }, look));
    const found = async () => (await files('&state=done')).filter(({ path }) => path.includes('/many/'));
    const done = await until(found, (seen) => seen.length === names.length);
    assert.equal(done.length, names.length);
    assert.equal(new Set(done.map(({ loadId }) => loadId)).size, names.length);
    assert.equal(await loads(), before + names.length);
    // Loads get their numbers in the order of names, in which `10.csv` comes before `2.csv`.
    const inOrder = [...done].sort((a, b) => a.loadId! - b.loadId!).map(({ path }) => path);
    assert.deepEqual(inOrder, [...inOrder].sort());
  });

  it('wait until they grow no more', async () => {
    await patch({ stableSeconds: 1 });
    const path = join(inbox, 'jobs/grows.csv');
    await stack.putInbox('jobs/grows.csv', '200,Waiter\n');
    await lookOnce();
    await appendFile(path, '201,Singer\n');
    await lookOnce();
    const waiting = (await files('&state=waiting')).filter(({ path: seen }) => seen.endsWith('grows.csv'));
    assert.deepEqual(
      waiting.map(({ bytes }) => bytes),
      [22],
    );
    const file = await ended('jobs/grows.csv');
    assert.equal((await receiptOf(file)).rows?.loaded, 2);
    await patch({ stableSeconds: 0 });
  });

  it('that can not be taken are told with the reason, and left alone', async () => {
    await mkdir(join(inbox, 'jobs', 'odd'), { recursive: true });
    const odd = join(inbox, 'jobs', 'odd');
    await writeFile(join(odd, 'two\nlines.csv'), '300,A\n');
    await writeFile(join(odd, 'quote".csv'), '301,B\n');
    await writeFile(
      Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0x66, 0xff, 0x2e, 0x63])]),
      '302,C\n',
    );
    await writeFile(join(odd, '.hidden.csv'), '303,D\n');
    await writeFile(join(odd, 'empty.csv'), '');
    await symlink('/etc/passwd', join(odd, 'link.csv'));
    await symlink('/etc', join(inbox, 'jobs', 'folder'));
    await stack.putInbox('nothing/of/ours.csv', '1,2\n');
    await ended('jobs/odd/empty.csv');
    await ended('jobs/odd/quote".csv');
    const seen = new Map((await files()).map((one) => [one.path, one]));
    const told = (path: string) => [seen.get(`inbox/${path}`)?.state, seen.get(`inbox/${path}`)?.error?.code];
    assert.deepEqual(told('jobs/odd/two\nlines.csv'), ['skipped', 'arrival-unusable']);
    assert.deepEqual(told('jobs/odd/f\ufffd.c'), ['skipped', 'arrival-unusable']);
    assert.deepEqual(told('jobs/odd/link.csv'), ['skipped', 'arrival-unusable']);
    assert.deepEqual(told('jobs/odd/quote".csv'), ['done', undefined]);
    assert.deepEqual(told('jobs/odd/empty.csv'), ['failed', 'file-empty']);
    assert.deepEqual(told('nothing/of/ours.csv'), ['skipped', 'unknown-table']);
    assert.equal(
      [...seen.keys()].some((path) => path.includes('hidden') || path.includes('folder/')),
      false,
    );
    assert.equal(await there('nothing/of/ours.csv'), true);
    assert.equal(await there('failed/jobs/odd/empty.csv'), true);
    const before = (await files()).length;
    await lookOnce();
    assert.equal((await files()).length, before);
  });

  it('that were loaded by request are not loaded again', async () => {
    await stack.putInbox('jobs/asked.csv', '400,Clerk\n');
    const asked = await stack.post(
      '/v1/tables/jobs/loads?mode=merge',
      { source: 'jobs/asked.csv' },
      { prefer: 'wait=60' },
    );
    assert.equal(asked.status, 201);
    const before = await loads();
    const file = await ended('jobs/asked.csv');
    assert.deepEqual([file.state, file.loadId], ['done', asked.body.id]);
    assert.equal(await loads(), before);
    assert.equal(await there('done/jobs/asked.csv'), true);
  });

  it('are taken again when the table is there, and looks go on when the inbox was away', async () => {
    await patch({ paused: true });
    await stack.putInbox('jobs/later.csv', '500,Poet\n');
    assert.equal((await look()).body.code, 'arrival-state');
    await patch({ paused: false });
    await eventually(async () => (await ended('jobs/later.csv')).state, 'done');
  });
});
