import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

/** Two arrivals of one content are one load, but not when a restore came between. */
describe('a file that is loaded again after a restore', async () => {
  const stack = await testStack({ after });
  const backUp = async () => {
    const { status, body } = await stack.post('/v1/tables/jobs/backups', {}, { prefer: 'wait=50' });
    assert.equal(status, 201, JSON.stringify(body));
    return String(body.id);
  };
  const restore = async (backup: string, more: object = {}) => {
    const answer = await stack.post('/v1/tables/jobs/restore', { backup, ...more }, { prefer: 'wait=50' });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };
  const load = async (csv: string, mode: string) => {
    const { body } = await stack.load('jobs', csv, { mode });
    assert.equal(body.status, 'done', JSON.stringify(body));
    return { id: body.id, existing: body.existing };
  };
  const ids = async () => (await stack.rows('jobs')).map(({ id }) => Number(id));

  it('is a new load where its rows were restored away, and the same where they were brought back', async () => {
    const none = await backUp();
    const first = await load('1,One\n2,Two\n', 'append');
    const both = await backUp();
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: first.id, existing: true });

    // Its rows are in this backup, and those of single keys are no reason to load the rest again.
    await restore(both);
    await restore(none, { keys: [['1']] });
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: first.id, existing: true });

    await restore(none);
    assert.deepEqual(await ids(), []);
    const without = await backUp();
    // Made after the load, and without its rows all the same.
    await restore(without);
    const second = await load('1,One\n2,Two\n', 'append');
    assert.equal(second.existing, false);
    assert.deepEqual(await ids(), [1, 2]);
    assert.deepEqual(await load('1,One\n2,Two\n', 'append'), { id: second.id, existing: true });
  });

  it('is a new load in mode replace, whatever was restored; a restore beside the table does not count', async () => {
    const backup = await backUp();
    const first = await load('3,Three\n', 'replace');
    await restore(backup, { as: 'jobs_then' });
    assert.deepEqual(await load('3,Three\n', 'replace'), { id: first.id, existing: true });
    await restore(backup, { keys: [['1']] });
    assert.equal((await load('3,Three\n', 'replace')).existing, false);
    assert.deepEqual(await ids(), [3]);
  });
});

/** All that a request can say of how a file is written. */
describe('a file that is not written as its table says', async () => {
  const stack = await testStack({ after });
  const HOW = {
    ...{ delimiter: ';', encoding: 'latin1', header: 'true', quoteChar: "'", doubleQuote: 'false' },
    ...{ escapeChar: '\\', skipInitialSpace: 'true', commentChar: '#' },
  };
  const READ_AS = {
    ...{ delimiter: ';', encoding: 'windows-1252', header: true, quoteChar: "'", doubleQuote: false },
    ...{ escapeChar: '\\', skipInitialSpace: true, commentChar: '#' },
  };
  const LINES = ['# jobs', 'id; job', "1; 'B\\'üro; x'", '2; Pilot', 'x; \'ü, "y"\'', ''];
  const FILE = Buffer.from(LINES.join('\n'), 'latin1');
  const byName = (source: string, query: Record<string, string> = {}, prefer = 'wait=50') =>
    stack.post(`/v1/tables/jobs/loads?${new URLSearchParams(query)}`, { source }, { prefer });

  it('is read as the request says, and its corrected rejects need no parameters', async () => {
    const { status, body } = await stack.load('jobs', FILE, HOW);
    assert.deepEqual([status, body.rows.loaded, body.rows.rejected], [201, 2, 1], JSON.stringify(body));
    assert.deepEqual((await stack.get(`/v1/loads/${body.id}`)).body.readAs, READ_AS);
    assert.deepEqual(
      (await stack.rows('jobs')).map(({ job }) => job),
      ["B'üro; x", 'Pilot'],
    );
    assert.deepEqual((await stack.rejects(body.id))[0]!.cells, ['x', 'ü, "y"']);
    const path = `${stack.url}/v1/loads/${body.id}/rejects?format=csv`;
    const csv = await (await fetch(path, { headers: { 'x-api-key': stack.key } })).text();
    const [header, line] = csv.split('\r\n');
    assert.equal(header, 'id,job,_line,_field,_code,_message');
    assert.ok(line!.startsWith('x,"ü, ""y""",5,id,type-error,'), line);
    const again = await stack.load('jobs', `3${line!.slice(1, line!.indexOf(',5,id'))}\n`);
    assert.deepEqual([again.body.rows.loaded, again.body.readAs], [1, null], JSON.stringify(again.body));
    assert.equal((await stack.rows('jobs'))[2]!.job, 'ü, "y"');
  });

  it('is the same load however it is read, unless that load took no row of it', async () => {
    const same = await stack.load('jobs', FILE, HOW);
    const { readOtherwise, rulesChanged, hint } = same.body as unknown as Record<string, unknown>;
    assert.deepEqual([same.status, readOtherwise, rulesChanged, hint], [200, false, false, undefined]);
    const other = await stack.load('jobs', FILE, { ...HOW, encoding: 'utf-8' });
    assert.deepEqual([other.status, other.body.id], [200, same.body.id]);
    assert.partialDeepStrictEqual(other.body, {
      ...{ readOtherwise: true, rulesChanged: false },
      hint: 'that load read the file otherwise than is asked for now: force=true loads the file as it is asked for now',
    });

    await stack.putInbox('elsewhere/more.csv', 'id;job\n7;Diver\n');
    const none = await byName('elsewhere/more.csv', { maxRejects: 'none' });
    assert.deepEqual([none.status, none.body.rows.rejected], [201, 2], JSON.stringify(none.body));
    assert.equal((await byName('elsewhere/more.csv')).status, 200);
    const read = await byName('elsewhere/more.csv', { delimiter: ';', header: 'true' });
    assert.deepEqual([read.status, read.body.rows?.loaded], [201, 1], JSON.stringify(read.body));
  });

  it('is read in the same way after it was queued and paused, though it is surveyed later', async () => {
    await stack.putInbox('elsewhere/cook.csv', '5,Cook\n');
    await stack.putInbox('elsewhere/smith.csv', "# jobs\nid; job\n4; 'Smith; x'\n");
    const id = await stack.db.transaction(async ({ query }) => {
      await query('lock table jobs in access exclusive mode');
      assert.equal((await byName('elsewhere/cook.csv', {}, 'wait=0')).status, 202);
      const { body } = await byName('elsewhere/smith.csv', HOW, 'wait=0');
      assert.equal((await stack.post(`/v1/loads/${body.id}/pause`)).status, 202);
      return body.id;
    });
    const state = async () => (await stack.get(`/v1/loads/${id}`)).body;
    await eventually(async () => (await state()).queuedBehind, null);
    assert.deepEqual([(await state()).paused, (await state()).readAs], [true, READ_AS]);
    assert.equal((await stack.post(`/v1/loads/${id}/resume`)).status, 202);
    await eventually(async () => (await state()).status, 'done');
    const found = (await stack.rows('jobs')).find((row) => Number(row.id) === 4);
    assert.equal(found?.job, 'Smith; x');
  });

  it('is read in the same way as a batch, whose key belongs to that reading', async () => {
    const send = async (query: Record<string, string>, key: string, type = 'text/csv') => {
      const answer = await fetch(`${stack.url}/v1/tables/jobs/rows?${new URLSearchParams(query)}`, {
        method: 'POST',
        headers: { 'content-type': type, 'x-api-key': stack.key, 'idempotency-key': key },
        body: Buffer.from(LINES.join('\n').replace('1;', '11;').replace('2;', '12;'), 'latin1'),
      });
      const body = (await answer.json()) as {
        id: string;
        code?: string;
        detail?: string;
        rejected?: object[];
      };
      return { status: answer.status, body, replayed: answer.headers.get('idempotency-replayed') };
    };
    const first = await send(HOW, 'one');
    assert.equal(first.status, 200, JSON.stringify(first.body));
    const jobs = (await stack.rows('jobs')).filter(({ id }) => Number(id) > 10).map(({ job }) => job);
    assert.deepEqual(jobs, ["B'üro; x", 'Pilot']);
    assert.partialDeepStrictEqual(first.body.rejected, [{ index: 2, row: ['x', 'ü, "y"'] }]);
    const path = `${stack.url}/v1/batches/${first.body.id}/rejects?format=csv`;
    const csv = await (await fetch(path, { headers: { 'x-api-key': stack.key } })).text();
    assert.ok(csv.startsWith('id,job,_index,_field,_code,_message\r\nx,"ü, ""y""",2,id,type-error,'), csv);

    assert.equal((await send(HOW, 'one')).replayed, 'true');
    const other = await send({ ...HOW, encoding: 'iso-8859-2' }, 'one');
    assert.deepEqual([other.status, other.body.code], [422, 'idempotency-key-reused']);
    const json = await send({ delimiter: ';', header: 'true' }, 'two', 'application/json');
    assert.deepEqual(
      [json.status, json.body.code, json.body.detail],
      [400, 'invalid-request', 'delimiter, header: says how CSV is read, and the body is JSON'],
    );
    const charset = await send(HOW, 'three', 'text/csv; charset=koi8-r');
    assert.deepEqual(
      [charset.status, charset.body.detail],
      [415, 'the charset is koi8-r, but the encoding is windows-1252'],
    );
  });

  it('may be what a whole arrival brings', async () => {
    const settings = { prefix: 'elsewhere/bank/', pattern: '*.csv', table: 'jobs', stableSeconds: 0 };
    const dialect = { delimiter: 'tab', header: true, quoteChar: '' };
    const create = (id: string, more: object) =>
      stack.post('/v1/arrivals', { id, everySeconds: 86_400, ...settings, ...more });
    const bad = await create('bad', { dialect: { encoding: 'utf-61', delimiter: 'xx' } });
    assert.equal(bad.status, 400);
    assert.partialDeepStrictEqual(bad.body, {
      errors: [{ pointer: '/dialect/delimiter' }, { pointer: '/dialect/encoding' }],
    });
    const made = await create('bank', { dialect });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const kept = { delimiter: '\t', header: true, quoteChar: null };
    assert.deepEqual((made.body as unknown as { dialect: object }).dialect, kept);
    const folder = join(stack.home, 'storage', 'elsewhere', 'bank');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'a.csv'), 'id\tjob\n21\tA "bc"\n');
    const loaded = async () => {
      await stack.post('/v1/arrivals/bank/notify');
      return (await stack.rows('jobs')).find(({ id }) => Number(id) === 21)?.job;
    };
    await eventually(loaded, 'A "bc"');
    const { body } = await stack.get('/v1/loads?limit=1');
    assert.partialDeepStrictEqual(body, { loads: [{ startedBy: 'arrival:bank', readAs: kept }] });
  });
});

/** What is said where a file was refused that seems to be written otherwise than it was read. */
describe('a file that was refused for how it is written', async () => {
  const stack = await testStack(
    { after },
    {
      name: 'hints',
      resources: [
        {
          name: 'towns',
          schema: {
            fields: [{ name: 'id', type: 'integer' }, { name: 'town' }],
            primaryKey: 'id',
          },
        },
        {
          name: 'lakes',
          dialect: { header: false },
          schema: { fields: [{ name: 'id', type: 'integer' }, { name: 'lake' }] },
        },
      ],
    },
  );
  const SEMICOLONS =
    "the file seems to be separated by ';' (the table says ','): delimiter=%3B reads it, in the client --delimiter ';'";
  const said = (body: { readonly detail?: string }) => body.detail ?? '';

  it('is told so where its header does not fit, and loads as the answer says', async () => {
    const file = 'id;town\n1;Rome\n';
    const { status, body } = await stack.load('towns', file);
    assert.deepEqual([status, body.code], [422, 'header-mismatch']);
    assert.ok(said(body).endsWith(`unexpected: column 1; ${SEMICOLONS}`), said(body));
    assert.deepEqual((await stack.load('towns', file, { delimiter: ';' })).status, 201);
    const none = await stack.load('towns', 'code;label\n1;Rome\n');
    assert.doesNotMatch(said(none.body), /seems/);
  });

  it('is told so by the failure of its load, whoever asks for it', async () => {
    await stack.putInbox('elsewhere/towns.csv', 'id;town\n2;Oslo\n');
    const asked = await stack.post(
      '/v1/tables/towns/loads',
      { source: 'elsewhere/towns.csv' },
      { prefer: 'wait=50' },
    );
    assert.deepEqual([asked.status, asked.body.code], [422, 'header-mismatch']);
    assert.ok(said(asked.body).endsWith(SEMICOLONS), said(asked.body));
    const { status, body } = await stack.load('lakes', '1;Como\n2;Garda\n');
    assert.deepEqual([status, body.code], [422, 'too-many-rejects']);
    assert.ok(said(body).endsWith(SEMICOLONS), said(body));
    const failed = (await stack.get('/v1/loads?limit=1')).body as unknown as { loads: { id: number }[] };
    const load = (await stack.get(`/v1/loads/${failed.loads[0]!.id}`)).body;
    assert.deepEqual([load.hint, load.error?.message.endsWith(SEMICOLONS)], [SEMICOLONS, true]);
  });

  it('is told so by a load that is done without its first row, or without those in another encoding', async () => {
    const header = await stack.load('lakes', `id,lake\n${'3,Erie\n'.repeat(30)}`);
    assert.deepEqual([header.status, header.body.rows.rejected], [201, 1]);
    assert.equal(
      header.body.hint,
      'the file seems to be with a header (the table says without): header=true reads it, in the client --header',
    );
    const latin = Buffer.from(`${'4,Bodensee\n'.repeat(40_000)}5,Müritz\n6,Wörthersee\n`, 'latin1');
    const encoding = await stack.load('lakes', latin);
    assert.deepEqual([encoding.status, encoding.body.rows.rejected], [201, 2]);
    assert.match(
      encoding.body.hint ?? '',
      /in windows-1252 \(the table says utf-8\): encoding=windows-1252 reads it/,
    );
    const bad = await stack.load('lakes', `${'7,Ontario\n'.repeat(30)}x,Huron\n`);
    assert.deepEqual([bad.body.rows.rejected, bad.body.hint], [1, undefined]);
    const good = await stack.load('lakes', '8,Ladoga\n');
    assert.deepEqual([good.status, good.body.hint], [201, undefined]);
  });

  it('is told so as a batch, too', async () => {
    const send = async (table: string, body: string | Buffer, query = '') => {
      const headers = { 'content-type': 'text/csv', 'x-api-key': stack.key };
      const answer = await fetch(`${stack.url}/v1/tables/${table}/rows${query}`, {
        method: 'POST',
        headers,
        body,
      });
      const { code, detail, hint } = (await answer.json()) as Record<string, string | undefined>;
      return { status: answer.status, code, detail, hint };
    };
    const hint = SEMICOLONS.replace('file', 'body');
    const header = await send('towns', 'id;town\n3;Bern\n');
    assert.deepEqual([header.status, header.code], [422, 'header-mismatch']);
    assert.ok(header.detail?.endsWith(hint), header.detail);
    const none = await send('lakes', '9;Como\n');
    assert.deepEqual([none.status, none.detail], [422, `1 of 1 rows were rejected; ${hint}`]);
    assert.equal((await send('lakes', '9;Como\n', '?delimiter=%3B')).status, 201);
    const some = await send('lakes', 'id,lake\n10,Como\n');
    assert.deepEqual([some.status, some.hint?.includes('header=true reads it')], [200, true]);
    const wide = await send('lakes', Buffer.from('313b938c8b9e0a', 'hex'), '?encoding=shift_jis');
    assert.deepEqual([wide.status, wide.detail], [422, `1 of 1 rows were rejected; ${hint}`]);
    const bytes = await send('lakes', Buffer.from('11,Müritz\n', 'latin1'));
    assert.deepEqual([bytes.status, bytes.code], [400, 'malformed-body']);
    assert.match(
      bytes.detail ?? '',
      /not valid UTF-8; the body seems to be in windows-1252 .*encoding=windows-1252 reads it/,
    );
  });
});
