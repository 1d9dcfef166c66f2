import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { PayloadMode } from '../../src/config.ts';
import { createSealCodec } from '../../src/seal/seal-codec.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { TEST_PAYLOAD_KEYS } from '../support/sealed.ts';

/** What the API's `TEMPORAL_UI_URL` is in these tests. */
const UI = 'http://127.0.0.1:8233';
const CONTEXT = { type: 'workflow', namespace: 'default', workflowId: 'load-1' } as const;
const ROW = { id: 7, department: 'Harbour' };

interface JsonPayload {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly data?: string;
}

/** Encrypted payloads, as Temporal's Web UI has the API open them. */
describe('the codec for the Temporal Web UI', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
  });
  after(() => api[Symbol.asyncDispose]());

  function decode(body: unknown, init: RequestInit & { key?: string | null } = {}): Promise<Response> {
    // What the Web UI sends (2.54).
    const headers = { 'content-type': 'application/json', 'x-namespace': 'default', ...init.headers };
    return api.call('/codec/decode', { method: 'POST', body: JSON.stringify(body), ...init, headers });
  }

  async function shown(payloads: readonly JsonPayload[]) {
    const response = await decode({ payloads });
    assert.equal(response.status, 200);
    const answer = (await response.json()) as { payloads: JsonPayload[] };
    return answer.payloads.map(({ metadata, data }) => ({
      state: Buffer.from(metadata?.['seal-shown'] ?? '', 'base64').toString(),
      value: JSON.parse(Buffer.from(data ?? '', 'base64').toString()) as unknown,
    }));
  }

  it('opens what is encrypted, and passes on what can be read, each with a mark of which it was', async () => {
    const [encrypted] = await sealed('encrypted');
    const [readable] = await sealed('readable');
    const foreign = json(defaultPayloadConverter.toPayload('of somebody else')!);
    const changed = { ...encrypted, data: `AAAA${encrypted!.data!.slice(4)}` };
    const nothing = { metadata: encrypted!.metadata! };
    const answers = await shown([encrypted!, readable!, foreign, changed, nothing]);
    assert.deepEqual(answers.slice(0, 3), [
      { state: 'opened', value: ROW },
      { state: 'readable', value: ROW },
      { state: 'unsealed', value: 'of somebody else' },
    ]);
    for (const { state, value } of answers.slice(3)) {
      assert.equal(state, 'unopened');
      assert.match(String(value), /can not open this: sealed for something else, or changed/);
    }
    assert.deepEqual(await shown([]), []);
  });

  it('needs an API key for every table: as a header, as a token or as Basic, which a browser asks for', async () => {
    const payloads = await sealed('encrypted');
    const statusOf = async (headers: RequestInit['headers']) =>
      (await decode({ payloads }, { key: null, headers })).status;
    const basic = (id: string, text: string) => ({
      authorization: `Basic ${Buffer.from(`${id}:${text}`).toString('base64')}`,
    });
    assert.deepEqual(
      await Promise.all(
        [
          { 'x-api-key': 'read-key-of-the-tests' },
          { authorization: 'Bearer admin-key-of-the-tests' },
          basic('operator', 'ключ of an operator, with spaces'),
          { 'x-api-key': 'jobs-key-of-the-tests' },
          { 'x-api-key': 'write-key-of-the-tests' },
          { authorization: 'Bearer of-temporal' },
          basic('operator', 'a guess'),
          {},
        ].map(statusOf),
      ),
      [200, 200, 200, 403, 403, 401, 401, 401],
    );
    const asked = await api.call('/codec', { key: null });
    assert.equal(asked.status, 401);
    assert.match(asked.headers.get('www-authenticate') ?? '', /^Basic /);
    const given = await api.call('/codec', {
      key: null,
      headers: basic('operator', 'ключ of an operator, with spaces'),
    });
    assert.deepEqual([given.status, /operator/.test(await given.text())], [200, true]);
  });

  it('answers pages of the Web UI, with credentials, and those of no other origin', async () => {
    const payloads = await sealed('encrypted');
    const preflight = (origin: string) =>
      api.call('/codec/decode', {
        method: 'OPTIONS',
        key: null,
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,x-namespace',
        },
      });
    const allowed = await preflight(UI);
    const answered = await decode({ payloads }, { headers: { origin: UI } });
    const refusedByKey = await decode({ payloads }, { key: null, headers: { origin: UI } });
    assert.deepEqual([allowed.status, answered.status, refusedByKey.status], [204, 200, 401]);
    assert.match(allowed.headers.get('access-control-allow-headers') ?? '', /content-type, x-namespace/);
    assert.equal(allowed.headers.get('access-control-allow-methods'), 'POST');
    for (const { headers } of [allowed, answered, refusedByKey]) {
      assert.equal(headers.get('access-control-allow-origin'), UI);
      assert.equal(headers.get('access-control-allow-credentials'), 'true');
      assert.match(headers.get('vary') ?? '', /Origin/);
    }
    for (const origin of ['https://evil.example', 'http://127.0.0.1:8234', 'null', `${UI}.evil.example`]) {
      for (const response of [await preflight(origin), await decode({ payloads }, { headers: { origin } })]) {
        assert.equal(response.status, 403, origin);
        assert.equal(response.headers.get('access-control-allow-origin'), null);
      }
    }
    // Elsewhere nothing is allowed to any origin.
    const other = await api.call('/v1/tables', { headers: { origin: UI } });
    assert.equal(other.headers.get('access-control-allow-origin'), null);
  });

  it('refuses bodies that are no payloads, or too many, with the place', async () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`m${index}`, '']));
    for (const [body, place] of [
      [{}, '#/payloads'],
      [{ payloads: 'all' }, '#/payloads'],
      [{ payloads: [null] }, '#/payloads/0'],
      [{ payloads: [{ data: 1 }] }, '#/payloads/0/data'],
      [{ payloads: [{ metadata: 'x'.repeat(100) }] }, '#/payloads/0/metadata'],
      [{ payloads: [{ metadata: { seal: 5 } }] }, '#/payloads/0/metadata/seal'],
      [{ payloads: [{ metadata: many }] }, '#/payloads/0/metadata'],
      [{ payloads: Array.from({ length: 1001 }, () => ({})) }, '#/payloads'],
    ] as const) {
      const response = await decode(body);
      const { code, errors } = (await response.json()) as { code: string; errors?: { pointer: string }[] };
      assert.deepEqual([response.status, code, errors?.[0]?.pointer], [400, 'invalid-request', place]);
    }
    const large = await decode({ payloads: [{ data: 'A'.repeat(9 * 1024 * 1024) }] });
    assert.equal(large.status, 413);
    assert.deepEqual(api.keys.audit, []);
  });
});

async function sealed(mode: PayloadMode): Promise<JsonPayload[]> {
  const codec = createSealCodec({ keys: TEST_PAYLOAD_KEYS, mode, unsealed: 'throw' });
  return (await codec.encode([defaultPayloadConverter.toPayload(ROW)!], CONTEXT)).map(json);
}

/** As protobuf's JSON has it. */
function json({ metadata, data }: Payload): JsonPayload {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return { metadata: Object.fromEntries(entries), data: base64(data!) };
}
