import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { endOf, longshore, spawnLongshore, startLongshore } from '../support/longshore.ts';

interface Document {
  readonly rows: Record<string, number>;
  readonly batches: { readonly answered: number; readonly replayed: number };
  readonly rejects: readonly {
    readonly line: number;
    readonly errors: readonly { readonly code: string }[];
  }[];
  readonly complete: boolean;
  readonly run: string | null;
}

/** A request as the fake platform got it. */
interface Received {
  readonly path: string;
  readonly key: string;
  readonly prefer: string | undefined;
  readonly body: string;
}

type Reply = (res: ServerResponse, received: Received) => void;

/** What a client may hold: Node with the client's code (some 25 MiB), and copies of the batches on their way. */
const HELD_MIB = 64;
const MEMORY_PROBE = new URL('../support/memory-probe.mjs', import.meta.url).href;

const NAMES = ['Ädam', 'Bo', 'Çelik', 'D"e', 'E\\n'];
const row = (id: number) => JSON.stringify({ id, name: NAMES[id % NAMES.length] });
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${row(from + at)}\n`).join('');

const takeAll: Reply = (res, { body }) => {
  const sent = body.trimEnd().split('\n').length;
  answer(res, 201, { rows: { sent, accepted: sent, rejected: 0, discarded: 0 }, rejected: [] });
};

function answer(
  res: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const problem =
  (status: number, code: string, headers: Record<string, string> = {}): Reply =>
  (res) =>
    answer(res, status, { code, title: `Title of ${code}`, detail: `detail of ${code}` }, headers);

describe('longshore insert, before a platform that fails', () => {
  let home: string;
  let file: string;
  let url: string;
  let received: Received[];
  /** What the next requests get, one each; then all rows are taken. */
  let replies: Reply[];
  const server = createServer((req, res) => void handle(req, res));

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = (await buffer(req)).toString();
    const { 'idempotency-key': key, prefer } = req.headers;
    const request = { path: String(req.url), key: String(key), prefer: prefer as string | undefined, body };
    received.push(request);
    (replies.shift() ?? takeAll)(res, request);
  }

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'longshore-insert-'));
    file = join(home, 'rows.ndjson');
    await writeFile(file, lines(1, 10));
    [received, replies] = [[], []];
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const options = () => ({
    cwd: home,
    env: { LONGSHORE_HOME: home, LONGSHORE_URL: url, LONGSHORE_KEY: 'some key' },
  });
  const start = (...args: string[]) => startLongshore(['insert', 'people', ...args], options());
  const run = (...args: string[]) => longshore(['insert', 'people', ...args], options());
  const keys = () => received.map(({ key }) => key);

  it('sends every line once, in batches that a second run makes just the same', async () => {
    const first = await run(file, '--batch', '4', '--clients', '2');
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      /^Inserted\n {2}table {7}people \(append\)\n {2}file {8}rows\.ndjson\n {2}sent {8}10\n/,
    );
    const sent = received.toSorted((a, b) => Number(/\d+/.exec(a.body)) - Number(/\d+/.exec(b.body)));
    assert.deepEqual(
      sent.map(({ body }) => body),
      [lines(1, 4), lines(5, 8), lines(9, 10)],
    );
    assert.ok(
      received.every(({ path, prefer }) => path.endsWith('/people/rows?mode=append') && prefer === undefined),
    );
    assert.ok(keys().every((key) => /^"insert-[\w-]{43}"$/.test(key)));
    assert.equal(new Set(keys()).size, 3);
    const before = new Set(keys());
    received = [];
    await run(file, '--batch', '4');
    assert.deepEqual(new Set(keys()), before);
  });

  it('makes other keys for another table, mode, handling, place or run', async () => {
    const twice = lines(1, 2) + lines(1, 2);
    await writeFile(file, twice);
    await writeFile(join(home, 'other.ndjson'), twice);
    for (const args of [[], ['--mode', 'merge'], ['--strict'], ['--again'], ['--again'], ['--run', 'x']]) {
      assert.equal((await run(file, '--batch', '2', ...args)).code, 0);
    }
    await run('other.ndjson', '--batch', '2');
    await longshore(['insert', 'beings', file, '--batch', '2'], options());
    assert.equal(new Set(keys()).size, 16);
    assert.equal(received.filter(({ prefer }) => prefer === 'handling=strict').length, 2);
    assert.ok(received.some(({ path }) => path.endsWith('mode=merge')));
  });

  it('finds lines that are no JSON before it sends, and reports every reject by its line', async () => {
    const bad = `\ufeff${row(1)}\r\n\n{"id": 2,}\n${row(3)}\n \t\n{"id":12345678901234567890.10, "name":"x"}\n`;
    await writeFile(file, Buffer.concat([Buffer.from(`${bad}"\\`), Buffer.from([0xff, 0x0a])]));
    replies = [
      (res) =>
        answer(res, 200, {
          rows: { sent: 3, accepted: 2, rejected: 1, discarded: 0 },
          rejected: [
            { index: 2, row: {}, errors: [{ field: 'id', code: 'type-error', message: 'no integer' }] },
          ],
        }),
    ];
    const out = join(home, 'rejects.ndjson');
    const { code, stdout } = await run(file, '--rejects', out);
    assert.equal(code, 3);
    assert.equal(received[0]!.body, `${row(1)}\n${row(3)}\n{"id":12345678901234567890.10, "name":"x"}\n`);
    assert.match(stdout, /rejected {4}3\n/);
    assert.match(
      stdout,
      / 3 {9}type-error {6}the JSON has a character that can not stand there: column 10\n/,
    );
    const [json, number, coding] = (await readFile(out, 'utf8')).trimEnd().split('\n');
    assert.deepEqual(JSON.parse(json!).row, '{"id": 2,}');
    assert.ok(
      number!.startsWith(
        '{"line":6,"row":{"id":12345678901234567890.10, "name":"x"},"errors":[{"field":"id"',
      ),
    );
    assert.deepEqual([JSON.parse(coding!).line, JSON.parse(coding!).errors[0].code], [7, 'encoding-error']);
    assert.deepEqual(await readdir(home), ['rejects.ndjson', 'rows.ndjson']);
  });

  it('sends nothing of a strict batch with a line that is no JSON', async () => {
    await writeFile(file, `${lines(1, 2)}{\n${lines(4, 7)}`);
    const { code, stdout } = await run(file, '--batch', '4', '--strict', '--json');
    assert.equal(code, 3);
    const { rows } = JSON.parse(stdout) as Document;
    assert.deepEqual(rows, { read: 7, sent: 3, accepted: 3, rejected: 1, discarded: 3, unanswered: 0 });
    assert.deepEqual(
      received.map(({ body }) => body),
      [lines(5, 7)],
    );
  });

  it('tries again with the same key, as late as Retry-After says, until there is an answer', async () => {
    replies = [
      (res) => res.destroy(),
      problem(429, 'rate-limited', { 'retry-after': '1' }),
      problem(503, 'overloaded', { 'retry-after': new Date(Date.now() + 1000).toUTCString() }),
      problem(409, 'idempotency-key-in-use', { 'retry-after': '0' }),
      (res) => res.writeHead(502).end('<html>'),
      problem(500, 'internal'),
      (res) => answer(res, 202, { status: 'running' }),
      (res) =>
        answer(
          res,
          201,
          { rows: { sent: 10, accepted: 10, rejected: 0, discarded: 0 } },
          { 'idempotency-replayed': 'true' },
        ),
    ];
    const startedAtMs = performance.now();
    const { code, stdout, stderr } = await run(file, '--json');
    assert.equal(code, 0, stderr);
    assert.ok(performance.now() - startedAtMs > 1000);
    assert.deepEqual([received.length, new Set(keys()).size], [8, 1]);
    assert.deepEqual((JSON.parse(stdout) as Document).batches, { answered: 1, replayed: 1 });
    assert.match(stderr, /trying again: Title of overloaded/);
  });

  it('ends with 4 when the platform stays away, and says how to go on', async () => {
    replies = Array.from({ length: 99 }, () => (res: ServerResponse) => res.destroy());
    const { code, stdout, stderr } = await run(file, '--retry-for', '1s', '--batch', '4');
    assert.equal(code, 4);
    assert.match(stdout, /^Not complete\n.*unanswered {2}(8|10)\n/s);
    assert.match(stderr, /can not be reached.*not everything was sent: the same command goes on/s);
  });

  it('ends with 1 at the first batch that is refused, and reads no further', async () => {
    await writeFile(file, lines(1, 10_000));
    replies = [takeAll, problem(404, 'unknown-table'), takeAll];
    const { code, stderr } = await run(file, '--batch', '10', '--clients', '1', '--rejects', 'out');
    assert.equal(code, 1);
    assert.match(stderr, /Title of unknown-table \(unknown-table\)\n {2}detail of unknown-table/);
    assert.match(stderr, /this has to be put right first; then the same command goes on/);
    assert.equal(received.length, 2);
    assert.deepEqual(await readdir(home), ['out.part', 'rows.ndjson']);
  });

  it('reports no rate when nothing was sent', async () => {
    replies = [problem(404, 'unknown-table'), takeAll];
    assert.match((await run(file, '--clients', '1')).stdout, / time {8}[\d.]+ s\n/);
    const { stdout } = await run(file);
    assert.match(stdout, / time {8}[\d.]+ s, [\d,]+ rows\/s\n/);
  });

  it('ends with 1 at a line that no batch can hold, naming it, and sends no shortened batch before it', async () => {
    const endless = `{"name":"${'x'.repeat(9 * 1024 * 1024)}"}`;
    await writeFile(file, `${lines(1, 5)}${endless}\n${lines(7, 8)}`);
    const { code, stderr } = await run(file, '--batch', '2');
    assert.equal(code, 1);
    assert.match(stderr, /rows\.ndjson, line 6: longer than the 8388607 bytes/);
    assert.deepEqual(received.map(({ body }) => body).sort(), [lines(1, 2), lines(3, 4)]);
  });

  it('stops reading at Ctrl-C, waits for what is under way, and goes on without a gap in the next run', async () => {
    let release = () => {};
    replies = [
      (res, request) => {
        release = () => takeAll(res, request);
      },
    ];
    const command = start('-', '--batch', '2', '--clients', '2', '--json');
    command.stdin.write(lines(1, 3));
    await eventually(async () => received.length, 1);
    command.interrupt();
    await eventually(async () => command.stdin.destroyed, true);
    assert.equal(command.hasEnded(), false);
    release();
    const { code, stdout, stderr } = await command.ended;
    assert.equal(code, 130);
    const { rows, complete } = JSON.parse(stdout) as Document;
    assert.deepEqual([rows.accepted, complete], [2, false]);
    assert.match(stderr, /interrupted\n.*the same command with the same input goes on/);
    assert.deepEqual(
      received.map(({ body }) => body),
      [lines(1, 2)],
    );
    const [firstKey] = keys();
    const second = start('-', '--batch', '2', '--clients', '2');
    second.stdin.end(lines(1, 4));
    assert.equal((await second.ended).code, 0);
    assert.deepEqual([received.length, keys()[1]! === firstKey || keys()[2]! === firstKey], [3, true]);
  });

  it('gives up waiting for another try at Ctrl-C', async () => {
    replies = [problem(503, 'overloaded', { 'retry-after': '100' })];
    const command = start(file, '--again');
    await eventually(async () => command.said().includes('trying again'), true);
    command.interrupt();
    const { code, stderr } = await command.ended;
    assert.equal(code, 130);
    assert.match(stderr, /the same command, with --run [0-9a-f]{12} in place of --again, goes on/);
  });

  it('ends with 2 at wrong usage, and sends nothing', async () => {
    for (const args of [
      [],
      ['missing.ndjson'],
      [home],
      [file, '--batch', '0'],
      [file, '--batch', '1001'],
      [file, '--clients', 'x'],
      [file, '--mode', 'replace'],
      [file, '--retry-for', '5'],
      [file, '--rejects', file],
      [file, '--rejects', join(home, 'none', 'out')],
      [file, '--again', '--run', 'x'],
    ]) {
      const { code, stderr } = await run(...args);
      assert.deepEqual([code, stderr === ''], [2, false], `${args.join(' ')}: ${stderr}`);
    }
    assert.deepEqual(received, []);
  });

  it('reads a file of any size in little memory', async () => {
    const args = ['insert', 'people', '-', '--batch', '200', '--json'];
    const child = spawnLongshore(args, options(), ['--expose-gc', '--import', MEMORY_PROBE]);
    const ended = endOf(child);
    const long = 'x'.repeat(1000);
    const piece = Array.from({ length: 1_000 }, (_, id) => `{"id":${id},"name":"${long}"}\n`).join('');
    const pieces = Math.ceil((2 * HELD_MIB * 1024 * 1024) / piece.length);
    for (let at = 0; at < pieces; at += 1) {
      if (!child.stdin!.write(piece)) await once(child.stdin!, 'drain');
      received = [];
    }
    child.stdin!.end();
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as Document).rows.accepted, pieces * 1_000);
    const [, held] = /^held (\d+) bytes at most, in [1-9]\d* looks$/m.exec(stderr) ?? [];
    assert.ok(Number(held) < HELD_MIB * 1024 * 1024, stderr);
  });
});
