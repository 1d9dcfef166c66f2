import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestPlatform, testPlatform } from '../support/platform.ts';
import type { Scores } from './main.ts';
import { judgePython } from './python.ts';

const config = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const KEY = 'a key for the judge only';
const BASIC = Buffer.from(`operator:${KEY}`).toString('base64');
/** It takes about a minute; longer than this it hangs. */
const LIMIT_MS = 600_000;

/**
 * Schemathesis (https://schemathesis.readthedocs.io) as the judge of the API: it makes requests from the OpenAPI
 * document, valid and broken ones, one by one and in sequences, and holds every answer against the document. What it
 * shall expect otherwise than by itself is in `schemathesis.toml`, with the reasons.
 */
export async function judgeBySchemathesis(scores: Scores): Promise<void> {
  const program = join(dirname(await judgePython()), 'schemathesis');
  const cleanups: (() => Promise<unknown>)[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'longshore-schemathesis-'));
  try {
    const platform = await testPlatform(
      { after: (cleanup) => void cleanups.push(cleanup) },
      // What is judged is what the document says, not how often one may ask.
      {
        env: {
          LONGSHORE_ADMIN_KEY: KEY,
          LONGSHORE_WORKERS: '1',
          LONGSHORE_RATE: '1000000',
          LONGSHORE_BURST: '1000000',
        },
      },
    );
    await fill(platform);
    report(scores, await judge(program, platform, folder));
    await expectAlive(scores, platform);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A few rows, rejects and a load that is done, so that not every question is about nothing. */
async function fill({ apiUrl, adminKey }: TestPlatform): Promise<void> {
  for (const table of ['departments', 'jobs']) {
    const response = await fetch(`${apiUrl}/v1/tables/${table}/loads`, {
      method: 'POST',
      headers: { 'x-api-key': adminKey, 'content-type': 'text/csv', prefer: 'wait=50' },
      body: '1,one\n2,two\nthree,three\n',
    });
    if (response.status !== 201) throw new Error(`${table}: ${response.status} ${await response.text()}`);
  }
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function judge(program: string, { apiUrl }: TestPlatform, cwd: string): Promise<Outcome> {
  const child = spawn(
    program,
    // Without --checks, which would go over the file: its standard is all of them.
    ['--config-file', config, 'run', `${apiUrl}/openapi.json`, '--no-color'],
    {
      // What it keeps for its next run goes with the folder.
      cwd,
      env: { ...process.env, LONGSHORE_JUDGE_KEY: KEY, LONGSHORE_JUDGE_BASIC: BASIC },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    },
  );
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.on('data', (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: Buffer.concat(pieces).toString() }));
  });
}

/** Its own words: what it tested, and in full what it found. */
function report(scores: Scores, { code, output }: Outcome): void {
  const line = (pattern: RegExp) => pattern.exec(output)?.[1]?.trim();
  const operations = line(/^ *Tested: *(\d+)$/m);
  const cases = line(/^ *(\d+ generated)/m);
  const what = `${operations} operations, ${cases} requests, in every phase`;
  if (code === 0 && operations !== undefined && cases !== undefined) {
    scores.pass(what);
    return;
  }
  const from = output.search(/^=+ (?:ERRORS|FAILURES) =+$/m);
  // One entry: the printer of scores shows only the first few.
  scores.fail('the answers are as the OpenAPI document says', [from < 0 ? output : output.slice(from)]);
}

/** A fault that brought a process down would be hidden by the supervisor, which starts it again. */
async function expectAlive(scores: Scores, platform: TestPlatform): Promise<void> {
  const ended = platform.output().match(/^.*\bended\b.*$/gm) ?? [];
  const { status } = await fetch(`${platform.apiUrl}/readyz`);
  if (status === 200 && ended.length === 0)
    scores.pass('everything still runs, and nothing was started again');
  else scores.fail('everything still runs', [`/readyz: ${status}`, ...ended]);
}
