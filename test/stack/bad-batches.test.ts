import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testStack } from '../support/stack.ts';

type Expected = readonly [status: number, code: string | null];
type Sent = readonly [what: string, body: string | Uint8Array<ArrayBuffer>, ...expected: Expected];

const MIB = 1024 * 1024;
const BAD: Expected = [400, 'malformed-body'];
const REJECTED: Expected = [422, 'batch-rejected'];
const TOO_LARGE: Expected = [413, 'batch-too-large'];
const EMPTY: Expected = [422, 'batch-empty'];
const ALL_IN: Expected = [201, null];
const rows = (count: number, row: (index: number) => object) =>
  JSON.stringify(Array.from({ length: count }, (_, index) => row(index)));

const JSON_BODIES: readonly Sent[] = [
  ['endless brackets', '['.repeat(4e6), ...BAD],
  ['deep arrays', `[${'['.repeat(2e6)}${']'.repeat(2e6)}]`, ...BAD],
  ['a deep array for a cell', `[{"id":1,"job":${'['.repeat(1e5)}${']'.repeat(1e5)}}]`, ...BAD],
  ['deep objects', `[{"id":1,"job":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}]`, ...BAD],
  ['a number beyond a double', '[{"id":1e400,"job":"x"}]', ...REJECTED],
  ['an exponent that would fill the memory', '[{"id":1e999999999,"job":"x"}]', ...REJECTED],
  ['a million digits', `[{"id":${'9'.repeat(1e6)},"job":"x"}]`, ...REJECTED],
  ['an integer beyond 64 bits', '[{"id":9223372036854775808,"job":"x"}]', ...REJECTED],
  ['the largest integer', '[{"id":9223372036854775807,"job":"x"}]', ...ALL_IN],
  ['an escaped NUL', '[{"id":2,"job":"a\\u0000b"}]', ...REJECTED],
  ['a raw NUL', '[{"id":2,"job":"a\0b"}]', ...BAD],
  ['a lone surrogate', '[{"id":3,"job":"a\\ud800b"}]', ...REJECTED],
  ['a lone surrogate for a name', '[{"id":3,"job":"x","\\udfff":1}]', ...REJECTED],
  ['__proto__ for a field', '[{"id":5,"job":"a","__proto__":{"x":1}}]', ...REJECTED],
  ['fields by way of __proto__', '[{"__proto__":{"id":5,"job":"a"}}]', ...REJECTED],
  ['names of every object', '[{"id":5,"job":"a","constructor":1,"toString":2}]', ...REJECTED],
  ['company for rows', '{"rows":[{"id":55,"job":"p"}],"__proto__":1}', ...BAD],
  ['a byte-order mark', '\ufeff[{"id":6,"job":"bom"}]', ...ALL_IN],
  ['bytes that are not UTF-8', new Uint8Array([0x5b, 0xff, 0x5d]), ...BAD],
  ['no rows', '[]', ...EMPTY],
  ['a number', '1', ...BAD],
  ['nothing', '', ...BAD],
  ['a row too many', rows(1001, (id) => ({ id, job: 'x' })), 413, 'batch-too-large'],
  ['a million rows', `[${'1,'.repeat(1e6)}1]`, 413, 'batch-too-large'],
  ['a thousand empty rows', rows(1000, () => ({})), ...REJECTED],
  ['as many bytes as may be', rows(1, () => ({ id: 20, job: 'x'.repeat(8 * MIB - 20) })), ...ALL_IN],
  ['a byte too many', rows(1, () => ({ id: 21, job: 'x'.repeat(8 * MIB - 19) })), 413, 'body-too-large'],
  [
    'a row of countless fields',
    rows(1, () => Object.fromEntries([...Array(1e5).keys()].map((k) => [`k${k}`, 1]))),
    ...TOO_LARGE,
  ],
];
const NDJSON_BODIES: readonly Sent[] = [
  ['a byte-order mark', '\ufeff{"id":7,"job":"bom"}\n', ...ALL_IN],
  ['CRLF and empty lines', '{"id":8,"job":"a"}\r\n\r\n{"id":9,"job":"b"}\r\n', ...ALL_IN],
  ['CR alone', '{"id":10,"job":"a"}\r{"id":11,"job":"b"}', ...BAD],
  ['U+2028 between rows', '{"id":10,"job":"a"}\u2028{"id":11,"job":"b"}', ...BAD],
  ['a line that is no JSON', '{"id":12,"job":"a"}\n{oops}\n', ...BAD],
  ['lines that are no rows', '[1]\n"x"\nnull\n3\n', ...REJECTED],
  ['newlines only', '\n'.repeat(2e6), ...EMPTY],
];
const CSV_BODIES: readonly Sent[] = [
  ['a quote that never closes', '21,"unclosed\n', ...REJECTED],
  ['a NUL', '22,a\0b\n', ...REJECTED],
  ['CRLF and a byte-order mark', '\ufeff23,a\r\n24,"b\r\nc"\r\n', ...ALL_IN],
  ['a million cells', `25${','.repeat(1e6)}`, ...TOO_LARGE],
  ['a thousand cells', `26${','.repeat(1e3)}`, ...REJECTED],
  ['a million cells without anything in them', ','.repeat(1e6), ...EMPTY],
];

const ROW = '[{"id":"x","job":"x"}]';
const WELL: Expected = REJECTED;
const CONTENT: readonly (readonly [header: string, ...Expected])[] = [
  ['text/plain', 415, 'unsupported-media-type'],
  ['application/json; charset=latin1', 415, 'unsupported-media-type'],
  ['multipart/form-data; boundary=x', 415, 'unsupported-media-type'],
  ['application/json, text/csv', 415, 'unsupported-media-type'],
  ['APPLICATION/JSON;', ...WELL],
  ['application/json; charset="UTF-8"', ...WELL],
];
const PREFERENCES = [
  'wait',
  'wait=-1',
  'wait=1e3',
  'wait=99999999999',
  'handling=STRICT',
  ',,,;;;',
  'a='.repeat(500),
  '"'.repeat(1e3),
  `${'a;'.repeat(500)}"`,
];
/** Longer than any preference is. */
const LONG_PREFERENCES = ['a='.repeat(5e3), '"'.repeat(5e3), `${'a;'.repeat(2e4)}"`];
const GOOD_KEYS = ['x'.repeat(255), 'a"b', '"a\\"b"', ':YWJj:'];
const BAD_KEYS = ['', ' ', '""', '"', '"a', 'ä', 'x'.repeat(256), 'a, b', "'; drop table", '"a";p=1'];
const TABLES = [
  '..%2fjobs',
  'JOBS',
  'jobs%22',
  'a'.repeat(10_000),
  '%F0%9F%9A%A2',
  '__proto__',
  'constructor',
  'batch',
  'pg_class',
];

describe('bad batches', async () => {
  const stack = await testStack({ after });
  const path = '/v1/tables/jobs/rows';

  async function assertAnswer(
    what: string,
    request: {
      readonly body: string | Uint8Array<ArrayBuffer>;
      readonly headers?: Record<string, string>;
      readonly path?: string;
    },
    [status, code]: Expected,
  ): Promise<void> {
    const response = await fetch(stack.url + (request.path ?? path), {
      method: 'POST',
      body: request.body,
      headers: { 'x-api-key': stack.key, 'content-type': 'application/json', ...request.headers },
    });
    const answer = (await response.json()) as { readonly code?: string };
    assert.deepEqual([response.status, answer.code ?? null], [status, code], what);
  }

  for (const [type, bodies] of Object.entries({
    'application/json': JSON_BODIES,
    'application/x-ndjson': NDJSON_BODIES,
    'text/csv': CSV_BODIES,
  })) {
    it(`are answered by what is wrong with their ${type}`, async () => {
      for (const [what, body, ...expected] of bodies) {
        await assertAnswer(what, { body, headers: { 'content-type': type } }, expected);
      }
    });
  }

  it('are answered by what is wrong with their headers and addresses', async () => {
    for (const [type, ...expected] of CONTENT) {
      await assertAnswer(type, { body: ROW, headers: { 'content-type': type } }, expected);
    }
    await assertAnswer('gzip', { body: ROW, headers: { 'content-encoding': 'gzip' } }, [
      415,
      'unsupported-media-type',
    ]);
    for (const prefer of PREFERENCES) await assertAnswer(prefer, { body: ROW, headers: { prefer } }, WELL);
    for (const prefer of LONG_PREFERENCES) {
      await assertAnswer('a long one', { body: ROW, headers: { prefer } }, [431, 'headers-too-large']);
    }
    for (const key of GOOD_KEYS) {
      await assertAnswer(key, { body: ROW, headers: { 'idempotency-key': key } }, WELL);
    }
    for (const key of BAD_KEYS) {
      await assertAnswer(key, { body: ROW, headers: { 'idempotency-key': key } }, [400, 'invalid-request']);
    }
    for (const table of TABLES) {
      await assertAnswer(table, { body: ROW, path: `/v1/tables/${table}/rows` }, [404, 'unknown-table']);
    }
    await assertAnswer('a NUL', { body: ROW, path: '/v1/tables/jobs%00/rows' }, [400, 'invalid-request']);
    await assertAnswer('mode', { body: ROW, path: `${path}?mode=replace` }, [400, 'invalid-request']);
  });

  it('batches that are cut off, or whose framing is ambiguous, leave nothing', async () => {
    const { hostname, port } = new URL(stack.url);
    const exchange = async (headers: string, body: string, { end = false, answered = true } = {}) => {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      let got = '';
      socket.on('data', (bytes) => {
        got += bytes.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nx-api-key: ${stack.key}\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}\r\n\r\n${body}`,
      );
      if (end) socket.end();
      if (answered) await once(socket, 'close');
      else await Promise.race([once(socket, 'close'), sleep(1000)]);
      socket.destroy();
      return /^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? null;
    };
    const row = '[{"id":90,"job":"x"}]';
    assert.equal(await exchange('Content-Length: 100', row, { end: true }), '400');
    assert.equal(await exchange('Content-Length: 100', row, { answered: false }), null);
    assert.equal(await exchange(`Content-Length: ${row.length}\r\nTransfer-Encoding: chunked`, row), '400');
    assert.equal(await exchange(`Content-Length: ${row.length}\r\nContent-Length: 2`, row), '400');
    assert.equal(await exchange('Transfer-Encoding: chunked', 'zz\r\n'), '400');
    assert.equal(await exchange('Content-Length: -1', row), '400');
    assert.equal(await exchange('Content-Length: 99999999\r\nExpect: 100-continue', ''), '413');
    assert.equal(
      await exchange(`Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: ${row.length}`, row),
      '400',
    );
    assert.deepEqual(await stack.db.query('select 1 from jobs where id = 90'), []);
  });

  it('leave in the table what was taken, and nothing else', async () => {
    const found = await stack.db.query<{ id: string }>('select id::text from jobs order by jobs.id');
    assert.deepEqual(
      found.map(({ id }) => id),
      ['6', '7', '8', '9', '20', '23', '24', '9223372036854775807'],
    );
  });
});
