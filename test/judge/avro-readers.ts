import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CODECS, type Codec } from '../../src/avro/codec.ts';
import { avroSchemaOf } from '../../src/avro/schema.ts';
import type { AvroCase } from './cases-avro.ts';
import type { Scores } from './main.ts';
import { run } from './python.ts';

const script = fileURLToPath(new URL('read_everywhere.py', import.meta.url));
const page = new URL('../../docs/backups.md', import.meta.url);

/** The readers of `read_everywhere.py`, by their names in the table of the page. */
const READERS = [
  'fastavro',
  'fastavro with backports.zstd',
  'Apache Avro for Python',
  'DuckDB',
  'polars',
] as const;

/** Apache's own tools judge every file elsewhere, so that they read all codecs or the judge fails there. */
const APACHE_TOOLS = 'Apache Avro for Java (avro-tools)';

/** A file of a case, to be read by others. */
export interface AvroFile {
  readonly avroCase: AvroCase;
  readonly codec: Codec;
  readonly file: string;
  readonly expected: string;
}

interface Reading {
  readonly refused: string | null;
  readonly faults: readonly string[];
}

/**
 * Holds the table "Who reads what" of docs/backups.md to the readers themselves: where it says yes, every row arrives
 * as PostgreSQL has it; where it says no, a file with rows is refused.
 */
export async function judgeReaders(
  python: string,
  files: readonly AvroFile[],
  scores: Scores,
): Promise<void> {
  const promised = promisesOf(await readFile(page, 'utf8'));
  const named = [...promised.keys()].sort();
  const known = [APACHE_TOOLS, ...READERS].sort();
  if (named.join() !== known.join()) {
    scores.fail('who reads what', [`the page names ${named.join(', ')} instead of ${known.join(', ')}`]);
    return;
  }
  const lacking = CODECS.filter((codec) => promised.get(APACHE_TOOLS)?.get(codec) !== true);
  if (lacking.length > 0) {
    scores.fail(APACHE_TOOLS, [`the page denies ${lacking.join(', ')}, which was read`]);
  }
  for (const reader of READERS) {
    const jobs = files.map(({ avroCase, file, expected }) => ({
      file,
      expected,
      names: avroSchemaOf(avroCase.table).fields.map(({ name }) => name),
    }));
    const readings: Reading[] = JSON.parse(await run(python, [script, reader], JSON.stringify(jobs)));
    for (const [no, { avroCase, codec }] of files.entries()) {
      const name = `${avroCase.name} (${codec}), by ${reader}`;
      const faults = faultsOf(readings[no]!, promised.get(reader)!.get(codec)!, avroCase.expected.length);
      if (faults.length === 0) scores.pass(name);
      else scores.fail(name, faults);
    }
  }
}

function faultsOf({ refused, faults }: Reading, promised: boolean, rows: number): readonly string[] {
  // A file without rows says no codec, and everybody reads it.
  if (promised || rows === 0) return refused === null ? faults : [refused];
  return refused === null ? ['the page says that it can not read this, and it does'] : [];
}

/** The table under "Who reads what": by reader, and by codec. */
function promisesOf(markdown: string): ReadonlyMap<string, ReadonlyMap<Codec, boolean>> {
  const section = markdown.split('### Who reads what\n')[1]?.split('\n#')[0] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
  const [head = [], , ...body] = rows;
  return new Map(
    body.map(([reader = '', ...cells]) => [
      reader,
      new Map(CODECS.map((codec) => [codec, cells[head.indexOf(codec) - 1]?.startsWith('yes') ?? false])),
    ]),
  );
}
