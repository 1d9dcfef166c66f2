import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Connection } from '@temporalio/client';
import { LongshoreError } from '../../src/errors.ts';
import { freePort } from '../../src/platform/ports.ts';
import { startTemporal } from '../../src/platform/temporal.ts';
import { provisionTemporal } from '../../src/platform/temporal-provision.ts';
import type { TemporalSource } from '../../src/platform/temporal-sources.ts';
import { eventually } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';

const quiet = { info: () => undefined, warn: () => undefined };

test('a temporal on the PATH is not run, unless it is chosen', async (t) => {
  const { cache, folder } = folders(t);
  const onPath = fakeProgram(folder);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  t.after(() => {
    process.env.PATH = before;
  });
  assert.equal(await provision({ cache, sources: [working('source', [])] }), join(cache, 'temporal'));
  assert.equal(await provision({ cache, sources: [], program: onPath }), onPath);
  const broken = fakeProgram(cache, 'exit 1');
  await assert.rejects(provision({ cache, sources: [], program: broken }), /LONGSHORE_TEMPORAL_CLI/);
});

test('the cache is used before any download, while it is what was fetched', async (t) => {
  const { cache, folder } = folders(t);
  const program = await provision({ cache, sources: [working('first', [])] });
  assert.equal(await provision({ cache, sources: [unreachable('a')] }), program);
  const ran = join(folder, 'ran');
  fakeProgram(cache, `touch ${ran}; echo "temporal version 1.9.1 (exchanged)"`);
  await assert.rejects(provision({ cache, sources: [unreachable('a')] }), /not what was fetched/);
  assert.equal(existsSync(ran), false, 'it was not run');
  assert.equal(await provision({ cache, sources: [working('second', [])] }), program);
});

test('each source is tried in turn; the first that works fills the cache', async (t) => {
  const { cache } = folders(t);
  const tried: string[] = [];
  const sources = [unreachable('first', tried), working('second', tried), working('third', tried)];
  const program = await provision({ cache, sources });
  assert.deepEqual(tried, ['first', 'second']);
  assert.equal(program, join(cache, 'temporal'));
  assert.deepEqual(readdirSync(cache), ['temporal', 'temporal.sha256'], 'attempts leave nothing else behind');
  assert.equal(await provision({ cache, sources: [unreachable('fourth', tried)] }), program);
  assert.deepEqual(tried, ['first', 'second'], 'the second time nothing is fetched');
});

test('a broken program is passed over, in the cache and from a source', async (t) => {
  const { cache } = folders(t);
  fakeProgram(cache, 'echo something else');
  const tried: string[] = [];
  const sources = [working('broken', tried, 'exit 3'), working('good', tried)];
  assert.equal(await provision({ cache, sources }), join(cache, 'temporal'));
  assert.deepEqual(tried, ['broken', 'good']);
});

test('the error when nothing works names every way that was tried, and its error', async (t) => {
  const { cache } = folders(t);
  const attempt = provision({ cache, sources: [unreachable('the moon'), unreachable('the sea')] });
  await assert.rejects(attempt, (error) => {
    assert(error instanceof LongshoreError);
    assert.equal(error.code, 'temporal-missing');
    for (const word of [
      'TEMPORAL_ADDRESS',
      'LONGSHORE_TEMPORAL_CLI',
      'the moon: no route',
      'the sea: no route',
      'build a bridge',
    ]) {
      assert.ok(error.message.includes(word), `"${word}" in ${error.message}`);
    }
    return true;
  });
});

test('a start that is stopped meanwhile tries no further source', async (t) => {
  const { cache } = folders(t);
  const stop = new AbortController();
  const tried: string[] = [];
  const stopping: TemporalSource = {
    ...working('first', tried),
    provide: async () => {
      stop.abort();
      throw new Error('ended');
    },
  };
  const sources = [stopping, working('second', tried)];
  await assert.rejects(provision({ cache, sources, signal: stop.signal }), { name: 'AbortError' });
  assert.deepEqual(tried, []);
  assert.equal(existsSync(join(cache, 'temporal')), false);
});

test('the dev server accepts nothing over HTTP, and its Web UI knows where payloads are opened', async (t) => {
  const http = await freePort();
  const temporal = await startTemporal({
    home: await testHome(t),
    log: quiet,
    codecEndpoint: 'http://127.0.0.1:8080/codec',
    givenPorts: { temporalHttp: http },
  });
  t.after(() => temporal.stop());
  const workflows = '/api/v1/namespaces/default/workflows';
  const foreign = { host: 'rebound.example' };
  const fromPage = { 'content-type': 'text/plain', origin: 'https://evil.example' };
  const start = JSON.stringify({ workflowType: { name: 'loadCsv' }, taskQueue: { name: 'longshore' } });
  for (const [method, path, headers, body] of [
    ['GET', workflows, {}, undefined],
    ['GET', workflows, foreign, undefined],
    ['GET', workflows, { host: 'localhost' }, undefined],
    ['POST', `${workflows}/forged`, fromPage, start],
    ['POST', `${workflows}/forged`, { ...fromPage, ...foreign }, start],
  ] as const) {
    assert.equal(
      await statusOf(http, method, path, headers, body),
      403,
      `${method} ${JSON.stringify(headers)}`,
    );
  }
  const settings = (await (await fetch(`${temporal.uiUrl}/api/v1/settings`)).json()) as {
    Codec: { Endpoint: string };
  };
  assert.equal(settings.Codec.Endpoint, 'http://127.0.0.1:8080/codec');
});

test('the dev server keeps few indexes and bounded caches, and a start gives what is free in its file back', async (t) => {
  const home = await testHome(t);
  const said: string[] = [];
  const log = { info: (line: string) => void said.push(line), warn: (line: string) => void said.push(line) };
  const first = await startTemporal({ home, log });
  const command = readFileSync(`/proc/${first.pid}/cmdline`, 'utf8').split('\0');
  for (const setting of [
    'history.hostLevelCacheMaxSize=2000',
    'history.eventsHostLevelCacheMaxSizeBytes=16777216',
  ]) {
    assert.ok(command.includes(setting), setting);
  }
  const file = join(home, 'temporal', 'temporal.db');
  const client = await Connection.connect({ address: first.address });
  const start = { namespace: 'default', workflowType: { name: 'any' }, taskQueue: { name: 'nobody' } };
  for (const workflowId of ['one', 'two']) {
    await client.workflowService.startWorkflowExecution({ ...start, workflowId, requestId: workflowId });
  }
  await client.close();
  await first.stop();

  const db = openFile(file);
  const indexes = db.prepare(VISIBILITY_INDEXES).all().length;
  assert.ok(indexes > 0 && indexes < 8, `${indexes} indexes`);
  db.exec(`
    create index by_someone on executions_visibility (run_id);
    create table ballast (bytes blob);
    insert into ballast select zeroblob(1024 * 1024) from (values (1), (2), (3), (4), (5), (6), (7)) a, (values (1), (2), (3), (4), (5), (6), (7)) b;
    drop table ballast`);
  db.close();
  const before = statSync(file).size;
  assert.ok(before > 40 * 2 ** 20, String(before));

  const second = await startTemporal({ home, log });
  t.after(() => second.stop());
  assert.ok(statSync(file).size < before / 4, `${statSync(file).size} of ${before} bytes`);
  assert.deepEqual(said.filter((line) => line.includes('compacted')).length, 1, said.join('\n'));
  const again = await Connection.connect({ address: second.address });
  const list = async () => {
    const { executions } = await again.workflowService.listWorkflowExecutions({
      namespace: 'default',
      query: "WorkflowType = 'any' and TaskQueue = 'nobody'",
    });
    return executions.map(({ execution }) => execution?.workflowId).sort();
  };
  await eventually(list, ['one', 'two']);
  await again.close();
});

const VISIBILITY_INDEXES = `
  select name from sqlite_schema
   where type = 'index' and tbl_name = 'executions_visibility' and sql is not null`;

function openFile(path: string): DatabaseSync {
  return new DatabaseSync(path, { enableDoubleQuotedStringLiterals: true });
}

/** Of a request with any Host, which fetch sends none of. */
function statusOf(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', reject).end(body);
  });
}

function provision(options: Omit<Parameters<typeof provisionTemporal>[0], 'log'>): Promise<string> {
  return provisionTemporal({ log: quiet, ...options });
}

function unreachable(name: string, tried: string[] = []): TemporalSource {
  return {
    name,
    advice: 'build a bridge',
    provide: async () => {
      tried.push(name);
      throw new Error('no route');
    },
  };
}

function working(name: string, tried: string[], script?: string): TemporalSource {
  return {
    name,
    advice: '',
    provide: async ({ folder }) => {
      tried.push(name);
      return fakeProgram(folder, script);
    },
  };
}

function fakeProgram(folder: string, script = 'echo "temporal version 1.9.1 (fake)"'): string {
  const program = join(folder, 'temporal');
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return program;
}

function folders(t: TestContext): { cache: string; folder: string } {
  const root = mkdtempSync(join(tmpdir(), 'longshore-provision-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [cache, folder] = [join(root, 'cache'), join(root, 'path')];
  mkdirSync(cache);
  mkdirSync(folder);
  return { cache, folder };
}
