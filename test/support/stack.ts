import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { startWorker } from '../../activities/start-worker.ts';
import { startApi } from '../../api/start-api.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import { type Installation, readInstallation } from '../../src/installation/installation.ts';
import { nameIn } from '../../src/installation/names.ts';
import type { StrangerTimes } from '../../src/installation/refuse-strangers.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import type { RejectView } from '../../src/rejects/rejects.ts';
import type { ChildService } from '../../src/runtime/child.ts';
import { createLogger, type Logger } from '../../src/runtime/logger.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { testDatabase } from './database.ts';
import { type Cleanup, testHome } from './home.ts';
import { TEST_PAYLOAD_KEY } from './sealed.ts';
import { type TestTemporal, testTemporal } from './temporal.ts';

/** API, workflow worker and one activity worker in the test's own process, over real servers. */
export interface TestStack {
  readonly url: string;
  readonly key: string;
  readonly db: Database;
  readonly databaseUrl: string;
  readonly home: string;
  readonly config: Config;
  readonly temporal: TestTemporal;
  readonly installation: Installation;
  /** The ID in Temporal of a workflow or schedule of the stack's. */
  inTemporal(name: string): string;
  /** Sends CSV text as a load and waits for its end. `query` as in the URL. */
  load(table: string, csv: string | Buffer, query?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** What the table holds, by its first column. */
  rows(table: string, schema?: string): Promise<Record<string, unknown>[]>;
  rejects(loadId: number): Promise<RejectView[]>;
  putInbox(name: string, content: string | Buffer): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: LoadView & { readonly existing?: boolean; readonly code?: string; readonly detail?: string };
}

export interface TestStackOptions {
  /** How long a start watches processes that the ledger does not know. */
  readonly times?: Partial<StrangerTimes>;
  /** On top of the stack's own, over which it goes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Silent by default. Temporal's SDK keeps to the log of the process's first stack. */
  readonly log?: Logger;
  /** Whether there is an activity worker; true by default. */
  readonly worker?: boolean;
}

let installed = false;

export async function testStack(
  t: Cleanup,
  dictionary?: object,
  options: TestStackOptions = {},
): Promise<TestStack> {
  // Last in, first out, as runners don't: whatever runs is stopped before its database and its home go. Registered
  // at once, for a start that fails half-way.
  const cleanups = new AsyncDisposableStack();
  t.after(() => cleanups.disposeAsync());
  const own: Cleanup = {
    after: (action) =>
      cleanups.defer(async () => {
        await action();
      }),
  };
  // First what may be missing: Temporal's runtime keeps a process alive, which is to end at once without servers.
  const [database, temporal, home] = [await testDatabase(own), await testTemporal(), await testHome(own)];
  const log = options.log ?? createLogger({ level: process.env.TEST_LOG ?? 'silent', process: 'test' });
  if (!installed) installRuntime(log);
  installed = true;
  const env: Record<string, string> = {
    LONGSHORE_HOME: home,
    LONGSHORE_PORT: '0',
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    LONGSHORE_ADMIN_KEY: 'a key for this test only',
    LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
    // Tests that put files there say themselves what is done with them.
    LONGSHORE_INBOX: 'paused',
    ...options.env,
  };
  if (dictionary !== undefined) {
    env.LONGSHORE_DICTIONARY = join(home, 'datapackage.json');
    await writeFile(env.LONGSHORE_DICTIONARY, JSON.stringify(dictionary));
  }
  const config = readConfig(env);
  const { times } = options;
  const databaseUrl = config.databaseUrl ?? database.url;
  const db = cleanups.use(await openDatabase({ url: databaseUrl }));
  const services: ChildService[] = [];
  cleanups.defer(async () => {
    await Promise.all(services.map((service) => service.stop()));
  });
  services.push(await startApi({ config, log, times }));
  if (options.worker ?? true) services.push(await startWorker({ config, log, name: 'test', times }));
  const installation = await readInstallation(db);
  const url = String(services[0]?.info?.url);
  const key = 'a key for this test only';

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(url + path, { ...init, headers: { 'x-api-key': key, ...init.headers } });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }
  return {
    url,
    key,
    db,
    databaseUrl,
    home,
    config,
    temporal,
    installation,
    inTemporal: (name) => nameIn(installation.id, name),
    load(table, csv, query = {}) {
      const headers = { 'content-type': 'text/csv', prefer: 'wait=60' };
      const body = typeof csv === 'string' ? csv : new Uint8Array(csv);
      return send(`/v1/tables/${table}/loads?${new URLSearchParams(query)}`, {
        method: 'POST',
        headers,
        body,
      });
    },
    post: (path, body, headers = {}) =>
      send(path, {
        method: 'POST',
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      }),
    get: (path) => send(path, {}),
    rows: (table, schema = 'public') => db.query(`select * from ${quoteName(schema, table)} order by 1`),
    async rejects(loadId) {
      const all: RejectView[] = [];
      for (let next: string | null = `/v1/loads/${loadId}/rejects?limit=1000`; next !== null; ) {
        const { body } = await send(next, {});
        const page = body as unknown as { readonly rejects: RejectView[]; readonly next: string | null };
        all.push(...page.rejects);
        next = page.next;
      }
      return all;
    },
    async putInbox(name, content) {
      const path = join(home, 'storage', 'inbox', name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    },
  };
}
