import assert from 'node:assert/strict';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readConfig } from '../../src/config.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Inferred } from '../../src/infer/contract.ts';
import { inferInThread } from '../../src/infer/infer-in-thread.ts';
import { UploadSlots } from '../../src/loads/upload-slots.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { eventually, until } from '../support/eventually.ts';

const ORDERS = 'order_no;placed;total\n001;31/12/2026;"1.234,56"\n002;01/12/2026;"7,10"\n';
const CSV = { 'content-type': 'text/csv' };

type Body = NonNullable<RequestInit['body']>;

function post(api: TestApi, query: string, body: Body, headers: Record<string, string> = CSV) {
  return api.call(`/v1/dictionary/infer${query}`, {
    method: 'POST',
    body,
    headers,
    duplex: 'half',
  } as RequestInit);
}

/** Whether a thread is under way in this process. */
async function isInferring(): Promise<boolean> {
  return process.getActiveResourcesInfo().includes('MessagePort');
}

async function inferred(response: Response): Promise<Inferred> {
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

async function refused(response: Response, status: number, code: string): Promise<string> {
  const problem = (await response.json()) as { readonly code: string; readonly detail: string };
  assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/problem+json');
  assert.deepEqual([response.status, problem.code], [status, code], JSON.stringify(problem));
  return problem.detail;
}

describe('inferring files over HTTP', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api[Symbol.asyncDispose]());

  it('answers with the descriptor, the evidence and a preview, and keeps nothing', async () => {
    const answer = await inferred(await post(api, '?name=orders.csv', ORDERS));
    const [resource] = answer.descriptor.resources as [{ name: string; schema: { fields: unknown } }];
    assert.equal(resource.name, 'orders');
    assert.deepEqual(resource.schema.fields, [
      { name: 'order_no', type: 'string' },
      { name: 'placed', type: 'date', format: '%d/%m/%Y', constraints: { required: true } },
      {
        name: 'total',
        type: 'number',
        groupChar: '.',
        decimalChar: ',',
        constraints: { required: true },
      },
    ]);
    const [file] = answer.files;
    assert.equal(file!.rows, 2);
    assert.equal(file!.delimiter.choice, ';');
    assert.deepEqual(file!.preview.rows[0], ['001', '2026-12-31', '1234.56']);
    assert.deepEqual(await readdir(join(api.home, 'infer')), []);
    assert.deepEqual(await api.files(), []);
  });

  it('takes gzip by its bytes and by Content-Encoding, and a name by Content-Disposition', async () => {
    const packed = gzipSync(ORDERS);
    const byBytes = await inferred(await post(api, '?name=orders.csv.gz', packed));
    assert.equal(byBytes.files[0]!.compression, 'gzip');
    const byCoding = await inferred(
      await post(api, '', packed, {
        ...CSV,
        'content-encoding': 'gzip',
        'content-disposition': 'attachment; filename="../orders.csv"',
      }),
    );
    assert.equal(byCoding.files[0]!.compression, null);
    assert.deepEqual(byCoding.descriptor, byBytes.descriptor);
  });

  it('takes several files of a form, and finds what they have to do with each other', async () => {
    const form = new FormData();
    form.append('file', new Blob(['customer_id,name\n7,Ada\n8,Bob\n9,Cy\n']), 'customers.csv');
    form.append('file', new Blob(['order_no,customer_id\n1,7\n2,9\n3,7\n']), 'orders.csv');
    const answer = await inferred(await post(api, '', form, {}));
    const [, orders] = answer.descriptor.resources as unknown as { schema: { foreignKeys: unknown } }[];
    assert.deepEqual(orders!.schema.foreignKeys, [
      { fields: ['customer_id'], reference: { resource: 'customers', fields: ['customer_id'] } },
    ]);
  });

  it('reads files of many pieces twice and more, and leaves them open until the answer', async () => {
    const numbers = Array.from({ length: 60_000 }, (_, at) => at + 1);
    const form = new FormData();
    form.append('file', new Blob([`customer_no\n${numbers.join('\n')}\n`]), 'customers.csv');
    const orders = numbers.map((no) => `${no},${(no % 50_000) + 1},${'x'.repeat(20)}\n`);
    form.append(
      'file',
      new Blob([gzipSync(`order_no,customer_no,note\n${orders.join('')}`)]),
      'orders.csv.gz',
    );
    const answer = await inferred(await post(api, '', form, {}));
    assert.deepEqual(
      answer.files.map(({ rows }) => rows),
      [60_000, 60_000],
    );
    assert.match(answer.files[1]!.references[0]!.note!, /all 60,000 values are in customers\.customer_no/);
  });

  it('takes the overrides of the command as parameters', async () => {
    const one = await inferred(
      await post(api, '?table=sales&delimiter=%3B&header=false&primaryKey=&rules=none&quote=none', ORDERS),
    );
    const [resource] = one.descriptor.resources as [
      {
        name: string;
        dialect: { header: boolean };
        schema: { fields: { name: string }[]; primaryKey?: unknown };
      },
    ];
    assert.equal(resource.name, 'sales');
    assert.equal(resource.dialect.header, false);
    assert.equal(resource.schema.fields[0]!.name, 'column_1');
    assert.equal(resource.schema.primaryKey, undefined);
    const dates = 'day\n01/02/2026\n03/04/2026\n';
    for (const [order, format] of [
      ['day', '%d/%m/%Y'],
      ['month', '%m/%d/%Y'],
    ]) {
      const { descriptor } = await inferred(await post(api, `?dates=${order}`, dates));
      const [{ schema }] = descriptor.resources as unknown as [{ schema: { fields: { format: string }[] } }];
      assert.equal(schema.fields[0]!.format, format);
    }
    const cyrillic = Buffer.from('e8ece50ae0edede00a', 'hex');
    for (const [query, type] of [
      ['?encoding=windows-1251', 'text/csv'],
      ['', 'text/csv; charset=cp1251'],
    ]) {
      const { files } = await inferred(await post(api, query!, cyrillic, { 'content-type': type! }));
      assert.equal(files[0]!.encoding.choice, 'windows-1251');
    }
  });

  it('refuses what is no CSV, what is empty and what can not be, each with its code', async () => {
    assert.match(
      await refused(await post(api, '?name=a.csv', '%PDF-1.7'), 422, 'file-not-csv'),
      /^a\.csv is a PDF/,
    );
    await refused(await post(api, '', ''), 422, 'file-empty');
    await refused(await post(api, '', 'x', { 'content-type': 'image/png' }), 415, 'unsupported-media-type');
    await refused(
      await post(api, '', 'x', { ...CSV, 'content-encoding': 'br' }),
      415,
      'unsupported-media-type',
    );
    await refused(await post(api, '', 'x', { ...CSV, 'content-encoding': 'gzip' }), 400, 'malformed-body');
    await refused(
      await post(api, '', 'x', { 'content-type': 'text/csv; charset=klingon' }),
      415,
      'unsupported-media-type',
    );
    for (const [query, detail] of [
      ['?delimiter=a', /^delimiter: expected one ASCII character/],
      ['?quote=ab', /^quote: expected one ASCII character/],
      ['?encoding=klingon', /^encoding: expected the name of an encoding/],
      ['?dates=year', /^dates: expected one of day, month/],
      ['?table=pg_x', /^table: "pg_x"/],
      ['?primaryKey=order_id', /^primaryKey: the file has no field "order_id"; did you mean "order_no"\?/],
    ] as const) {
      assert.match(await refused(await post(api, query, ORDERS), 400, 'invalid-request'), detail);
    }
  });

  it('needs the scope write, and tells a limited key of no other table', async () => {
    const as = (key: string) =>
      api.call('/v1/dictionary/infer?table=notes', { method: 'POST', body: ORDERS, headers: CSV, key });
    await refused(await as('read-key-of-the-tests'), 403, 'forbidden');
    const { warnings } = await inferred(await as('write-key-of-the-tests'));
    assert.match(warnings.join('\n'), /there is a table notes already/);
    assert.deepEqual((await inferred(await as('jobs-key-of-the-tests'))).warnings, []);
  });
});

describe('the bounds of inferring over HTTP', () => {
  it('refuses files that are too large, also once they are unpacked', async () => {
    await using other = await startTestApi();
    const config = readConfig({ LONGSHORE_HOME: other.home, LONGSHORE_INFER_MIB: '1' });
    await using api = await startTestApi({ config });
    const rows = `a,b\n${'1,2\n'.repeat(300_000)}`;
    for (const [body, headers] of [
      [rows, CSV],
      [gzipSync(rows), CSV],
      [gzipSync(rows), { ...CSV, 'content-encoding': 'gzip' }],
    ] as const) {
      const detail = await refused(await post(api, '', body, headers), 413, 'body-too-large');
      assert.match(detail, /1048576 bytes/);
    }
    const form = new FormData();
    for (const name of ['a.csv.gz', 'b.csv.gz']) {
      form.append('file', new Blob([gzipSync(`${name}\n${'1,2\n'.repeat(150_000)}`)]), name);
    }
    await refused(await post(api, '', form, {}), 413, 'body-too-large');
  });

  it('refuses one more than may be inferred at a time, and takes it afterwards', async () => {
    await using api = await startTestApi({ inferences: new UploadSlots(1, 'requests are being inferred') });
    const slow = new TransformStream<Uint8Array, Uint8Array>();
    const writer = slow.writable.getWriter();
    const first = post(api, '', slow.readable);
    await writer.write(Buffer.from('id,name\n'));
    const second = await until(
      () => post(api, '', ORDERS),
      ({ status }) => status !== 200,
    );
    assert.ok(Number(second.headers.get('retry-after')) > 0);
    await refused(second, 503, 'overloaded');
    await writer.write(Buffer.from('1,Ada\n'));
    await writer.close();
    await inferred(await first);
    await inferred(await post(api, '', ORDERS));
  });

  it('ends an inference when its client is gone', async () => {
    const outcomes: unknown[] = [];
    const slots = new UploadSlots(2);
    const inferences = Object.assign(Object.create(UploadSlots.prototype), {
      use: <T>(work: () => Promise<T>) =>
        slots.use(work).then(
          (value) => {
            outcomes.push('inferred');
            return value;
          },
          (error) => {
            outcomes.push(error instanceof LongshoreError ? error.message : error);
            throw error;
          },
        ),
    }) as UploadSlots;
    await using api = await startTestApi({ inferences });
    const body = `id,name,amount\n${'17,"Ada, L.",12.50\n'.repeat(1_000_000)}`;
    const head = `POST /v1/dictionary/infer HTTP/1.1\r\nhost: x\r\nx-api-key: admin-key-of-the-tests\r\ncontent-type: text/csv\r\ncontent-length: ${body.length}\r\n\r\n`;
    await api.raw(head + body, { hangUpWhen: isInferring });
    await eventually(async () => outcomes, ['the client hung up']);
    assert.match(api.log.join('\n'), /request broken off by the client/);
  });

  it('ends the thread wherever it is when it is aborted', async () => {
    await using api = await startTestApi();
    const path = join(api.home, 'numbers.csv');
    await using file = await open(path, 'wx+');
    const text = `id,amount\n${'1,2.50\n'.repeat(2_000_000)}`;
    await file.write(text);
    const end = new AbortController();
    const running = inferInThread([{ name: 'numbers.csv', fd: file.fd, bytes: text.length }], {}, end.signal);
    await eventually(isInferring, true);
    end.abort(new Error('nobody waits'));
    await assert.rejects(running, /nobody waits/);
    assert.equal(await isInferring(), false);
  });
});
