import { randomUUID } from 'node:crypto';
import type { BatchMode, BatchOutcome, EndedBatch, ReceivedBatch } from '../../src/batches/batch.ts';
import type { CheckedBatch } from '../../src/batches/checked-batch.ts';
import { commitGroup } from '../../src/batches/commit-group.ts';
import { readBatch } from '../../src/batches/read-batch.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { compiledTable } from '../../src/rows/compiled-tables.ts';
import type { CompiledTable } from '../../src/rows/contract.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import type { Dictionary } from '../../src/types.ts';
import { atOnce } from './at-once.ts';
import { testDatabase } from './database.ts';
import type { Cleanup } from './home.ts';

/** What a batch of a test differs in from an ordinary one. */
export type BatchOptions = Partial<Omit<ReceivedBatch, 'body'>> & { readonly mode?: BatchMode };

export function received(body: unknown, options: Omit<BatchOptions, 'mode'> = {}): ReceivedBatch {
  return {
    id: `${randomUUID()}-0`,
    format: 'json',
    strict: false,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    sentBy: 'tester',
    receivedAt: '2026-01-02T03:04:05.678Z',
    idempotency: null,
    ...options,
  };
}

/** A database of the test's own with the tables of a descriptor, and batches for them. */
export async function batchStack(t: Cleanup, descriptor: unknown) {
  const dictionary = parseDictionary(descriptor);
  const database = await testDatabase(t);
  await ensureTables(database.url, dictionary);
  const db = await openDatabase({ url: database.url });
  t.after(async () => db[Symbol.asyncDispose]());
  const compiled = compiledOf(dictionary);
  return { url: database.url, db, compiled, ...committer(db, compiled) };
}

/** A dictionary's tables by name. */
export function compiledOf({ tables }: Dictionary): (name: string) => CompiledTable {
  return (name) => compiledTable(tables.find((table) => table.name === name)!);
}

export interface CommitOptions {
  readonly mode?: BatchMode;
  readonly group?: string;
}

/** Checks batches and commits them as the worker does. */
export function committer(db: Database, compiled: (table: string) => CompiledTable) {
  const check = (
    table: string,
    body: unknown,
    { mode = 'append', ...options }: BatchOptions = {},
  ): CheckedBatch => atOnce(readBatch(received(body, options), compiled(table), mode));
  const commit = (
    table: string,
    batches: readonly CheckedBatch[],
    { mode = 'append', group = randomUUID() }: CommitOptions = {},
  ): Promise<readonly BatchOutcome[]> =>
    commitGroup(
      db,
      { group, workflowId: `batches-${group}`, runId: 'run', table: compiled(table).table, mode },
      batches,
    );
  return { check, commit };
}

/** @throws when the batch was refused */
export function ended(outcome: BatchOutcome | undefined): EndedBatch {
  if (!outcome || !('view' in outcome)) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Index, code and field of every error of an outcome. */
export function faultsOf(outcome: BatchOutcome | undefined): [number, string, string | null][] {
  return ended(outcome).rejects.flatMap(({ index, errors }) =>
    errors.map(({ code, field }): [number, string, string | null] => [index, code, field]),
  );
}
