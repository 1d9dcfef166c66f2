import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readState } from '../../src/runtime/home.ts';
import type { LoadPlan, LoadResult } from './batch/generate-load.ts';
import { median } from './batch/median.ts';
import { type BenchPlatform, benchPlatform } from './bench-platform.ts';

const ROUNDS = 3;
const SECONDS = 5;
const EMPTY_WORKFLOWS = 200;

/** Neither side may be slowed by a limit of requests. */
const NO_LIMIT = { LONGSHORE_RATE: '1000000', LONGSHORE_BURST: '1000000' };

interface Side {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Scene extends AsyncDisposable {
  readonly platform: Side;
  readonly bare: Side;
  readonly oneByOne: Side;
  readonly bench: BenchPlatform;
}

type Shape = Pick<LoadPlan, 'clients' | 'rows'>;
const SINGLE: Shape = { clients: 1, rows: 1 };
const MANY: Shape = { clients: 64, rows: 1 };
const LARGE: Shape = { clients: 8, rows: 1000 };

/**
 * `npm run bench -- batch [rounds]`: batches over REST against an empty workflow, a workflow a row, and an endpoint
 * that only inserts; all with one PostgreSQL and one Temporal, the sides in turn, medians of the rounds.
 */
export async function benchBatch([rounds]: readonly string[]): Promise<void> {
  await using scene = await setScene();
  const results: Record<string, number[]> = {};
  const keep = (name: string, value: number) => {
    results[name] ??= [];
    results[name].push(value);
    console.log(`  ${name}: ${value < 100 ? value.toFixed(2) : Math.round(value)}`);
  };
  for (let round = 1; round <= Number(rounds ?? ROUNDS); round++) {
    console.log(`round ${round}`);
    await settle(scene.bench);
    keep('rest: an empty workflow, ms', await timeNothing(scene.oneByOne));
    keep('rest: longshore, ms', (await load(scene.platform, SINGLE)).medianMs);
    keep('64 clients: a workflow a row, rows/s', (await load(scene.oneByOne, MANY)).rowsPerSecond);
    for (const [name, shape] of [
      ['64 clients', MANY],
      ['1000 rows', LARGE],
    ] as const) {
      keep(`${name}: only inserts, rows/s`, (await load(scene.bare, shape)).rowsPerSecond);
      keep(`${name}: longshore, rows/s`, (await load(scene.platform, shape)).rowsPerSecond);
    }
  }
  report((name) => median(results[name] ?? []));
}

function report(of: (name: string) => number): void {
  const times = (value: number) => value.toFixed(2);
  const many = of('64 clients: longshore, rows/s');
  console.log(`\nlongshore
  one row at rest: ${times(of('rest: longshore, ms') / of('rest: an empty workflow, ms'))} times an empty workflow
  64 clients, a row each: ${times(many / of('64 clients: a workflow a row, rows/s'))} times the rows of a workflow a row
  64 clients, a row each: ${times(many / of('64 clients: only inserts, rows/s'))} times the rows of an endpoint that only inserts
  8 clients, 1000 rows each: ${times(of('1000 rows: longshore, rows/s') / of('1000 rows: only inserts, rows/s'))} times the rows of it`);
}

async function setScene(): Promise<Scene> {
  const bench = await benchPlatform(NO_LIMIT);
  const { platform, db, databaseUrl } = bench;
  await db.query(`create table peer (
    id bigint primary key, name text not null, datetime timestamptz not null,
    department_id bigint not null references departments, job_id bigint not null references jobs)`);
  const env = {
    ...process.env,
    BENCH_DATABASE_URL: databaseUrl,
    BENCH_TEMPORAL_ADDRESS: `127.0.0.1:${readState(platform.home).temporalPort}`,
  };
  const children = ['bare-endpoint.ts', 'one-by-one.ts'].map((name) => fork(fileOf(name), { env }));
  const [bare, oneByOne] = await Promise.all(
    children.map(async (child) => {
      const [{ url }] = (await once(child, 'message')) as [{ url: string }];
      return { url: `${url}/rows`, headers: {} };
    }),
  );
  return {
    bench,
    platform: {
      url: `${platform.apiUrl}/v1/tables/hired_employees/rows`,
      headers: { 'x-api-key': platform.adminKey },
    },
    bare: bare!,
    oneByOne: oneByOne!,
    async [Symbol.asyncDispose]() {
      for (const child of children) child.disconnect();
      await bench[Symbol.asyncDispose]();
    },
  };
}

let firstId = 1;

async function load(side: Side, shape: Shape): Promise<LoadResult> {
  const plan: LoadPlan = { ...side, ...shape, seconds: SECONDS, firstId };
  firstId += 10_000_000;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [fileOf('generate-load.ts'), JSON.stringify(plan)]);
  return JSON.parse(stdout) as LoadResult;
}

async function timeNothing({ url }: Side): Promise<number> {
  const answer = await fetch(url.replace(/rows$/, `nothing/${EMPTY_WORKFLOWS}`));
  return ((await answer.json()) as { ms: number }).ms;
}

/** Both tables empty, and a server that has nothing left to write. */
async function settle({ db }: BenchPlatform): Promise<void> {
  await db.query('truncate peer, hired_employees');
  await db.query('vacuum analyze');
  await db.query('checkpoint');
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`batch/${name}`, import.meta.url));
}
