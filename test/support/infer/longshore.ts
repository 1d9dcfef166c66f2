import { createReadStream } from 'node:fs';
import { readRecords } from '../../../src/csv/read-records.ts';
import { Surveyor, surveyOptionsOf } from '../../../src/csv/survey.ts';
import { columnsWithoutHeader, matchHeader } from '../../../src/dictionary/match-header.ts';
import { parseDictionary } from '../../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../../src/errors.ts';
import type { Inferred, InferredFile, InferSource } from '../../../src/infer/contract.ts';
import { infer } from '../../../src/infer/infer.ts';
import { prepared } from '../../../src/infer/prepare.ts';
import { isTrue } from '../../../src/rows/cast-boolean.ts';
import { compileTable } from '../../../src/rows/compile-table.ts';
import type { Field, Table } from '../../../src/types.ts';
import { type Answer, type AnswerType, CORPUS, type FileAnswer, readCorpusFile } from './answers.ts';
import type { Cell, Reading } from './reading.ts';

export interface OwnReading {
  readonly inferred: Inferred;
  /** In the order of the answer's files. */
  readonly files: readonly {
    readonly answer: FileAnswer;
    readonly file: InferredFile;
    readonly table: Table;
    readonly reading: Reading;
  }[];
}

/** What Longshore infers of files that it is told nothing of, and the rows that a load of the inferred tables has. */
export async function readByLongshore({ files }: Answer): Promise<OwnReading> {
  const sources = files.map(sourceOf);
  const inferred = await infer(sources);
  const { tables } = parseDictionary(inferred.descriptor);
  return {
    inferred,
    files: await Promise.all(
      files.map(async (answer) => {
        const file = inferred.files.find(({ name }) => name === answer.file)!;
        const table = tables.find(({ name }) => name === file.table)!;
        return { answer, file, table, reading: await readingOf(answer, file, table) };
      }),
    ),
  };
}

function sourceOf({ file }: FileAnswer): InferSource {
  return { name: file, open: () => createReadStream(CORPUS + file) };
}

async function readingOf(answer: FileAnswer, file: InferredFile, table: Table): Promise<Reading> {
  const raw = await readCorpusFile(answer);
  const encoding = file.prepared.recode ?? table.encoding;
  let rows: Cell[][];
  try {
    rows = await inferredRows(sourceOf(answer), file, table);
  } catch (error) {
    // A load of the table that was inferred of this very file would refuse the file.
    if (!(error instanceof LongshoreError)) throw error;
    return { failed: error.message, types: [], rows: [] };
  }
  return {
    encoding,
    sameText: new TextDecoder(encoding).decode(raw) === new TextDecoder(answer.encoding).decode(raw),
    delimiter: table.dialect.delimiter,
    header: table.dialect.header,
    types: table.fields.map(({ type }): AnswerType[] => [type === 'any' ? 'string' : type]),
    rows,
  };
}

/**
 * The rows that a load of the inferred table has, of the file as `longshore add` sends it. A row that a load would
 * reject is no row.
 * @throws LongshoreError where a load would refuse the file
 */
export async function inferredRows(source: InferSource, file: InferredFile, table: Table): Promise<Cell[][]> {
  const pieces: Buffer[] = [];
  for await (const piece of prepared(source, file, table.encoding)) pieces.push(piece);
  return rowsOf(Buffer.concat(pieces), table);
}

function rowsOf(bytes: Buffer, table: Table): Cell[][] {
  const surveyor = new Surveyor(surveyOptionsOf(table));
  surveyor.push(bytes);
  let survey: ReturnType<Surveyor['end']>;
  try {
    survey = surveyor.end();
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'file-empty') return [];
    throw error;
  }
  const { columns, width } =
    survey.header === null ? columnsWithoutHeader(table) : matchHeader(table, survey.header, 'append');
  const compiled = compileTable(table);
  const rows: Cell[][] = [];
  for (const chunk of survey.chunks) {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    for (const record of readRecords(range, chunk, table.dialect, table.encoding)) {
      if (record.error !== null) continue;
      const { values } = compiled.checkRow(record.cells, columns, width);
      if (values) rows.push(values.map((value, at) => cellOf(value, table.fields[at]!)));
    }
  }
  return rows;
}

function cellOf(value: string | null, { type }: Field): Cell {
  if (value === null) return null;
  switch (type) {
    case 'boolean':
      return ['b', isTrue(value)];
    case 'integer':
    case 'number':
      return ['n', value];
    case 'date':
      return ['d', value];
    case 'datetime':
      return ['t', value];
    case 'time':
      return ['h', value];
    default:
      return ['s', value];
  }
}
