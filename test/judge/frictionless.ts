import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopOwnServers } from '../support/servers.ts';
import { challengeCase } from './cases-challenge.ts';
import { fileCases } from './cases-files.ts';
import { keyCases } from './cases-keys.ts';
import { sampleCases } from './cases-sample.ts';
import { typeCases } from './cases-types.ts';
import { DIFFERENCES, type Disputed } from './differences.ts';
import { longshoreVerdicts } from './longshore.ts';
import type { Scores } from './main.ts';
import { judgePython, run } from './python.ts';
import type { JudgeCase, OwnVerdict, RowError } from './verdict.ts';

const script = fileURLToPath(new URL('validate_packages.py', import.meta.url));

interface Report {
  readonly fatal?: readonly string[];
  readonly tables?: Readonly<
    Record<
      string,
      {
        readonly file: readonly { readonly code: string; readonly note: string }[];
        readonly rows: readonly (RowError & { readonly line: number })[];
      }
    >
  >;
}

/**
 * Frictionless (https://framework.frictionlessdata.io) as the judge of Longshore's rules: both validate the same
 * files against the same dictionary, and must reject the same lines with the same code in the same field. Where
 * they differ on purpose, `differences.ts` has to explain it; a difference that no case shows is a failure too.
 */
export async function judgeByFrictionless(scores: Scores): Promise<void> {
  const python = await judgePython();
  const cases = [
    await challengeCase(),
    ...(await sampleCases()),
    ...typeCases(),
    ...keyCases(),
    ...fileCases(),
  ];
  const reports = await frictionlessReports(python, cases);
  const used = new Map<string, number>();
  try {
    for (const [index, judged] of cases.entries()) {
      const faults = await compare(judged, reports[index] ?? {}, used);
      if (faults.length === 0) scores.pass(judged.name);
      else scores.fail(judged.name, faults);
    }
  } finally {
    await stopOwnServers();
  }
  for (const { id } of DIFFERENCES) {
    if (used.has(id)) scores.pass(`difference on purpose: ${id} (${used.get(id)} times)`);
    else scores.fail(`difference on purpose: ${id}`, ['no case shows it']);
  }
}

async function frictionlessReports(python: string, cases: readonly JudgeCase[]): Promise<Report[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-judge-'));
  try {
    const jobs = [];
    for (const [index, judged] of cases.entries()) {
      const place = join(folder, String(index));
      await mkdir(place);
      for (const [name, bytes] of Object.entries(judged.files)) {
        await writeFile(join(place, `${name}.csv`), bytes);
      }
      jobs.push({ descriptor: judged.descriptor, folder: place });
    }
    return JSON.parse(await run(python, [script], JSON.stringify(jobs)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(judged: JudgeCase, report: Report, used: Map<string, number>): Promise<string[]> {
  if (!report.tables) return [`frictionless could not judge: ${report.fatal?.join('; ')}`];
  const verdicts = await longshoreVerdicts(judged);
  const faults: string[] = [];
  for (const [name, own] of verdicts) {
    const theirs = report.tables[name] ?? { file: [], rows: [] };
    const expected = judged.rejected?.[name];
    if (expected !== undefined && own.rows.size !== expected) {
      faults.push(`${name}: expected ${expected} rejects, Longshore has ${own.rows.size}`);
    }
    const codes = theirs.file.map(({ code }) => code).join(', ');
    if (own.file.length > 0 || theirs.file.length > 0) {
      const agree = own.file.length > 0 === theirs.file.length > 0 || isRowwise(own, codes);
      if (!agree) faults.push(`${name}: Longshore says ${own.file.join() || 'good'}, frictionless ${codes}`);
      continue;
    }
    faults.push(...compareRows(own, theirs.rows, verdicts, used).map((fault) => `${name} ${fault}`));
  }
  return faults;
}

/** One undecodable byte ends frictionless's reading of a file; to Longshore it is one row's encoding-error. */
function isRowwise(own: OwnVerdict, theirs: string): boolean {
  const found = [...own.rows.values()].flat().some(({ code }) => code === 'encoding-error');
  return theirs === 'encoding-error' && found;
}

function compareRows(
  own: OwnVerdict,
  theirs: readonly (RowError & { readonly line: number })[],
  verdicts: ReadonlyMap<string, OwnVerdict>,
  used: Map<string, number>,
): string[] {
  const faults: string[] = [];
  const byLine = Map.groupBy(theirs, ({ line }) => line);
  for (const line of new Set([...own.rows.keys(), ...byLine.keys()])) {
    const mine = own.rows.get(line) ?? [];
    const other = byLine.get(line) ?? [];
    const ownOnly = only(mine, other, own);
    // A cell that Longshore refuses as not of its type meets no constraint: what explains the one explains both.
    const refused = new Set(ownOnly.filter(({ code }) => code === 'type-error').map(({ field }) => field));
    const theirsOnly = only(other, mine, own).filter(
      ({ code, field }) => code !== 'constraint-error' || !refused.has(field),
    );
    const disputes = [
      ...ownOnly.map((error) => ({ side: 'longshore' as const, error })),
      ...theirsOnly.map((error) => ({ side: 'frictionless' as const, error })),
    ];
    for (const { side, error } of disputes) {
      const at = own.table.fields.findIndex(({ name }) => name === error.field);
      const column = own.columns[at] ?? -1;
      const cell = column < 0 ? undefined : own.cells.get(line)?.[column];
      const disputed: Disputed = {
        side,
        error,
        line,
        field: own.table.fields[at],
        cell,
        own: mine,
        table: own.table,
        verdicts,
      };
      const difference = DIFFERENCES.find(({ explains }) => explains(disputed));
      if (difference) used.set(difference.id, (used.get(difference.id) ?? 0) + 1);
      else {
        const of = `${error.code} of ${error.field ?? 'the row'}`;
        const shown = JSON.stringify(cell ?? own.cells.get(line))?.slice(0, 80);
        faults.push(`line ${line}: only ${side} reports ${of}: ${shown} (${error.note ?? ''})`);
      }
    }
  }
  return faults;
}

/** The errors of one side that the other does not have, by code and field; a name that is no field counts as none. */
function only(
  errors: readonly RowError[],
  others: readonly RowError[],
  own: OwnVerdict,
): readonly RowError[] {
  const known = new Set(own.table.fields.map(({ name }) => name));
  const key = ({ code, field }: RowError) => {
    const plain = code === 'foreign-key' || code === 'unique-error' || (field !== null && known.has(field));
    return `${code} ${plain ? field : ''}`;
  };
  const present = new Set(others.map(key));
  return errors.filter((error) => !present.has(key(error)));
}
