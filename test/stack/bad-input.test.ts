import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { badInputStack } from '../support/bad-input.ts';
import { badRequests, raw } from '../support/bad-requests.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer } from '../support/stack.ts';

/** Requests and clients that are wrong; rows that are wrong are in `bad-rows.test.ts`. */
describe('bad input', async () => {
  const stack = await badInputStack({ after });
  const { count, db, load, post, send, storedFiles } = stack;
  const countLoads = () => count('longshore.load');
  afterEach(stack.assertTidy);

  describe('a request that is wrong is refused, and nothing starts', () => {
    before(() => stack.putInbox('folder/empty.csv', ''));
    for (const [what, path, init, status, code, detail] of badRequests(stack.key)) {
      it(`${what}: ${status} ${code}`, async () => {
        const loadsBefore = await countLoads();
        const { body, ...answer } = await send(path, init);
        assert.deepEqual([answer.status, body.code, body.detail], [status, code, detail]);
        assert.ok(JSON.stringify(body).length < 2_000, 'the answer is as short as it may be');
        assert.equal(await countLoads(), loadsBefore);
      });
    }

    it('no key, or one of another scheme: 401 unauthenticated', async () => {
      const none: Record<string, string>[] = [
        {},
        { authorization: 'Basic YTpi' },
        { authorization: 'Bearer' },
      ];
      for (const headers of none) {
        const response = await fetch(`${stack.url}/v1/tables/kinds/loads`, {
          method: 'POST',
          ...raw('a', headers),
        });
        assert.deepEqual(
          [response.status, response.headers.get('www-authenticate')],
          [401, 'Bearer realm="longshore"'],
        );
        assert.equal(((await response.json()) as Answer['body']).detail, 'no key was sent');
      }
    });
  });

  describe('loads that meet', () => {
    it('the same file twice, one after the other and at the very same time, is one load', async () => {
      const csv = 'same,1\n';
      const first = await load('kinds', csv);
      const again = await load('kinds', csv);
      assert.deepEqual([again.status, again.body.existing, again.body.id], [200, true, first.body.id]);
      const at = Array.from({ length: 8 }, () => load('kinds', 'same time,1\n'));
      const answers = await Promise.all(at);
      assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
      assert.equal(answers.filter(({ body }) => !body.existing).length, 1);
      assert.deepEqual([...new Set(answers.map(({ body }) => body.rows.loaded))], [1]);
      assert.equal(await count(`kinds where code = 'same time'`), 1);
      await stack.putInbox('same.csv', 'same inbox,1\n');
      const fromInbox = await Promise.all(
        Array.from({ length: 4 }, () =>
          post('/v1/tables/kinds/loads', { source: 'same.csv' }, { prefer: 'wait=30' }),
        ),
      );
      assert.equal(new Set(fromInbox.map(({ body }) => body.id)).size, 1);
    });

    it('loads into one table at once queue, say so, and go in their order', async () => {
      const start = async (csv: string) => (await send('/v1/tables/kinds/loads?mode=merge', raw(csv))).body;
      const locked = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const holding = db.transaction(async (tx) => {
        await tx.query('lock table kinds in exclusive mode');
        locked.resolve();
        await release.promise;
      });
      await locked.promise;
      try {
        const loads = [
          await start('q1,first\nq2,first\nq3,first\n'),
          await start('q1,second\nq2,second\n'),
          await start('q2,third\n'),
        ];
        const [first, second] = loads.map(({ id }) => id);
        const seen = async () => {
          const views = await Promise.all(loads.map(({ id }) => stack.get(`/v1/loads/${id}`)));
          return views.map(({ body }) => [body.status, body.queuedBehind]);
        };
        await eventually(seen, [
          ['publishing', null],
          ['queued', first ?? null],
          ['queued', second ?? null],
        ]);
      } finally {
        release.resolve();
        await holding;
      }
      await eventually(() => count('longshore.load where finished_at is null'), 0);
      const [q] = await db.query(
        `select array_agg(title order by code) as titles from kinds where code in ('q1', 'q2', 'q3')`,
      );
      assert.deepEqual(q?.titles, ['second', 'third', 'first']);
    });

    it('loads into tables that refer to each other do not wait for each other for ever', async () => {
      await load('kinds', 'k1,one\n');
      const kinds = Array.from({ length: 2_000 }, (_, i) => `d${i},x\n`).join('');
      const things = Array.from({ length: 2_000 }, (_, i) => `${1_000 + i},x,,,k1\n`).join('');
      const ends = await Promise.all([
        load('kinds', kinds),
        load('things', things),
        load('kinds', kinds.replaceAll('d', 'e'), { mode: 'merge' }),
        load('things', things.replaceAll(/^/gm, '9').trimEnd().replace(/9$/, ''), { mode: 'merge' }),
      ]);
      assert.deepEqual(
        ends.map(({ body }) => body.rows?.loaded),
        [2_000, 2_000, 2_000, 2_000],
      );
    });
  });

  describe('a client that hangs up', () => {
    const { hostname, port } = new URL(stack.url);
    /** Sends bytes as they are and cuts the connection. */
    async function hangUp(text: string): Promise<void> {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(text);
      await eventually(async () => (await storedFiles()).length > 0, true);
      socket.destroy();
    }
    const head = (headers: string) =>
      `POST /v1/tables/kinds/loads HTTP/1.1\r\nhost: x\r\nx-api-key: ${stack.key}\r\n${headers}\r\n\r\n`;
    const lines = 'u,never\n'.repeat(100_000);

    for (const [how, text] of [
      ['a text/csv body', head('content-type: text/csv\r\ncontent-length: 99999999') + lines],
      [
        'a body in HTTP chunks',
        `${head('content-type: text/csv\r\ntransfer-encoding: chunked')}c3500\r\n${lines}\r\n`,
      ],
      [
        'a form',
        `${head('content-type: multipart/form-data; boundary=x\r\ncontent-length: 99999999')}--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${lines}`,
      ],
    ] as const) {
      it(`a client that hangs up in the middle of ${how} starts nothing and leaves nothing`, async () => {
        const loadsBefore = await countLoads();
        await hangUp(text);
        await eventually(storedFiles, []);
        assert.equal(await countLoads(), loadsBefore);
        assert.equal(await count(`kinds where code = 'u'`), 0);
      });
    }

    it('a client that breaks the rules of HTTP chunks starts nothing and leaves nothing', async () => {
      const loadsBefore = await countLoads();
      const socket = connect(Number(port), hostname);
      const closed = once(socket, 'close');
      socket.resume();
      socket.write(
        `${head('content-type: text/csv\r\ntransfer-encoding: chunked')}c3500\r\n${lines}\r\nnonsense\r\n`,
      );
      await closed;
      await eventually(storedFiles, []);
      assert.equal(await countLoads(), loadsBefore);
    });

    it('a load goes on when its client hangs up while waiting for the result', async () => {
      const gone = new AbortController();
      const sent = send('/v1/tables/kinds/loads', {
        ...raw('waited for,1\n', { prefer: 'wait=30' }),
        signal: gone.signal,
      });
      sent.catch(() => undefined);
      const loadsBefore = await countLoads();
      await eventually(
        async () =>
          (await countLoads()) > loadsBefore || (await count(`kinds where code = 'waited for'`)) > 0,
        true,
      );
      gone.abort();
      await eventually(() => count(`kinds where code = 'waited for'`), 1);
    });
  });

  describe('a file name', () => {
    for (const [header, name] of [
      ['attachment; filename="../../etc/passwd"', 'passwd'],
      ['attachment; filename="C:\\\\temp\\\\hires.csv"', 'hires.csv'],
      ["attachment; filename*=UTF-8''%2e%2e%2f%6a%C3%B6bs.csv", 'jöbs.csv'],
      ["attachment; filename*=UTF-8''%FF.csv; filename=plain.csv", 'plain.csv'],
      ['attachment; filename="a\\"b;c.csv"', 'a"b;c.csv'],
      ['attachment; filename=""', 'upload.csv'],
      ["attachment; filename*=UTF-8''a%00b%0Ac%1B%5B31m.csv", 'abc[31m.csv'],
      [`attachment; filename="${'n'.repeat(5_000)}.csv"`, 'n'.repeat(255)],
      ["attachment; filename*=UTF-8''..", '..'],
      ['nonsense', 'upload.csv'],
      ["attachment; filename*=UTF-8''%F0%9F%98%80%E2%80%AEvsc.csv", '😀vsc.csv'],
      [`attachment; filename*=UTF-8''${'n'.repeat(254)}%F0%9F%98%80`, 'n'.repeat(254)],
      [`attachment; filename*=UTF-8''${'%E4%BD%A0'.repeat(300)}`, '你'.repeat(255)],
    ] as const) {
      it(`${header.slice(0, 60)} is shown as ${name.slice(0, 20)}, and is nowhere a path`, async () => {
        const { status, body } = await send(
          '/v1/tables/kinds/loads',
          raw(`${header},1\n`.replaceAll(/["\\]/g, ''), { 'content-disposition': header }),
        );
        assert.equal(status, 202, JSON.stringify(body));
        assert.equal(body.source.name, name);
        assert.match(body.source.key, /^uploads\/[0-9a-f-]{36}$/);
      });
    }
  });

  it('no log and no history of Temporal holds a cell, a header or a key', () => stack.assertNothingTold());
});
