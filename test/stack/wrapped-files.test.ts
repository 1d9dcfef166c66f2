import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { eventually, until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/wrappings');
const WAIT = { prefer: 'wait=50' };
/** More than two chunks, with a row in the last that is wrong. */
const ROWS = 400_000;
const LARGE = `${Array.from({ length: ROWS }, (_, i) => `${1000 + i},Worker of the ${i}th rank`).join('\n')}\nx,wrong\n`;

interface Load {
  readonly id: number;
  readonly status: string;
  readonly existing?: boolean;
  readonly code?: string;
  readonly detail?: string;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly rows: { readonly loaded: number; readonly rejected: number };
  readonly source: { readonly kind: string; readonly wrappings?: readonly string[] };
  readonly progress: { readonly chunks: number };
}

describe('Files that arrive wrapped', async () => {
  const stack = await testStack(
    { after },
    {
      resources: [
        {
          name: 'jobs',
          dialect: { header: false },
          schema: {
            fields: [
              { name: 'id', type: 'integer' },
              { name: 'job', type: 'string' },
            ],
          },
        },
        {
          name: 'words',
          encoding: 'shift_jis',
          schema: {
            fields: [
              { name: 'id', type: 'integer' },
              { name: 'word', type: 'string' },
            ],
            primaryKey: 'id',
          },
        },
        {
          name: 'rows',
          schema: {
            fields: [
              { name: 'id', type: 'integer' },
              { name: 'name', type: 'string' },
              { name: 'note', type: 'string' },
            ],
          },
        },
      ],
    },
    { env: { LONGSHORE_INBOX: 'on' } },
  );
  await fetch(`${stack.url}/v1/arrivals/inbox`, {
    method: 'PATCH',
    headers: { 'x-api-key': stack.key, 'content-type': 'application/json' },
    body: JSON.stringify({ everySeconds: 86_400, stableSeconds: 0 }),
  });
  const send = async (
    table: string,
    body: Buffer | FormData,
    headers: Record<string, string> = {},
    query = '',
  ) => {
    const response = await fetch(`${stack.url}/v1/tables/${table}/loads${query}`, {
      method: 'POST',
      headers: {
        'x-api-key': stack.key,
        ...WAIT,
        ...(body instanceof Buffer && { 'content-type': 'text/csv' }),
        ...headers,
      },
      body: body instanceof Buffer ? new Uint8Array(body) : body,
    });
    return { status: response.status, body: (await response.json()) as Load };
  };
  const fromInbox = async (table: string, source: string) =>
    (await stack.post(`/v1/tables/${table}/loads`, { source }, WAIT)).body as unknown as Load;
  const stored = () => readdir(join(stack.home, 'storage', 'uploads')).catch(() => []);
  const count = async (table: string) => {
    const [row] = await stack.db.query<{ n: number }>(`select count(*)::int as n from ${table}`);
    return row!.n;
  };

  it('are loaded in chunks from their text, with rejects as they were in it', async () => {
    const { status, body } = await send('jobs', gzipSync(LARGE));
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.rows.loaded, body.rows.rejected, body.source.wrappings], [ROWS, 1, ['gzip']]);
    assert.ok(body.progress.chunks > 1);
    const [reject] = await stack.rejects(body.id);
    assert.deepEqual([reject?.line, reject?.cells], [ROWS + 1, ['x', 'wrong']]);
    await eventually(stored, []);
    const plain = await send('jobs', Buffer.from(LARGE));
    assert.deepEqual([plain.status, plain.body.existing, plain.body.id], [200, true, body.id]);
  });

  it('are what the programs of their formats made, as a body, in a form and of any coding', async () => {
    const csv = await readFile(join(FIXTURES, 'rows.csv'));
    const force = '?force=true&mode=replace';
    for (const name of ['rows.csv.bz2', 'rows.csv.xz', 'rows.zip', 'rows.two-streams.csv.xz']) {
      const { body } = await send('rows', await readFile(join(FIXTURES, name)), {}, force);
      assert.deepEqual([body.status, body.rows?.loaded], ['done', 300], `${name}: ${JSON.stringify(body)}`);
    }
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(zstdCompressSync(csv))]), 'rows.csv.zst');
    assert.equal((await send('rows', form, {}, force)).body.rows.loaded, 300);
    for (const [coding, bytes] of [
      ['gzip', gzipSync(csv)],
      ['x-gzip', gzipSync(csv)],
      ['zstd', zstdCompressSync(csv)],
    ] as const) {
      const { body } = await send('rows', bytes, { 'content-encoding': coding }, force);
      assert.deepEqual([body.status, body.rows?.loaded], ['done', 300], JSON.stringify(body));
    }
    await eventually(stored, []);
  });

  it('are refused as they arrive where they are damaged, and nothing is kept', async () => {
    const before = await count('longshore.load');
    for (const [bytes, code] of [
      [gzipSync(LARGE).subarray(0, 100_000), 'unpack-failed'],
      [gzipSync(Buffer.alloc(100_000_000)), 'expansion-limit'],
      [await readFile(join(FIXTURES, 'two.zip')), 'unpack-failed'],
    ] as const) {
      const { status, body } = await send('jobs', bytes);
      assert.deepEqual([status, body.code], [422, code], JSON.stringify(body));
    }
    await eventually(stored, []);
    assert.equal(await count('longshore.load'), before);
  });

  it('are read from the inbox in their encoding, and leave no text behind, however the load ends', async () => {
    const wide = Buffer.from('\ufeffid,name,note\n1,Señor,日本\n2,x\n', 'utf16le');
    for (const [name, content, wrappings] of [
      ['wide.csv', wide, ['utf-16le']],
      ['wide.csv.gz', gzipSync(wide), ['gzip', 'utf-16le']],
      ['rows.zip', await readFile(join(FIXTURES, 'rows.zip')), ['zip']],
    ] as const) {
      await stack.putInbox(`elsewhere/${name}`, content as never);
      const path = '/v1/tables/rows/loads?force=true';
      const { body } = await stack.post(path, { source: `elsewhere/${name}` }, WAIT);
      const load = body as unknown as Load;
      assert.equal(load.status, 'done', JSON.stringify(load));
      assert.deepEqual(load.source.wrappings, wrappings);
      if (name === 'wide.csv') {
        assert.deepEqual([load.rows.loaded, load.rows.rejected], [1, 1]);
        assert.equal((await stack.rejects(load.id))[0]?.cells.join(), '2,x');
      }
    }
    const [row] = await stack.db.query(`select note from rows where name = 'Señor'`);
    assert.deepEqual(row, { note: '日本' });
    await stack.putInbox('elsewhere/cut.csv.gz', gzipSync(LARGE).subarray(0, 50_000) as never);
    const cut = await fromInbox('jobs', 'elsewhere/cut.csv.gz');
    assert.equal(cut.code, 'unpack-failed', JSON.stringify(cut));
    await stack.putInbox('elsewhere/again.zip', (await readFile(join(FIXTURES, 'rows.zip'))) as never);
    const again = await fromInbox('rows', 'elsewhere/again.zip');
    assert.equal(again.code, 'already-loaded', JSON.stringify(again));
    await eventually(stored, []);
  });

  it('load themselves when they are put into a table’s folder', async () => {
    await stack.putInbox('jobs/more.csv.gz', gzipSync('1,Pilot\n2,Cook\n') as never);
    const found = await until(
      async () => {
        await stack.post('/v1/arrivals/inbox/notify');
        return stack.db.query<{ job: string }>('select job from jobs where id < 10 order by id');
      },
      (rows) => rows.length === 2,
    );
    assert.deepEqual(found, [{ job: 'Pilot' }, { job: 'Cook' }]);
  });

  it('are recoded from an encoding in which no text can be cut, and a byte that is none rejects its row', async () => {
    const japanese = Buffer.concat([
      Buffer.from('id,word\n1,'),
      Buffer.from('93fa967b', 'hex'),
      Buffer.from('\n2,'),
      Buffer.from('93', 'hex'),
      Buffer.from(' bad\n'),
    ]);
    const { body } = await send('words', japanese);
    assert.deepEqual([body.rows?.loaded, body.rows?.rejected], [1, 1], JSON.stringify(body));
    assert.deepEqual(body.source.wrappings, ['shift_jis']);
    const [reject] = await stack.rejects(body.id);
    assert.equal(reject?.errors[0]?.code, 'encoding-error');
    // A batch is in UTF-8, and a file that is marked as such is read so.
    const batch = await stack.post('/v1/tables/words/rows', [{ id: 3, word: '本' }]);
    assert.equal(batch.status, 201, JSON.stringify(batch.body));
    assert.equal((await send('words', Buffer.from('\ufeffid,word\n4,日\n'))).body.rows.loaded, 1);
    const asked = await send(
      'rows',
      Buffer.from('id,name,note\n7,\x93\xfa\x96\x7b,asked\n', 'latin1'),
      {},
      '?encoding=sjis',
    );
    assert.equal(asked.body.rows?.loaded, 1, JSON.stringify(asked.body));
    const words = await stack.db.query(
      `select word from words union select name from rows where note = 'asked' order by 1`,
    );
    assert.deepEqual(words, [{ word: '日' }, { word: '日本' }, { word: '本' }]);
  });
});
