import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { BackupView } from '../../src/backups/backup.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import { databaseUrl } from '../support/database-url.ts';
import { type Cleanup, testHome } from '../support/home.ts';
import { type TestPlatform, testPlatform } from '../support/platform.ts';
import { median } from './batch/median.ts';

/** What a cost a unit may be of that of the smallest shape. */
const AIM = 1.3;
const ROUNDS = 5;
const SHORT_ROUNDS = 20;
const TABLES = [10, 100, 1_000];
const FIELDS = [5, 1_000];
const CELLS = 1_000_000;
const LEDGERS = [1_000, 200_000];
const PARALLEL = [1, 60];
const ROWS_OF_PARALLEL = 20_000;

/** The shapes that can be asked for by name; all when none is. */
const SHAPES: Readonly<Record<string, (t: Cleanup) => Promise<void>>> = {
  tables: shapeOfTables,
  fields: shapeOfFields,
  ledger: shapeOfLedger,
  loads: shapeOfLoads,
};

/**
 * `npm run bench -- shape [tables | fields | ledger | loads]`: whether what a unit of work costs stays the same where there
 * are more tables, fields, loads in the ledger, or loads at once. Each on platforms of its own.
 */
export async function benchShape(names: readonly string[]): Promise<void> {
  for (const name of names.length === 0 ? Object.keys(SHAPES) : names) {
    const shape = SHAPES[name];
    if (shape === undefined) throw new Error(`no shape ${name}: ${Object.keys(SHAPES).join(', ')}`);
    const cleanups: (() => unknown)[] = [];
    try {
      await shape({ after: (action) => void cleanups.push(action) });
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup();
    }
  }
}

async function shapeOfTables(t: Cleanup): Promise<void> {
  const costs = new Costs('table');
  for (const tables of TABLES) {
    const home = await testHome(t);
    const dictionary = await writeDictionary(home, names('t', tables), 5);
    const env = { LONGSHORE_DICTIONARY: dictionary };
    const first = await testPlatform(t, { home, env });
    await first.stop();
    // Its second start has nothing to make.
    const started = performance.now();
    const platform = await testPlatform(t, { home, env });
    costs.note(
      'a start with nothing to change, beyond that with 10 tables',
      tables,
      performance.now() - started,
      {
        fixed: true,
      },
    );
    const api = client(platform);
    costs.note('GET /v1/tables', tables, await bestOf(() => api.get('/v1/tables')), { fixed: true });
    const backup = await timed(() => api.job<BackupView>('/v1/backups', '{}', 'application/json'));
    costs.note('a backup', tables, backup.ms, { fixed: true });
    const list = await api.get('/v1/backups');
    console.log(`  GET /v1/backups of one with ${tables} tables: ${list.length} bytes`);
    console.log(`  /metrics with ${tables} tables: ${(await api.get('/metrics')).length} bytes`);
    await platform.stop();
  }
  costs.print();
}

async function shapeOfFields(t: Cleanup): Promise<void> {
  const costs = new Costs('million cells');
  for (const fields of FIELDS) {
    const home = await testHome(t);
    const dictionary = await writeDictionary(home, ['wide'], fields);
    const platform = await testPlatform(t, { home, env: { LONGSHORE_DICTIONARY: dictionary } });
    const api = client(platform);
    const csv = csvOf(Math.round(CELLS / fields), fields);
    for (const mode of ['replace', 'append'] as const) {
      const ms: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        ms.push(
          (await timed(() => api.load('wide', csv, `mode=${mode === 'append' ? 'merge' : mode}&force=true`)))
            .ms,
        );
      }
      costs.note(`a load, ${mode === 'append' ? 'merge' : mode}`, fields, median(ms), { units: 1 });
    }
    await platform.stop();
  }
  costs.print();
}

async function shapeOfLedger(t: Cleanup): Promise<void> {
  const costs = new Costs('request');
  for (const loads of LEDGERS) {
    const home = await testHome(t);
    const dictionary = await writeDictionary(home, ['busy'], 5);
    const platform = await testPlatform(t, { home, env: { LONGSHORE_DICTIONARY: dictionary } });
    const db = new pg.Client({ connectionString: databaseUrl(home) });
    // Cut off when the platform ends before, after an error.
    db.on('error', () => undefined);
    await db.connect();
    await fillLedger(db, loads);
    const api = client(platform);
    let key = 1_000_000;
    const requests: Readonly<Record<string, () => Promise<unknown>>> = {
      'GET /v1/loads?status=failed': () => api.get('/v1/loads?status=failed&limit=10'),
      'GET /v1/loads?table=busy': () => api.get('/v1/loads?table=busy&limit=10'),
      'GET /v1/batches': () => api.get('/v1/batches?limit=10'),
      'GET /v1/tables': () => api.get('/v1/tables'),
      '/metrics': () => api.get('/metrics'),
      'a batch': () => api.post('/v1/tables/busy/rows', `[{"f0":${key++}}]`, 'application/json'),
      'a load': () => api.load('busy', csvOf(10, 5), 'mode=merge&force=true'),
      'a load, which looks for the same content': () =>
        api.load('busy', csvOf(10 + (Math.floor(Math.random() * 1e6) % 5_000), 5), 'mode=merge'),
    };
    for (const [what, work] of Object.entries(requests)) {
      costs.note(what, loads, await bestOf(work), { units: 1 });
    }
    await db.end();
    await platform.stop();
  }
  costs.print();
}

async function shapeOfLoads(t: Cleanup): Promise<void> {
  const costs = new Costs('load');
  const home = await testHome(t);
  const most = Math.max(...PARALLEL);
  const dictionary = await writeDictionary(home, names('p', 1_000), 5);
  const platform = await testPlatform(t, { home, env: { LONGSHORE_DICTIONARY: dictionary } });
  const api = client(platform);
  const csv = csvOf(ROWS_OF_PARALLEL, 5);
  console.log(`  the API holds ${residentMb(platform)} MB at its start, with 1000 tables`);
  for (const parallel of PARALLEL) {
    // As many loads whether one after the other or at once.
    const { ms } = await timed(async () => {
      for (let at = 0; at < most; at += parallel) {
        const tables = Array.from({ length: parallel }, (_, n) => `p${(at + n) % 1_000}`);
        await Promise.all(tables.map((table) => api.load(table, csv, 'mode=replace&force=true')));
      }
    });
    costs.note('a load of 20,000 rows', parallel, ms, { units: most });
    console.log(`  the API holds ${residentMb(platform)} MB after ${most} loads, ${parallel} at once`);
  }
  costs.print();
  await platform.stop();
}

/** Notes costs by shape, and prints each a unit and against the smallest shape. */
class Costs {
  readonly #unit: string;
  readonly #noted = new Map<string, { shape: number; ms: number; units: number }[]>();

  constructor(unit: string) {
    this.#unit = unit;
  }

  /**
   * @param units that the time is for; `fixed`: as many as the shape's size, over what the smallest shape takes: every
   *   request and start has a part that does not grow
   */
  note(
    what: string,
    shape: number,
    ms: number,
    how: { readonly units: number } | { readonly fixed: true },
  ): void {
    const units = 'units' in how ? how.units : shape;
    const noted = this.#noted.get(what) ?? [];
    noted.push({ shape, ms, units });
    this.#noted.set(what, noted);
  }

  print(): void {
    for (const [what, noted] of this.#noted) {
      const [smallest] = noted;
      for (const { shape, ms, units } of noted) {
        const each = ms / units;
        const ratio = each / (smallest!.ms / smallest!.units);
        const mark = ratio <= AIM ? '' : `  (more than ${AIM})`;
        console.log(
          `${what}; ${shape}: ${ms.toFixed(0)} ms, ${each.toFixed(2)} ms a ${this.#unit}, ${ratio.toFixed(2)} of the smallest${mark}`,
        );
      }
    }
  }
}

function names(prefix: string, n: number): string[] {
  return Array.from({ length: n }, (_, i) => `${prefix}${i}`);
}

async function writeDictionary(home: string, tables: readonly string[], fields: number): Promise<string> {
  const path = join(home, 'datapackage.json');
  const schema = {
    fields: Array.from({ length: fields }, (_, n) => ({
      name: `f${n}`,
      type: n === 0 ? 'integer' : 'string',
    })),
    primaryKey: 'f0',
  };
  const resources = tables.map((name) => ({ name, schema, dialect: { header: false } }));
  await writeFile(path, JSON.stringify({ name: 'shape', resources }));
  return path;
}

function csvOf(rows: number, fields: number): string {
  const rest = Array.from({ length: fields - 1 }, (_, n) => `word${n % 10}`).join(',');
  return Array.from({ length: rows }, (_, row) => `${row},${rest}\n`).join('');
}

/** As if so many loads and batches had been. */
async function fillLedger(db: pg.Client, loads: number): Promise<void> {
  await db.query(
    `insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key, sha256,
         definition, dictionary_version, started_by, rows_read, rows_loaded, created_at, started_at, finished_at)
     select 'busy', 'merge', case when n % 100 = 0 then 'failed' else 'done' end, 'past-' || n, 'upload', 'f',
            'uploads/' || n, 'h' || n, '{}', '1', 'bench', 1, 1, now(), now(), now() from generate_series(1, $1::int) n`,
    [loads],
  );
  await db.query(
    `insert into longshore.batch_group (workflow_id, table_name, mode)
     select 'past-' || n, 'busy', 'append' from generate_series(1, $1::int) n`,
    [loads],
  );
  await db.query(
    `insert into longshore.batch (id, group_id, table_name, mode, strict, status, first_line, rows_sent, rows_accepted,
         rows_rejected, rows_discarded)
     select 'past-' || id, id, 'busy', 'append', false, 'done', 1, 1, 1, 0, 0 from longshore.batch_group
      where starts_with(workflow_id, 'past-')`,
  );
  for (;;) {
    const { rows } = await db.query(
      'select from longshore.load where not counted and finished_at is not null limit 1',
    );
    if (rows.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await db.query('vacuum analyze longshore.load, longshore.batch, longshore.batch_group');
}

interface ApiClient {
  get(path: string): Promise<string>;
  post(path: string, body: string, type: string): Promise<unknown>;
  load(table: string, csv: string, query: string): Promise<LoadView>;
  job<T>(path: string, body: string, type: string): Promise<T>;
}

function client({ apiUrl, adminKey }: TestPlatform): ApiClient {
  async function send(path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(apiUrl + path, {
      ...init,
      headers: { 'x-api-key': adminKey, ...init.headers },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }
  const post = async (path: string, body: string, type: string) =>
    JSON.parse(
      await send(path, { method: 'POST', body, headers: { 'content-type': type, prefer: 'wait=50' } }),
    ) as unknown;
  async function job<T>(path: string, body: string, type: string): Promise<T> {
    type Seen = {
      readonly finishedAt: string | null;
      readonly status: string;
      readonly links: { readonly self: string };
    };
    let seen = (await post(path, body, type)) as Seen;
    while (seen.finishedAt === null) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen = JSON.parse(await send(seen.links.self)) as Seen;
    }
    if (seen.status !== 'done') throw new Error(`${path}: ${JSON.stringify(seen)}`);
    return seen as T;
  }
  return {
    get: (path) => send(path),
    post,
    job,
    load: (table, csv, query) => job<LoadView>(`/v1/tables/${table}/loads?${query}`, csv, 'text/csv'),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}

/** The shortest of many rounds: what others do on the machine only makes a short request longer. */
async function bestOf(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < SHORT_ROUNDS; round++) best = Math.min(best, (await timed(work)).ms);
  return best;
}

function residentMb(platform: TestPlatform): string {
  const status = readFileSync(`/proc/${platform.pids().api}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024).toFixed(0);
}
