import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEAD_BYTES } from '../csv/file-kind.ts';
import { readRecords } from '../csv/read-records.ts';
import { OVERSIZE_PREVIEW_BYTES, Surveyor, surveyOptionsOf } from '../csv/survey.ts';
import { absentInFile, columnsOfFile } from '../dictionary/columns-of-file.ts';
import { partialTable } from '../dictionary/partial-table.ts';
import { inEncoding } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { inSlices } from '../in-slices.ts';
import { BEGINNING_BYTES, findReading } from '../infer/find-reading.ts';
import { storeFile } from '../loads/store-file.ts';
import { MAX_EXPANSION } from '../max-expansion.ts';
import { hintFor } from '../reading-words.ts';
import { compileTable } from '../rows/compile-table.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { Chunk, LoadMode, ReadAs, Survey, Table } from '../types.ts';
import { peek } from '../wrappings/peek.ts';
import { isWrapped } from '../wrappings/plain-text.ts';
import type { FileKeys, KeyChecks } from './key-checks.ts';
import { type RuleCount, Tally } from './tally.ts';

/** Records in another encoding that are kept, to tell in which. */
const BROKEN_RECORDS = 50;

/** A file to be judged. */
export interface FileToCheck {
  readonly name: string;
  /** null: a stream that can be read once only */
  readonly path: string | null;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** What a load of the file would say. */
export interface FileVerdict {
  readonly file: string;
  readonly table: string;
  readonly mode: LoadMode;
  /** Why the load would be refused as a whole; null: it would not. */
  readonly error: FileError | null;
  readonly rows: { readonly read: number; readonly good: number; readonly rejected: number };
  readonly rejects: readonly RuleCount[];
  /** How the file seems to be written, and what reads it so, where it was refused; null: nothing is clear. */
  readonly hint: string | null;
  /** Rules that only the database, or a file that was not given, can tell. */
  readonly notChecked: readonly string[];
}

export interface FileError {
  readonly code: string;
  readonly message: string;
  /** The same with what the file has, one a line. */
  readonly details: readonly string[];
}

export interface CheckOptions {
  /** As the file is read. */
  readonly table: Table;
  /** How that differs from the dictionary; null: it does not. */
  readonly readAs: ReadAs | null;
  readonly mode: LoadMode;
  readonly keys: KeyChecks;
  /** Every table of the dictionary: some refer to this one. */
  readonly tables: readonly Table[];
  /** Names of the tables of which files were given. */
  readonly given: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/**
 * Judges a file as a load would, by the same survey, header and rows: in one pass for its chunks and another one for its
 * rows, a chunk in memory at a time.
 */
export async function checkFile(file: FileToCheck, options: CheckOptions): Promise<FileVerdict> {
  const { table, mode } = options;
  const verdict = { file: file.name, table: table.name, mode, notChecked: notChecked(options) };
  try {
    await using text = await textOf(file, options);
    const asRead = { ...options, table: text.table };
    const { broken, ...counted } = await checkRows(text.path, text.survey, asRead).catch(async (error) => {
      throw await withHint(error, text.path, asRead);
    });
    const { read, rejected } = counted.rows;
    const error = read === rejected ? allRejected(read, mode) : null;
    const hint = rejected === 0 ? null : await hintOf(text.path, asRead, broken);
    return { ...verdict, error, ...counted, hint };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const details = error.places.map(({ detail }) => detail);
    const rows = { read: 0, good: 0, rejected: 0 };
    const refused = { code: error.code, message: error.message, details };
    return { ...verdict, error: refused, rows, rejects: [], hint: null };
  }
}

/** An error about the header, with how the file seems to be written. */
async function withHint(error: unknown, path: string, options: CheckOptions): Promise<unknown> {
  if (!(error instanceof LongshoreError) || error.code !== 'header-mismatch') return error;
  const hint = await hintOf(path, options, []);
  if (hint === null) return error;
  return new LongshoreError(error.code, `${error.message}; ${hint}`, { places: error.places, cause: error });
}

async function hintOf(
  path: string,
  { table, readAs, mode }: CheckOptions,
  broken: readonly Buffer[],
): Promise<string | null> {
  await using handle = await open(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING_BYTES), 0, BEGINNING_BYTES, 0);
  const beginning = buffer.subarray(0, bytesRead);
  const whole = bytesRead < BEGINNING_BYTES;
  const seems = await inSlices(findReading({ beginning, whole, table, mode, broken }));
  return seems && hintFor(seems, table, readAs);
}

function allRejected(read: number, mode: LoadMode): FileError {
  const message = `all ${read} rows are rejected${mode === 'replace' ? ': the table would be empty' : ''}`;
  return { code: 'too-many-rejects', message, details: [] };
}

function notChecked({ table, mode, given }: CheckOptions): string[] {
  const keys = table.primaryKey.length > 0 || table.uniqueKeys.length > 0;
  const taken = mode === 'append' && (keys || table.fields.some(({ constraints }) => constraints.unique));
  const references = table.foreignKeys.filter(({ reference }) => !given.has(reference.table));
  return [
    ...(taken ? ['whether keys are in the table already: only the database knows'] : []),
    ...references.map(
      ({ fields, reference }) =>
        `the reference of ${fields.join(', ')} to ${reference.table}: no file of ${reference.table} was given`,
    ),
  ];
}

async function checkRows(path: string, { header, chunks }: Survey, options: CheckOptions) {
  const { table, mode, tables, signal } = options;
  const { columns, width } = columnsOfFile({ table, header, mode });
  const compiled = compileTable(partialTable(table, absentInFile({ table, header, mode })));
  const tally = new Tally();
  const broken: Buffer[] = [];
  const rows = { read: 0, good: 0, rejected: 0 };
  const keys: FileKeys | null = options.keys.begin(table, tables);
  await using handle = await open(path);
  for (const chunk of chunks) {
    signal.throwIfAborted();
    const bytes = await readChunk(handle, chunk);
    for (const { line, cells, error, start, end } of readRecords(
      bytes,
      chunk,
      table.dialect,
      table.encoding,
    )) {
      const { values, errors } =
        error === null ? compiled.checkRow(cells, columns, width) : { values: null, errors: [error] };
      rows.read++;
      if (error?.code === 'encoding-error' && broken.length < BROKEN_RECORDS)
        broken.push(Buffer.from(bytes.subarray(start, end)));
      if (values === null) {
        rows.rejected++;
        for (const one of errors ?? []) tally.add(line, one);
      } else keys?.add(line, values);
    }
  }
  let last = 0;
  for (const { line, error } of keys?.end(mode) ?? []) {
    // The errors of one row come one after the other.
    if (line !== last) rows.rejected++;
    last = line;
    tally.add(line, error);
  }
  rows.good = rows.read - rows.rejected;
  return { rows, rejects: tally.rules, broken };
}

async function readChunk(handle: Awaited<ReturnType<typeof open>>, chunk: Chunk): Promise<Buffer> {
  const size = chunk.endByte - chunk.startByte;
  const wanted = chunk.oversize ? Math.min(size, OVERSIZE_PREVIEW_BYTES) : size;
  const bytes = Buffer.allocUnsafe(wanted);
  for (let at = 0; at < wanted; ) {
    const { bytesRead } = await handle.read(bytes, at, wanted - at, chunk.startByte + at);
    if (bytesRead === 0) throw new LongshoreError('file-changed', 'the file became shorter meanwhile');
    at += bytesRead;
  }
  return bytes;
}

/**
 * The text of a file, surveyed: where it lies, or as a copy of what can be read once only or is wrapped, for as long as
 * it is needed.
 */
async function textOf(file: FileToCheck, { table, signal }: CheckOptions) {
  const { head, pieces } = await peek(untilAborted(file.pieces, signal), HEAD_BYTES);
  if (file.path !== null && !isWrapped(head, table.encoding)) {
    const survey = await surveyOf(pieces, table);
    return { path: file.path, survey, table, async [Symbol.asyncDispose]() {} };
  }
  const folder = await mkdtemp(join(tmpdir(), 'longshore-check-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const storage = await openStorage(`file:${folder}`);
    const options = { storage, table, maxExpansion: MAX_EXPANSION };
    const { key, survey, textEncoding } = await storeFile(pieces, options);
    const path = join(folder, key);
    return { path, survey, table: inEncoding(table, textEncoding), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function surveyOf(pieces: AsyncIterable<Buffer>, table: Table): Promise<Survey> {
  const surveyor = new Surveyor(surveyOptionsOf(table));
  for await (const piece of pieces) surveyor.push(piece);
  return surveyor.end();
}

async function* untilAborted(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
  }
}
