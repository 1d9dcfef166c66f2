import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Closing } from '../../api/http/closing.ts';
import { FakeLoads, startTestApi, type TestApi } from '../support/api-fakes.ts';

const DRAIN_MS = 5_000;
const GRACE_MS = 30_000;
const LAST_ANSWERS_MS = 2_000;
const KEY = 'x-api-key: admin-key-of-the-tests\r\n';
const HALF_FILE = [
  `POST /v1/tables/jobs/loads HTTP/1.1\r\nhost: x\r\n${KEY}content-type: text/csv\r\ncontent-length: 20\r\n\r\n`,
  '1,Engineer',
  '\r\n2,Sales\r',
];
const FORM_START =
  '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n1,Engineer\r\n';

/** A client that sends what a test says, when it says it. Clocks stand still meanwhile: nothing here waits for a time. */
class Client {
  readonly socket: Socket;
  #heard = '';
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.#heard += bytes.toString('latin1');
    });
    socket.on('error', () => undefined);
    this.#closed = once(socket, 'close');
  }

  static async to(url: string): Promise<Client> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    return new Client(socket);
  }

  send(...texts: string[]): this {
    for (const text of texts) this.socket.write(text);
    return this;
  }

  /** What it was answered until the server closed the connection. */
  async answer(): Promise<{ status: number; code: string | undefined; text: string }> {
    await this.#closed;
    const code = /"code":"([\w-]+)"/.exec(this.#heard)?.[1];
    return { status: Number(this.#heard.split(' ')[1]), code, text: this.#heard };
  }
}

async function seen(look: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await look())) await turn();
}

describe('an API that was told to stop', () => {
  let api: TestApi;
  let closing: Closing;
  let loads: FakeLoads;
  let batchesStopped: number;
  const clients: Client[] = [];
  const client = async () => {
    const made = await Client.to(api.url);
    clients.push(made);
    return made;
  };
  const get = async (path: string) =>
    (await client()).send(`GET ${path} HTTP/1.1\r\nhost: x\r\n${KEY}\r\n`).answer();
  const close = () =>
    closing.close({
      server: api.server,
      drainMs: DRAIN_MS,
      graceMs: GRACE_MS,
      stopBatches: async () => void batchesStopped++,
    });
  /** Everything that a client has sent has arrived: each starts a file of the storage, or a wait. */
  const uploads = (count: number) => seen(async () => (await api.files()).length === count);

  beforeEach(async () => {
    closing = new Closing();
    loads = new FakeLoads();
    batchesStopped = 0;
    api = await startTestApi({
      closing,
      loads,
      ready: async () => ({ ok: !closing.stopping, checks: {}, away: [] }),
    });
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(async () => {
    mock.timers.reset();
    for (const { socket } of clients.splice(0)) socket.destroy();
    await api[Symbol.asyncDispose]();
  });

  it('serves on while it drains, as not ready, and sends its clients elsewhere', async () => {
    const before = (await client()).send(`GET /v1/tables HTTP/1.1\r\nhost: x\r\n${KEY}\r\n`);
    await once(before.socket, 'data');
    const closed = close();
    assert.equal((await get('/readyz')).status, 503);
    assert.equal((await get('/healthz')).status, 200);
    const answer = await get('/v1/tables');
    assert.equal(answer.status, 200);
    assert.match(answer.text, /^connection: close$/im);
    // The connection from before is used once more, and then closed.
    const again = await before.send(`GET /v1/tables HTTP/1.1\r\nhost: x\r\n${KEY}\r\n`).answer();
    assert.equal(again.text.match(/HTTP\/1.1 200/g)?.length, 2);
    assert.equal(batchesStopped, 0);
    mock.timers.tick(DRAIN_MS);
    await closed;
    assert.equal(batchesStopped, 1);
    await assert.rejects(client(), { code: 'ECONNREFUSED' });
  });

  it('lets uploads and waits finish that are under way, and then ends without waiting longer', async () => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    loads.wait = async (id) => {
      await ended;
      return { ...loads.views.get(id)!, status: 'done' };
    };
    const [head, ...rest] = HALF_FILE;
    const waiting = (await client()).send(
      head!.replace('content-', 'prefer: wait=50\r\ncontent-'),
      ...rest,
      '\n',
    );
    await seen(() => loads.started.length === 1);
    const upload = (await client()).send(head!, rest[0]!.replace('1', '7'));
    await uploads(2);
    const closed = close();
    mock.timers.tick(DRAIN_MS);
    await turn();
    await assert.rejects(client(), { code: 'ECONNREFUSED' });
    upload.send(rest[1]!, '\n');
    assert.equal((await upload.answer()).status, 202);
    end();
    assert.equal((await waiting.answer()).status, 201);
    await closed;
  });

  it('answers bodies that do not arrive within the grace with stopping, and keeps nothing of them', async () => {
    const [head, first] = HALF_FILE;
    const typed = (path: string, type: string) =>
      `POST /v1/tables/jobs/${path} HTTP/1.1\r\nhost: x\r\n${KEY}content-type: ${type}\r\ncontent-length: 900\r\n\r\n`;
    const silent = (await client()).send(head!, first!);
    const form = (await client()).send(typed('loads', 'multipart/form-data; boundary=b'), FORM_START);
    await uploads(2);
    const batch = (await client()).send(typed('rows', 'application/json'), '[{"id": 1,');
    const source = (await client()).send(typed('loads', 'application/json'), '{"source":');
    await seen(() => closing.underWay === 4);
    const closed = close();
    mock.timers.tick(DRAIN_MS);
    await turn();
    mock.timers.tick(GRACE_MS);
    for (const one of [silent, form, batch, source]) {
      const { status, code, text } = await one.answer();
      assert.deepEqual([status, code], [503, 'stopping'], text);
      assert.match(text, /^connection: close$/im);
      assert.match(text, /^retry-after: 5$/im);
    }
    await closed;
    assert.deepEqual(await api.files(), []);
    assert.deepEqual(loads.started, []);
  });

  it('answers a wait with what is known when the grace is over', async () => {
    loads.wait = async (id, _waitMs, signal) => {
      await once(signal, 'abort');
      return loads.views.get(id)!;
    };
    const head = HALF_FILE[0]!.replace('content-length', 'prefer: wait=50\r\ncontent-length');
    const waiting = (await client()).send(head, HALF_FILE[1]!, HALF_FILE[2]!, '\n');
    await seen(() => loads.started.length === 1);
    const closed = close();
    mock.timers.tick(DRAIN_MS);
    await turn();
    mock.timers.tick(GRACE_MS);
    const { status, text } = await waiting.answer();
    assert.equal(status, 202, text);
    assert.match(text, /"status":"accepted"/);
    await closed;
  });

  it('answers what can not be ended, and what still comes, with stopping', async () => {
    let asked = false;
    loads.list = () => {
      asked = true;
      return new Promise(() => undefined);
    };
    const stuck = (await client()).send(`GET /v1/loads HTTP/1.1\r\nhost: x\r\n${KEY}\r\n`);
    await seen(() => asked);
    // A request has begun by its first bytes: its connection is not idle, and stays.
    const late = (await client()).send('GET /v1/tables HTTP/1.1\r\nhost: x\r\n');
    const closed = close();
    mock.timers.tick(DRAIN_MS);
    await turn();
    mock.timers.tick(GRACE_MS);
    await seen(() => batchesStopped === 1);
    late.send(KEY, '\r\n');
    const refused = await late.answer();
    mock.timers.tick(LAST_ANSWERS_MS);
    for (const { status, code, text } of [refused, await stuck.answer()]) {
      assert.deepEqual([status, code], [503, 'stopping'], text);
    }
    await closed;
  });
});
