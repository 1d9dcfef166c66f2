import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDatabase } from '../../src/db/database.ts';
import { BUNDLED_REPORTS } from '../../src/reports/read-reports.ts';
import { refreshNow } from '../support/refreshed.ts';
import { median } from './batch/median.ts';
import { type BenchPlatform, benchPlatform } from './bench-platform.ts';
import { psql } from './peers.ts';
import type { ReadPlan, ReadResult } from './report/generate-reads.ts';

const ROWS = 10_000_000;
const ROUNDS = 3;
const SECONDS = 5;
const CLIENTS = 16;
const LIVE_ROUNDS = 3;
const GETS = 50;

const NAME = 'hires-by-quarter';
const YEAR = 2021;

/** Neither side may be slowed by a limit of requests. */
const NO_LIMIT = { LONGSHORE_RATE: '1000000', LONGSHORE_BURST: '1000000' };

/**
 * `npm run bench -- report [rows] [rounds]`: a report over many hires against its SELECT run live by psql; and requests
 * a second against an endpoint that only selects the same rows from the same view, both with one PostgreSQL, in turn.
 */
export async function benchReport([rows = ROWS, rounds = ROUNDS]: readonly (
  | string
  | number
)[]): Promise<void> {
  await using bench = await benchPlatform(NO_LIMIT);
  const hires = await bench.writeHires('hires.csv', { seed: 1, hires: Number(rows), badShare: 0 });
  const { ms } = await bench.loadInbox(hires, {});
  console.log(`${rows} hires, loaded in ${(ms / 1000).toFixed(1)} s`);
  await bench.db.query('vacuum analyze');
  await refresh(bench.databaseUrl);
  await againstLive(bench);
  await againstBare(bench, Number(rounds));
}

async function refresh(url: string): Promise<void> {
  await using db = await openDatabase({ url });
  const startedAt = performance.now();
  await refreshNow(db, NAME);
  console.log(`  refresh: ${((performance.now() - startedAt) / 1000).toFixed(2)} s`);
}

async function againstLive(bench: BenchPlatform): Promise<void> {
  const sql = await readFile(join(BUNDLED_REPORTS, `${NAME}.sql`), 'utf8');
  const live: number[] = [];
  for (let round = 1; round <= LIVE_ROUNDS; round++) {
    const timed = psql(
      bench.databaseUrl,
      `set search_path = longshore_read;\n\\o /dev/null\nselect * from (${sql}) r where year = ${YEAR} order by department, job;`,
    );
    if ('missing' in timed) return console.log(`  psql: skipped, ${timed.missing}`);
    live.push(timed.ms);
  }
  // Each with another limit, which nobody asked for before: the view is read, nothing comes from memory.
  const read: number[] = [];
  const kept: number[] = [];
  for (let n = 0; n < GETS; n++) read.push(await get(bench, `&limit=${10_000 - n}`));
  for (let n = 0; n < GETS; n++) kept.push(await get(bench, ''));
  const times = (own: readonly number[]) =>
    `${median(own).toFixed(1)} ms, ${Math.round(median(live) / median(own))} times faster`;
  console.log(`  the same SELECT run live by psql: ${(median(live) / 1000).toFixed(2)} s
  GET that reads the view: ${times(read)}
  GET of an answer that is kept: ${times(kept)}`);
}

async function get(bench: BenchPlatform, query: string): Promise<number> {
  const side = longshore(bench, query);
  const startedAt = performance.now();
  const response = await fetch(side.url, { headers: side.headers });
  const { data } = (await response.json()) as { data: unknown[] };
  if (data.length === 0) throw new Error(`${side.url}: no rows`);
  return performance.now() - startedAt;
}

type Side = Pick<ReadPlan, 'url' | 'headers' | 'status'>;

function longshore({ platform }: BenchPlatform, query = ''): Side {
  const url = `${platform.apiUrl}/v1/reports/${NAME}?year=${YEAR}${query}`;
  return { url, headers: { 'x-api-key': platform.adminKey }, status: 200 };
}

async function againstBare(bench: BenchPlatform, rounds: number): Promise<void> {
  const env = { ...process.env, BENCH_DATABASE_URL: bench.databaseUrl };
  const child = fork(fileOf('bare-endpoint.ts'), { env });
  try {
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    const own = longshore(bench);
    const etag = (await fetch(own.url, { headers: own.headers })).headers.get('etag')!;
    const sides: Readonly<Record<string, Side>> = {
      'only selects': { url: `${url}/report?year=${YEAR}`, headers: {}, status: 200 },
      longshore: own,
      'longshore, 304': { ...own, headers: { ...own.headers, 'if-none-match': etag }, status: 304 },
    };
    const results = new Map<string, number[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, side] of Object.entries(sides)) {
        const { requestsPerSecond } = await ask(side);
        results.set(name, [...(results.get(name) ?? []), requestsPerSecond]);
        console.log(`  ${name}: ${Math.round(requestsPerSecond)} requests/s`);
      }
    }
    const share = (name: string) =>
      (median(results.get(name)!) / median(results.get('only selects')!)).toFixed(2);
    console.log(`\n${CLIENTS} clients, requests a second against an endpoint that only selects
  longshore: ${share('longshore')} times
  longshore, answers that the client has (304): ${share('longshore, 304')} times`);
  } finally {
    child.disconnect();
  }
}

async function ask(side: Side): Promise<ReadResult> {
  const plan: ReadPlan = { ...side, clients: CLIENTS, seconds: SECONDS };
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [fileOf('generate-reads.ts'), JSON.stringify(plan)]);
  return JSON.parse(stdout) as ReadResult;
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`report/${name}`, import.meta.url));
}
