import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORPUS, type FileAnswer, readAnswers, readCorpusFile } from '../support/infer/answers.ts';
import { judgeOwn } from '../support/infer/check-own.ts';
import { EXCEPTIONS } from '../support/infer/exceptions.ts';
import type { Reading } from '../support/infer/reading.ts';
import { ASPECTS, type Aspect, type Score, scoreReading } from '../support/infer/score.ts';
import type { Scores } from './main.ts';
import { judgePython, run } from './python.ts';

const script = fileURLToPath(new URL('infer_peers.py', import.meta.url));

/** What each reader has no say in: it takes UTF-8, or the first line, for given. */
const SILENT: Readonly<Record<string, ReadonlySet<Aspect>>> = {
  DuckDB: new Set(['encoding']),
  frictionless: new Set(),
  csvkit: new Set(['encoding', 'delimiter', 'header']),
  pandas: new Set(['encoding', 'header']),
};

/** By reader, by setting, by file. */
type Peers = Readonly<Record<string, Readonly<Record<string, readonly PeerReading[]>>>>;

interface PeerReading {
  readonly path: Reading;
  /** Of the same text in UTF-8, as if somebody had told the reader the encoding. */
  readonly utf8Path: Reading;
}

interface Row {
  readonly reader: string;
  readonly scores: readonly Score[];
}

/**
 * Who reads files right that nobody has said anything about: Longshore's inference beside DuckDB, frictionless, csvkit
 * and pandas, by the answers that are written beside the files. Of a peer's settings the best one counts.
 */
export async function judgeInference(scores: Scores): Promise<void> {
  const answers = await readAnswers();
  const files = answers.flatMap((answer) => answer.files);
  const own: Score[] = [];
  for (const answer of answers) {
    const { scores: scored, faults } = await judgeOwn(answer);
    own.push(...scored);
    const reason = EXCEPTIONS[answer.name];
    if (reason !== undefined) {
      if (faults.length > 0) scores.pass(`${answer.name}: known not to be read right, ${reason}`);
      else scores.fail(answer.name, ['it is read right now, but still named as an exception']);
    } else if (faults.length === 0) scores.pass(answer.name);
    else scores.fail(answer.name, faults);
  }
  const rows = [
    { reader: 'Longshore', scores: own },
    ...bestRows(files, await peerReadings(await judgePython(), files)),
  ];
  printTable(files, rows);
  const [ours = 0, ...theirs] = rows.map((row) => count(row, 'loaded').right);
  const best = Math.max(...theirs);
  const what = `Longshore loads ${ours} of ${files.length} files right, the best of the others ${best}`;
  if (theirs.length === 2 * Object.keys(SILENT).length && ours > best) scores.pass(what);
  else scores.fail(what, ['expected it to be better than all of them']);
}

async function peerReadings(python: string, files: readonly FileAnswer[]): Promise<Peers> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-judge-'));
  try {
    const jobs = [];
    for (const answer of files) {
      const utf8Path = join(folder, answer.file.replace(/\.gz$/, ''));
      await writeFile(utf8Path, new TextDecoder(answer.encoding).decode(await readCorpusFile(answer)));
      jobs.push({ path: CORPUS + answer.file, utf8Path, encoding: answer.encoding });
    }
    return JSON.parse(await run(python, [script], JSON.stringify(jobs)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** For each peer its best setting, as it is and told the encoding. */
function bestRows(files: readonly FileAnswer[], peers: Peers): Row[] {
  return Object.entries(peers).flatMap(([reader, settings]) =>
    (['path', 'utf8Path'] as const).map((key) => {
      const rows = Object.entries(settings).map(([setting, readings]) => {
        const told = key === 'utf8Path';
        const silent = new Set([...(SILENT[reader] ?? []), ...(told ? (['encoding'] as const) : [])]);
        return {
          reader: told ? `${reader}, told the encoding` : reader,
          setting,
          scores: readings.map((reading, at) => scoreReading(files[at]!, reading[key], silent)),
        };
      });
      const best = rows.reduce((one, other) => (total(other) > total(one) ? other : one));
      console.log(`  ${best.reader}: best with ${best.setting}`);
      return best;
    }),
  );
}

/** First by files that are loaded right, then by every other aspect. */
function total(row: Row): number {
  return (
    ASPECTS.reduce((sum, aspect) => sum + count(row, aspect).right, 0) + 1000 * count(row, 'loaded').right
  );
}

function count({ scores }: Row, aspect: Aspect): { readonly right: number; readonly of: number } {
  const said = scores.map(({ right }) => right.get(aspect)).filter((right) => right !== undefined);
  return { right: said.filter((right) => right).length, of: said.length };
}

/** As it stands in docs/benchmarks.md. */
function printTable(files: readonly FileAnswer[], rows: readonly Row[]): void {
  console.log(`\n| ${files.length} files | ${ASPECTS.join(' | ')} |`);
  console.log(`|---|${ASPECTS.map(() => '---:|').join('')}`);
  for (const row of rows) {
    const cells = ASPECTS.map((aspect) => {
      const { right, of } = count(row, aspect);
      return of === 0 ? '–' : `${right}/${of}`;
    });
    console.log(`| ${row.reader} | ${cells.join(' | ')} |`);
  }
  console.log('');
}
