import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { to as copyTo } from 'pg-copy-streams';
import { quoteName } from '../../src/db/sql-names.ts';
import { departmentsCsv, hiresCsv, jobsCsv } from '../../src/sample/generate.ts';
import { refreshNow } from '../support/refreshed.ts';
import { stopOwnServers } from '../support/servers.ts';
import { type TestStack, testStack } from '../support/stack.ts';
import { challengeCase } from './cases-challenge.ts';
import type { Scores } from './main.ts';
import { judgePython, run } from './python.ts';

const script = fileURLToPath(new URL('reports.py', import.meta.url));

const TABLES = ['departments', 'jobs', 'hired_employees'];
const REPORTS = ['hires-by-quarter', 'departments-above-mean'] as const;
const HIRES = 1_000_000;

/** A prime, so that pages end anywhere. */
const PAGE = 997;

type Row = readonly unknown[];
type Years = Readonly<Record<string, Readonly<Record<(typeof REPORTS)[number], readonly Row[]>>>>;
type Files = Readonly<Record<string, Buffer | undefined>>;

/** pandas as the judge of the sample's reports: every cell of every year, as the API answers it page by page. */
export async function judgeReports(scores: Scores): Promise<void> {
  const python = await judgePython();
  try {
    const challenge = await challengeCase();
    await judgeFiles(scores, python, challenge.name, challenge.files);
    const options = { seed: 41, hires: HIRES, departments: 40, jobs: 60 };
    await judgeFiles(scores, python, `${HIRES} generated hires`, {
      departments: departmentsCsv(options),
      jobs: jobsCsv(options),
      hired_employees: Buffer.concat([...hiresCsv(options)]),
    });
  } finally {
    await stopOwnServers();
  }
}

async function judgeFiles(scores: Scores, python: string, name: string, files: Files): Promise<void> {
  const cleanups: (() => Promise<unknown>)[] = [];
  try {
    const stack = await testStack({ after: (action) => void cleanups.unshift(action) });
    for (const table of TABLES) {
      const { body } = await stack.load(table, files[table]!);
      if (body.status !== 'done') throw new Error(`${name}: ${table} is ${body.status}`);
    }
    await refreshNow(stack.db, ...REPORTS);
    const years = await judgeYears(stack, python);
    const found = Object.keys(years).map(Number);
    if (found.length === 0) scores.fail(name, ['the judge found no years']);
    // The years around have no hires.
    for (const year of [Math.min(...found) - 1, ...found, Math.max(...found) + 1]) {
      for (const report of REPORTS) {
        const expected = years[year]?.[report] ?? [];
        const faults = differences(await answered(stack, report, year), expected);
        const what = `${name}, ${report}, ${year}: ${expected.length} rows`;
        if (faults.length === 0) scores.pass(what);
        else scores.fail(what, faults);
      }
    }
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

/** The judge's own reports, from the rows as PostgreSQL has them. */
async function judgeYears({ db }: TestStack, python: string): Promise<Years> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-judge-'));
  const client = await db.connect();
  try {
    for (const table of TABLES) {
      const copy = client.query(copyTo(`copy ${quoteName(table)} to stdout (format csv, header)`));
      await pipeline(copy, createWriteStream(join(folder, `${table}.csv`)));
    }
    return JSON.parse(await run(python, [script], JSON.stringify({ folder }))) as Years;
  } finally {
    await client.end();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly page: { readonly next: string | null };
}

async function answered(stack: TestStack, report: string, year: number): Promise<Row[]> {
  const rows: Row[] = [];
  let next: string | null = `/v1/reports/${report}?year=${year}&limit=${PAGE}`;
  while (next !== null) {
    const { status, body } = await stack.get(next);
    if (status !== 200) throw new Error(`${next}: ${JSON.stringify(body)}`);
    const page = body as unknown as Page;
    rows.push(...page.data.map((row) => Object.values(row)));
    next = page.page.next;
  }
  return rows;
}

function differences(found: readonly Row[], expected: readonly Row[]): string[] {
  const rows = Array.from({ length: Math.max(found.length, expected.length) }, (_, n) => n);
  return rows
    .filter((n) => !isDeepStrictEqual(found[n], expected[n]))
    .map((n) => `row ${n}: ${JSON.stringify(found[n])}, not ${JSON.stringify(expected[n])}`);
}
