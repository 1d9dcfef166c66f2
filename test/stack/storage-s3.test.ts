import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { AwsClient } from 'aws4fetch';
import type { StorageKeys } from '../../src/config.ts';
import { abortOldUploads } from '../../src/storage/multipart-uploads.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { stampOf } from '../../src/storage/stamp.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { eventually } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';
import { s3Fault, testS3 } from '../support/s3.ts';
import { testStack } from '../support/stack.ts';

const MIB = 1024 * 1024;
/** More than two parts of a multipart upload, and no multiple of anything. */
const BIG = randomBytes(12 * MIB + 777);

async function put(storage: Storage, key: string, content: Buffer | string, pieceBytes = MIB): Promise<void> {
  const bytes = Buffer.from(content);
  const writer = await storage.write(key);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await writer.write(bytes.subarray(at, at + pieceBytes));
  }
  await writer.close();
}

/** What `Storage` promises, whatever stands behind it. */
function keepsItsPromises(open: () => Promise<Storage>): void {
  let storage: Storage;
  it('opens', async () => {
    storage = await open();
  });

  it('gives back what was written, in pieces of any size', async () => {
    await put(storage, 'a/small', 'abc');
    await put(storage, 'a/empty', '');
    await put(storage, 'a/big', BIG);
    await put(storage, 'a/odd', BIG.subarray(0, 100_000), 777);
    assert.equal((await storage.read('a/small', 0, 3)).toString(), 'abc');
    assert.equal((await storage.read('a/empty', 0, 10)).length, 0);
    assert.ok(BIG.equals(await storage.read('a/big', 0, BIG.length)));
    assert.ok(BIG.subarray(0, 100_000).equals(await storage.read('a/odd', 0, 100_000)));
  });

  it('copies a piece before it is used again', async () => {
    const writer = await storage.write('a/reused');
    const piece = Buffer.alloc(1000, 'x');
    await writer.write(piece);
    piece.fill('y');
    await writer.write(piece.subarray(0, 10));
    await writer.close();
    assert.equal((await storage.read('a/reused', 998, 2000)).toString(), 'xxyyyyyyyyyy');
  });

  it('reads ranges, and only what is there of those beyond the end', async () => {
    const at = async (start: number, end: number) => (await storage.read('a/small', start, end)).toString();
    assert.equal(await at(1, 2), 'b');
    assert.equal(await at(1, 1), '');
    assert.equal(await at(2, 1), '');
    assert.equal(await at(1, 100), 'bc');
    assert.equal(await at(3, 4), '');
    assert.equal(await at(50, 100), '');
    const middle = [5 * MIB - 3, 10 * MIB + 3] as const;
    assert.ok(BIG.subarray(...middle).equals(await storage.read('a/big', ...middle)));
    await assert.rejects(storage.read('a/nothing', 0, 1), { code: 'source-not-found' });
  });

  it('streams from any place', async () => {
    assert.ok(BIG.equals(await buffer(await storage.stream('a/big'))));
    assert.ok(BIG.subarray(MIB + 1).equals(await buffer(await storage.stream('a/big', MIB + 1))));
    assert.equal((await buffer(await storage.stream('a/small', 3))).length, 0);
    assert.equal((await buffer(await storage.stream('a/empty'))).length, 0);
    await assert.rejects(storage.stream('a/nothing'), { code: 'source-not-found' });
  });

  it('gives size and time, null for a missing file, and a new stamp after a change', async () => {
    const found = await storage.stat('a/big');
    assert.equal(found?.bytes, BIG.length);
    assert.ok(Math.abs(Date.now() - Date.parse(found?.modifiedAt ?? '')) < 60_000, JSON.stringify(found));
    for (const key of ['a/nothing', 'a', 'a/', 'a/small/below', 'nothing/at/all']) {
      assert.equal(await storage.stat(key), null, key);
    }
    const before = await stampOf(storage, 'a/small');
    await put(storage, 'a/small', 'xyz');
    assert.notEqual(await stampOf(storage, 'a/small'), before);
  });

  it('shows nothing before the end of a write', async () => {
    const writer = await storage.write('b/slow');
    await writer.write(BIG);
    assert.equal(await storage.stat('b/slow'), null);
    assert.deepEqual(await storage.list('b/'), []);
    await writer.close();
    assert.deepEqual(await storage.list('b/'), ['b/slow']);
  });

  it('leaves nothing of a write that was given up, at once or after many pieces', async () => {
    for (const pieces of [0, 1, 12]) {
      const writer = await storage.write('c/given-up');
      for (let i = 0; i < pieces; i++) await writer.write(BIG.subarray(0, MIB));
      await writer.abort();
      assert.equal(await storage.stat('c/given-up'), null);
    }
    assert.deepEqual(await storage.list('c/'), []);
  });

  it('leaves other writes alone when one of the same name is given up', async () => {
    const [kept, lost] = [await storage.write('d/1/part.avro'), await storage.write('d/2/part.avro')];
    await kept.write(Buffer.from('kept'));
    await lost.write(Buffer.from('lost'));
    await lost.abort();
    await kept.close();
    assert.equal((await storage.read('d/1/part.avro', 0, 10)).toString(), 'kept');
    assert.deepEqual(await storage.list('d/'), ['d/1/part.avro']);
  });

  it('replaces a file whole', async () => {
    await put(storage, 'e/file', 'a long first text');
    await put(storage, 'e/file', 'short');
    assert.equal((await storage.read('e/file', 0, 100)).toString(), 'short');
  });

  const STRANGE = [
    'f/with space.csv',
    'f/+&=?#%25;@:,$!*\'()[]{}|^~`"<>.csv',
    'f/ä/ñandú/日本語/😀.csv',
    'f/nfc-\u00e9',
    'f/nfd-e\u0301',
    'f/-dash',
    'f/.hidden',
    'f/a..b',
    `f/${'n'.repeat(200)}`,
  ];
  it('takes names with spaces, signs and any script', async () => {
    for (const key of STRANGE) await put(storage, key, key);
    for (const key of STRANGE) {
      assert.equal((await storage.read(key, 0, 1000)).toString(), key);
      assert.equal((await storage.stat(key))?.bytes, Buffer.byteLength(key));
    }
    assert.deepEqual([...(await storage.list('f/'))].sort(), [...STRANGE].sort());
    for (const key of STRANGE) await storage.delete(key);
    assert.deepEqual(await storage.list('f/'), []);
  });

  it('lists at every depth below a prefix, and nothing beside it', async () => {
    const keys = ['g/1', 'g/2/3', 'g/2/4/5', 'gg/1'];
    for (const key of keys) await put(storage, key, 'x');
    assert.deepEqual([...(await storage.list('g/'))].sort(), keys.slice(0, 3));
    assert.deepEqual(await storage.list('g/2/4/'), ['g/2/4/5']);
    assert.deepEqual(await storage.list('nothing/'), []);
  });

  it('deletes, and does not mind what is gone already', async () => {
    await storage.delete('g/1');
    await storage.delete('g/1');
    await storage.delete('nothing/at/all');
    assert.deepEqual([...(await storage.list('g/'))].sort(), ['g/2/3', 'g/2/4/5']);
  });

  it('writes and reads many files at once', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `h/${i}`);
    await Promise.all(keys.map((key) => put(storage, key, key.repeat(1000))));
    const read = await Promise.all(keys.map((key) => storage.read(key, 0, 10_000)));
    assert.deepEqual(
      read.map(String),
      keys.map((key) => key.repeat(1000)),
    );
  });
}

describe('a storage in a folder', async () => {
  const home = await testHome({ after });
  const root = join(home, 'files');
  keepsItsPromises(() => openStorage(`file:${root}`));

  it('has no file whose name is longer than the file system takes', async () => {
    const storage = await openStorage(`file:${root}`);
    assert.equal(await storage.stat(`inbox/${'n'.repeat(300)}`), null);
  });

  it('holds nothing half written in the end', () => {
    assert.deepEqual(readdirSync(join(root, '.unfinished')), []);
  });
});

const fault = s3Fault();
describe('a storage in S3', { skip: fault ?? false }, async () => {
  if (fault !== null) return;
  const s3 = await testS3({ after });
  keepsItsPromises(async () => openStorage(await s3.storageUrl('promises')));

  it('can be a part of a bucket', async () => {
    const url = await s3.storageUrl('shared');
    const storage = await openStorage(url.replace('shared?', 'shared/one/two?'));
    await put(storage, 'a', 'x');
    assert.deepEqual(await storage.list(''), ['a']);
    assert.ok(existsSync(join(s3.folder, 'shared', 'one', 'two', 'a')));
  });

  it('is opened with the keys that are configured, whatever the environment has', async () => {
    const url = await s3.storageUrl('keys');
    const storage = await openStorage(url, s3.keys);
    await put(storage, 'a', 'x');
    const wrong = await openStorage(url, { ...s3.keys, secretAccessKey: 'another secret' });
    await assert.rejects(wrong.list(''), /SignatureDoesNotMatch/);
    assert.deepEqual(await storage.list(''), ['a']);
    await assert.rejects(openStorage(url, { accessKeyId: 'half of them' }), {
      code: 'config-invalid',
      message: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: only one of the two is set',
    });
  });

  it('ends uploads that nobody completes, of its own folders and of a certain age, and no other', async () => {
    const url = await s3.storageUrl('unfinished');
    const at = url.replace('unfinished?', 'unfinished/a%20b/one?');
    const storage = await openStorage(at, s3.keys);
    const bucket = `${new URL(url).searchParams.get('endpoint')}/unfinished`;
    const client = new AwsClient({
      ...(s3.keys as Required<StorageKeys>),
      service: 's3',
      region: 'us-east-1',
    });
    const unfinished = async () => {
      const text = await (await client.fetch(`${bucket}?uploads`)).text();
      return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key).sort();
    };
    const begin = async (key: string) => {
      const made = await client.fetch(
        `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}?uploads`,
        {
          method: 'POST',
        },
      );
      assert.equal(made.status, 200, await made.text());
    };
    const own = ['uploads/1', 'uploads/ñ & <2>', 'batches/1', 'backups/1/t/part-0001.avro'];
    const others = ['a b/one/inbox/1', 'a b/one/1', 'a b/one2/uploads/1', 'uploads/1'];
    for (const key of [...own.map((one) => `a b/one/${one}`), 'a b/one/uploads/1', ...others])
      await begin(key);
    // What is being written meanwhile by a process that lives.
    const writer = await storage.write('uploads/living');
    for (let piece = 0; piece < 3; piece++) await writer.write(BIG);
    const before = await unfinished();
    assert.equal(before.length, own.length + 1 + others.length + 1);
    assert.equal(await storage.sweep(3_600_000), true);
    assert.deepEqual(await unfinished(), before, 'none of them is an hour old');
    await writer.close();

    const place = {
      bucket: 'unfinished',
      region: 'us-east-1',
      endpoint: new URL(bucket).origin,
      root: 'a b/one',
    };
    const sweep = { folders: ['uploads/', 'batches/', 'backups/'], olderThanMs: -60_000, pageSize: 2 };
    assert.equal(await abortOldUploads(place, s3.keys, sweep), true);
    assert.deepEqual(await unfinished(), others.toSorted());
    assert.equal((await storage.stat('uploads/living'))?.bytes, 3 * BIG.length);
    assert.equal(await abortOldUploads(place, {}, sweep), false, 'keys that are not given can not be used');
    await assert.rejects(abortOldUploads(place, { ...s3.keys, secretAccessKey: 'wrong' }, sweep), {
      code: 'storage-unavailable',
    });
  });

  it('carries a load from its upload to its end', async () => {
    const stack = await testStack({ after }, undefined, {
      env: { LONGSHORE_STORAGE: await s3.storageUrl('loads') },
    });
    const storage = await openStorage(`s3://loads${new URL(await s3.storageUrl('other')).search}`);
    const lines = Array.from({ length: 400_000 }, (_, i) => `${i},Job number ${i}\n`);
    lines[7] = 'x,Bad\n';
    const { body } = await stack.load('jobs', lines.join(''));
    assert.deepEqual(body.rows, { read: 400_000, loaded: 399_999, rejected: 1, unchanged: 0, discarded: 0 });
    assert.ok(body.progress.chunks > 1);

    await put(storage, 'inbox/2026/more jobs ñ.csv', '500000,Diver\n500000,Twice\n');
    const source = { source: '2026/more jobs ñ.csv' };
    const inbox = await stack.post('/v1/tables/jobs/loads', source, { prefer: 'wait=30' });
    assert.deepEqual(inbox.body.rows, { read: 2, loaded: 1, rejected: 1, unchanged: 0, discarded: 0 });
    assert.deepEqual((await stack.rejects(inbox.body.id))[0]?.cells, ['500000', 'Twice']);

    const hungUp = new AbortController();
    let pieces = 0;
    const sending = fetch(`${stack.url}/v1/tables/jobs/loads`, {
      method: 'POST',
      headers: { 'x-api-key': stack.key, 'content-type': 'text/csv' },
      duplex: 'half',
      signal: hungUp.signal,
      body: new ReadableStream({
        pull(controller) {
          pieces += 1;
          if (pieces <= 12) controller.enqueue(Buffer.alloc(MIB, '7,x\n'));
          else hungUp.abort();
        },
      }),
    } as RequestInit);
    sending.catch(() => undefined);
    await assert.rejects(sending);
    await eventually(() => storage.list('uploads/'), []);
    assert.deepEqual(await storage.list(''), ['inbox/2026/more jobs ñ.csv', 'installation.json']);
  });
});
