import { createReadStream, createWriteStream, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import type { LoadView } from '../../src/loads/load-view.ts';
import { POSTGRES_APP_ROLE } from '../../src/platform/postgres-roles.ts';
import { postgresPasswordPath, readState } from '../../src/runtime/home.ts';
import { departmentsCsv, type HiresOptions, hiresCsv, jobsCsv } from '../../src/sample/generate.ts';
import { databaseUrl } from '../support/database-url.ts';
import { type TestPlatform, testPlatform } from '../support/platform.ts';

/** A platform of the benchmark's own, with departments and jobs in it, and a folder for files. */
export interface BenchPlatform extends AsyncDisposable {
  readonly platform: TestPlatform;
  readonly databaseUrl: string;
  readonly db: pg.Client;
  /** Writes hires to a file and returns its path. */
  writeHires(name: string, options: HiresOptions): Promise<string>;
  /** Uploads a file as a load and waits for its end. Milliseconds from the first byte sent to the end of the load. */
  load(file: string, query: Record<string, string>): Promise<{ view: LoadView; ms: number }>;
  /** The same for a file that is in the storage's inbox already, as psql's is on its disk. */
  loadInbox(file: string, query: Record<string, string>): Promise<{ view: LoadView; ms: number }>;
}

export async function benchPlatform(env: Readonly<Record<string, string>> = {}): Promise<BenchPlatform> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const platform = await testPlatform({ after: (action) => void cleanups.push(action) }, { env });
  const url = databaseUrl(platform.home);
  await allowCheckpoints(platform.home);
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  const files = join(platform.home, 'bench');
  await mkdir(files);
  const headers = { 'x-api-key': platform.adminKey };

  async function send(
    table: string,
    body: NonNullable<RequestInit['body']>,
    query: Record<string, string>,
    content: Record<string, string>,
  ) {
    const startedAt = performance.now();
    const response = await fetch(
      `${platform.apiUrl}/v1/tables/${table}/loads?${new URLSearchParams(query)}`,
      {
        method: 'POST',
        headers: { ...headers, ...content, prefer: 'wait=50' },
        body,
        duplex: 'half',
      } as RequestInit,
    );
    let view = (await response.json()) as LoadView;
    while (response.ok && view.finishedAt === null) {
      const next = await fetch(`${platform.apiUrl}/v1/loads/${view.id}`, { headers });
      view = (await next.json()) as LoadView;
    }
    if (view.status !== 'done') throw new Error(`the load did not end well: ${JSON.stringify(view)}`);
    return { view, ms: performance.now() - startedAt };
  }

  for (const [table, csv] of [
    ['departments', departmentsCsv({ seed: 1, hires: 0 })],
    ['jobs', jobsCsv({ seed: 1, hires: 0 })],
  ] as const) {
    await send(table, new Uint8Array(csv), {}, { 'content-type': 'text/csv' });
  }
  return {
    platform,
    databaseUrl: url,
    db,
    async writeHires(name, options) {
      const path = join(files, name);
      await pipeline(Readable.from(hiresCsv(options)), createWriteStream(path));
      return path;
    },
    load(file, query) {
      const body = Readable.toWeb(
        createReadStream(file, { highWaterMark: 1 << 18 }),
      ) as unknown as NonNullable<RequestInit['body']>;
      const content = { 'content-type': 'text/csv', 'content-length': String(statSync(file).size) };
      return send('hired_employees', body, query, content);
    },
    async loadInbox(file, query) {
      const inbox = join(platform.home, 'storage', 'inbox');
      await mkdir(inbox, { recursive: true });
      await copyFile(file, join(inbox, basename(file)));
      const body = JSON.stringify({ source: basename(file) });
      return send('hired_employees', body, query, { 'content-type': 'application/json' });
    },
    async [Symbol.asyncDispose]() {
      await db.end();
      await platform.stop();
      for (const cleanup of cleanups) await cleanup();
    },
  };
}

/** The platform's own role is no superuser; measurements begin with nothing left to write. */
async function allowCheckpoints(home: string): Promise<void> {
  const admin = new pg.Client({
    host: '127.0.0.1',
    port: readState(home).postgresPort!,
    user: 'longshore',
    password: readFileSync(postgresPasswordPath(home), 'utf8').trim(),
    database: 'postgres',
  });
  await admin.connect();
  try {
    await admin.query(`grant pg_checkpoint to ${POSTGRES_APP_ROLE}`);
  } finally {
    await admin.end();
  }
}

/** What failed is a problem, without links. */
type Answer<T> = T & { readonly links?: { readonly self: string } };

/** Starts something and asks until it has ended. */
export async function request<T>(
  { platform }: BenchPlatform,
  path: string,
  body: object,
  ended: (seen: T) => boolean,
): Promise<T> {
  const headers = { 'x-api-key': platform.adminKey, 'content-type': 'application/json', prefer: 'wait=50' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  let seen = (await (await fetch(platform.apiUrl + path, init)).json()) as Answer<T>;
  while (seen.links && !ended(seen)) {
    seen = (await (await fetch(platform.apiUrl + seen.links.self, { headers })).json()) as Answer<T>;
  }
  return seen;
}
