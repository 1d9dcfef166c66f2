import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HEADER_LIMITS, MAX_CREDENTIAL } from '../../api/http/header-limits.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly bytes: number;
  readonly processorMs: number;
}

describe('A header that nobody sends in earnest', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
  });
  after(() => api[Symbol.asyncDispose]());

  async function ask(path: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
    const before = process.threadCpuUsage();
    const key = headers.authorization ? null : headers['x-api-key'];
    const body = method === 'POST' ? '[]' : null;
    const response = await api.call(path, { key, method, headers, body });
    const text = await response.text();
    const { user, system } = process.threadCpuUsage(before);
    const problem = text.startsWith('{') ? (JSON.parse(text) as { code?: string; detail?: string }) : {};
    return {
      status: response.status,
      code: problem.code,
      detail: problem.detail,
      bytes: text.length,
      processorMs: (user + system) / 1000,
    };
  }

  it('is refused at once where it is a credential, as a wrong one is, without being repeated', async () => {
    const credentials: Record<string, string>[] = [
      { authorization: `Bearer a${' '.repeat(60_000)}b` },
      { authorization: `Bearer ${'a'.repeat(60_000)}` },
      { authorization: `Bearer ${'a.'.repeat(MAX_CREDENTIAL / 2)}b` },
      { 'x-api-key': `lsk_${'a'.repeat(60_000)}` },
    ];
    for (const headers of credentials) {
      const answer = await ask('/v1/tables', headers);
      assert.equal(answer.code, 'unauthenticated');
      assert.ok(answer.bytes < 1_000 && answer.processorMs < 500, JSON.stringify(answer));
    }
    const basic = { authorization: `Basic ${'QUJD'.repeat(15_000)}` };
    assert.equal((await ask('/v1/tokens', basic, 'POST')).code, 'unauthenticated');
  });

  it('is refused with its name and its limit where it is another one', async () => {
    for (const [name, limit] of Object.entries(HEADER_LIMITS)) {
      if (name === 'content-length') continue;
      const answer = await ask('/v1/tables', { [name]: 'a'.repeat(limit + 1) });
      assert.equal(answer.status, 431, name);
      assert.equal(answer.code, 'headers-too-large');
      assert.equal(
        answer.detail,
        `the header ${name} has ${limit + 1} characters: at most ${limit} are taken`,
      );
    }
  });

  it('costs no more than another one where it is as long as it may be', async () => {
    const prefer = `a${';a= '.repeat(200)}?`;
    const answer = await ask('/v1/tables/jobs/rows', { prefer, 'content-type': 'application/json' }, 'POST');
    assert.ok(answer.processorMs < 500, JSON.stringify(answer));
  });

  it('is not repeated at length, and neither are a path, a parameter or a name', async () => {
    const long = 'n'.repeat(30_000);
    const paths = [`/${long}`, `/v1/tables/${long}`, `/v1/loads?${long}=1`, `/v1/loads?status=${long}`];
    for (const path of paths) {
      const answer = await ask(path, {});
      assert.ok(answer.status >= 400 && answer.bytes < 2_000, `${answer.status}, ${answer.bytes} bytes`);
    }
    const many = Array.from({ length: 5_000 }, (_, n) => `p${n}=1`).join('&');
    assert.ok((await ask(`/v1/loads?${many}`, {})).bytes < 20_000);
    const type = { 'content-type': `text/${'x'.repeat(900)}` };
    assert.ok((await ask('/v1/tables/jobs/rows', type, 'POST')).bytes < 1_000);
  });
});
