import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRecords } from '../../src/csv/read-records.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { columnsOfFile } from '../../src/dictionary/columns-of-file.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import type { CellError, Dictionary, Survey, Table } from '../../src/types.ts';
import { testDatabase } from '../support/database.ts';
import { loadFile } from '../support/load-file.ts';
import type { JudgeCase, OwnVerdict, RowError } from './verdict.ts';

/**
 * Longshore's verdict on a package: its tables made in a database of their own, each file loaded by the very
 * activities that a load's workflow calls, and the rejects that are in the ledger afterwards.
 */
export async function longshoreVerdicts(judged: JudgeCase): Promise<ReadonlyMap<string, OwnVerdict>> {
  const dictionary = parseDictionary(judged.descriptor);
  await using database = await testDatabase();
  await ensureTables(database.url, dictionary);
  await using db = await openDatabase({ url: database.url });
  const folder = await mkdtemp(join(tmpdir(), 'longshore-judge-'));
  try {
    const storage = await openStorage(`file:${folder}`);
    const verdicts = new Map<string, OwnVerdict>();
    for (const table of dictionary.tables) {
      const bytes = judged.files[table.name];
      if (!bytes) throw new Error(`case "${judged.name}" has no file for ${table.name}`);
      verdicts.set(table.name, await judgeFile(db, storage, dictionary, table, bytes));
    }
    return verdicts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function judgeFile(
  db: Database,
  storage: Storage,
  dictionary: Dictionary,
  table: Table,
  bytes: Buffer,
): Promise<OwnVerdict> {
  const { id, survey, file } = await loadFile({ db, storage, dictionary, table, bytes, mode: 'append' });
  if (file.length > 0) return { file, rows: new Map(), table, cells: new Map(), columns: [] };
  const rejects = await db.query<{ line: number; errors: CellError[] }>(
    'select line::float8 as line, errors from longshore.reject where load_id = $1',
    [id],
  );
  return {
    file,
    rows: new Map(rejects.map(({ line, errors }) => [line, errors.map((error) => toRowError(table, error))])),
    table,
    cells: cellsOf(table, survey, bytes),
    columns: columnsOfFile({ table, header: survey.header, mode: 'append' }).columns,
  };
}

/** The judge names all fields of a composite key; a reject of ours has them in its message. */
function toRowError(table: Table, { code, field, message }: CellError): RowError {
  // To the judge a primary key is a matter of the whole row.
  if (code === 'primary-key') return { code, field: null, note: message };
  if (field !== null) return { code, field, note: message };
  const references = table.foreignKeys.filter((key) => key.fields.length > 1);
  const keys =
    code === 'foreign-key'
      ? references.map((key) => ({ fields: key.fields, shown: key.reference.fields }))
      : code === 'unique-error'
        ? table.uniqueKeys.map((fields) => ({ fields, shown: fields }))
        : [];
  const key = keys.find(({ shown }) => shown.every((name) => message.includes(`${name} `)));
  return { code, field: key?.fields.join(',') ?? null, note: message };
}

function cellsOf(table: Table, survey: Survey, bytes: Buffer): Map<number, readonly string[]> {
  const cells = new Map<number, readonly string[]>();
  for (const chunk of survey.chunks) {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    for (const record of readRecords(range, chunk, table.dialect, table.encoding)) {
      cells.set(record.line, record.cells);
    }
  }
  return cells;
}
