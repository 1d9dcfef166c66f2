import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { createApp } from '../../api/app.ts';
import { Closing } from '../../api/http/closing.ts';
import type { ApiDeps } from '../../api/http/deps.ts';
import { createHttpServer } from '../../api/http/server.ts';
import { readConfig } from '../../src/config.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { LoadService, StartLoad, StoredRow } from '../../src/loads/load-service.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import { unknownLoad } from '../../src/loads/loads.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { RejectView } from '../../src/rejects/rejects.ts';
import { createCoalescedLog } from '../../src/runtime/coalesced-log.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Dictionary, Field, Table } from '../../src/types.ts';
import { FakeArrivals } from './fake-arrivals.ts';
import { FakeBackups } from './fake-backups.ts';
import { FakeBatches } from './fake-batches.ts';
import { FakeChanges } from './fake-changes.ts';
import { FakeKeys } from './fake-keys.ts';
import { FakeRefresher } from './fake-refresher.ts';
import { FakeReports } from './fake-reports.ts';
import { FakeRestores } from './fake-restores.ts';
import { FakeSchedules } from './fake-schedules.ts';
import { fixedBook } from './fixed-book.ts';
import { TEST_PAYLOAD_KEYS } from './sealed.ts';

/** A table of the sample's kind: `jobs(id, job)` without a header. */
export function table(name: string, change: Partial<Table> = {}): Table {
  return {
    name,
    fields: [field('id', 'integer'), field('job', 'string')],
    fieldsMatch: 'exact',
    primaryKey: ['id'],
    uniqueKeys: [],
    foreignKeys: [],
    dialect: {
      delimiter: ',',
      header: false,
      quoteChar: '"',
      doubleQuote: true,
      escapeChar: null,
      skipInitialSpace: false,
      commentChar: null,
    },
    encoding: 'utf-8',
    ...change,
  };
}

function field(name: string, type: Field['type']): Field {
  return { name, type, format: 'default', constraints: { required: true }, missingValues: [''] };
}

/** Loads in memory: they stay `accepted` until a test says how they go on. */
export class FakeLoads implements LoadService {
  readonly started: StartLoad[] = [];
  readonly views = new Map<number, LoadView>();
  readonly rejected = new Map<number, RejectView[]>();
  readonly stored: StoredRow[] = [];
  /** What every new load becomes at once; null: it stays as it is. */
  outcome: Partial<LoadView> | null = null;
  startError: Error | null = null;
  waitedMs: number | null = null;
  /** How often a load was asked for. */
  reads = 0;

  async start(request: StartLoad) {
    if (this.startError !== null) throw this.startError;
    const before = [...this.views.values()].find(
      (view) =>
        request.survey !== null &&
        !request.force &&
        view.sha256 === request.survey.sha256 &&
        view.table === request.table.name &&
        view.mode === request.mode,
    );
    if (before !== undefined)
      return { load: before, existing: true, rulesChanged: false, readOtherwise: false };
    this.started.push(request);
    const id = this.views.size + 1;
    const view = loadView(id, {
      table: request.table.name,
      mode: request.mode,
      source: request.source,
      sha256: request.survey?.sha256 ?? null,
      maxRejects: request.maxRejects,
      readAs: request.readAs ?? null,
    });
    this.views.set(id, { ...view, ...this.outcome });
    return { load: view, existing: false, rulesChanged: false, readOtherwise: false };
  }

  async get(id: number) {
    this.reads += 1;
    const found = this.views.get(id);
    if (!found) throw unknownLoad(id);
    return found;
  }

  async list(filter: Parameters<LoadService['list']>[0]) {
    return [...this.views.values()]
      .reverse()
      .filter((view) => filter.tables?.includes(view.table) ?? true)
      .filter((view) => filter.status === undefined || view.status === filter.status)
      .filter((view) => filter.before === undefined || view.id < filter.before)
      .slice(0, filter.limit);
  }

  async rejects(id: number, page: { afterLine: number; limit: number }) {
    const later = (this.rejected.get(id) ?? []).filter(({ line }) => line > page.afterLine);
    return { rejects: later.slice(0, page.limit), more: later.length > page.limit };
  }

  async rejectsSummary(id: number) {
    const kept = this.rejected.get(id)?.length ?? 0;
    return { rejected: kept, kept, errors: [] };
  }

  async deleteRejects(id: number) {
    this.rejected.delete(id);
  }

  async rejectShape(id: number) {
    const columns = ['id', 'job'];
    return {
      columns,
      extra: (this.rejected.get(id) ?? []).some(({ cells }) => cells.length > columns.length),
    };
  }

  cancel(id: number) {
    return this.#change(id, { status: 'cancelled' });
  }

  setPaused(id: number, paused: boolean) {
    return this.#change(id, { paused });
  }

  async #change(id: number, change: Partial<LoadView>) {
    const view = this.views.get(id)!;
    if (view.status === 'done') throw new LongshoreError('load-state', `load ${id} is done`);
    const changed = { ...view, ...change };
    this.views.set(id, changed);
    return changed;
  }

  async wait(id: number, waitMs: number, _signal: AbortSignal): Promise<LoadView> {
    this.waitedMs = waitMs;
    return this.views.get(id)!;
  }

  async tables(names: readonly string[]) {
    return names.map((name) => ({
      name,
      rows: this.stored.length,
      rowsExact: true,
      bytes: 8192,
      lastLoadId: null,
      broken: null,
    }));
  }

  async rows(_table: Table, page: { after: readonly string[] | null; limit: number }) {
    const from = page.after === null ? 0 : Number(page.after[0]) + 1;
    const rows = this.stored.slice(from, from + page.limit);
    const last = from + rows.length - 1;
    return { rows, next: last + 1 < this.stored.length ? [String(last)] : null };
  }
}

export function loadView(id: number, change: Partial<LoadView> = {}): LoadView {
  return {
    id,
    table: 'jobs',
    mode: 'append',
    status: 'accepted',
    paused: false,
    queuedBehind: null,
    workflowId: `load-jobs-append-${id}`,
    runId: 'b8a9c6d0-0000-4000-8000-000000000000',
    source: { kind: 'upload', name: 'jobs.csv', key: `uploads/${id}` },
    sha256: null,
    maxRejects: null,
    readAs: null,
    progress: {
      bytes: 0,
      bytesTotal: null,
      chunks: 0,
      chunksTotal: null,
      rowsPerSecond: null,
      secondsLeft: null,
    },
    rows: { read: 0, loaded: 0, rejected: 0, unchanged: 0, discarded: 0 },
    error: null,
    waitingFor: null,
    note: null,
    startedBy: 'a1',
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    ...change,
  };
}

export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly loads: FakeLoads;
  readonly batches: FakeBatches;
  readonly keys: FakeKeys;
  readonly storage: Storage;
  readonly home: string;
  /** What was logged, one JSON line an entry. */
  readonly log: string[];
  /** fetch with the admin key, unless `key` says otherwise (null: none). */
  call(path: string, init?: RequestInit & { key?: string | null }): Promise<Response>;
  /** Files in the storage, half-written ones included. */
  files(): Promise<readonly string[]>;
  /** Sends bytes as they are and collects what comes back until the server closes, `untilText` appeared, or it hung up. */
  raw(text: string, options?: { untilText?: string; hangUpWhen?: () => Promise<boolean> }): Promise<string>;
}

/** The real app on a free port, over a folder for storage and the fakes above. */
export async function startTestApi(change: Partial<ApiDeps> = {}): Promise<TestApi> {
  const home = await mkdtemp(join(tmpdir(), 'longshore-api-'));
  const storage = await openStorage(`file:${join(home, 'storage')}`);
  const dictionary: Dictionary = {
    name: 'sample',
    version: '1',
    tables: [table('jobs'), table('notes', { primaryKey: [] })],
  };
  const loads = new FakeLoads();
  const batches = new FakeBatches();
  const keys = new FakeKeys();
  const log: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const reports = (await FakeReports.open()).service;
  const reportNamed = (name: string) => reports.reports.find((report) => report.name === name)!;
  const app = createApp({
    config: readConfig({ LONGSHORE_HOME: home, TEMPORAL_UI_URL: 'http://127.0.0.1:8233' }),
    log: logger,
    strangers: createCoalescedLog(logger),
    storage,
    dictionary: fixedBook(dictionary),
    plan: { read: async () => [], drop: async () => [] },
    changes: new FakeChanges(),
    keyLookups: { lookUp: async (_table, _fields, keys) => keys.map(() => false) },
    ...keys.deps(),
    loads,
    batches,
    backups: new FakeBackups(),
    restores: new FakeRestores(),
    schedules: new FakeSchedules(),
    arrivals: new FakeArrivals(),
    reports,
    refresher: new FakeRefresher((name) => reports.state(reportNamed(name))),
    metrics: createMetrics(),
    closing: new Closing(),
    payloadKeys: TEST_PAYLOAD_KEYS,
    ready: async () => ({ ok: true, checks: { postgres: null, temporal: null }, away: [] }),
    ...change,
  });
  const server = createHttpServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    server,
    loads,
    batches,
    keys,
    storage,
    home,
    log,
    call(path, { key = 'admin-key-of-the-tests', ...init } = {}) {
      const headers = new Headers(init.headers);
      if (key !== null) headers.set('x-api-key', key);
      return fetch(`${url}${path}`, { ...init, headers });
    },
    async files() {
      return [...(await storage.list('uploads/')), ...(await storage.list('.unfinished/'))];
    },
    raw: (text, options = {}) => exchange(port, text, options),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function exchange(
  port: number,
  text: string,
  { untilText, hangUpWhen }: { untilText?: string; hangUpWhen?: () => Promise<boolean> },
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  const over = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
      if (untilText !== undefined && answer.includes(untilText)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  if (hangUpWhen !== undefined) {
    while (!(await hangUpWhen())) await sleep(10);
    socket.destroy();
  }
  await over;
  socket.destroy();
  return answer;
}
