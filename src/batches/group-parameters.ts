import { jsonOfErrors } from '../rejects/rejects.ts';
import type { Table } from '../types.ts';
import type { BatchReject } from './batch.ts';
import type { CheckedBatch, GoodRow } from './checked-batch.ts';

/** A batch on its way into the table: what `commitGroup` decides about it. */
export interface Entry {
  readonly batch: CheckedBatch;
  /** `_line` of its row with index 0. */
  readonly firstLine: number;
  /** Rows that go in, as long as nothing speaks against them. */
  good: readonly GoodRow[];
  /** Rejects by index: first those of the reader, later also those of keys and references. */
  rejects: readonly BatchReject[];
}

/** The batches with the lines of their rows, which are counted from 1 through the whole group. */
export function enter(batches: readonly CheckedBatch[]): Entry[] {
  let line = 1;
  return batches.map((batch) => {
    const entry: Entry = { batch, firstLine: line, good: batch.good, rejects: [] };
    line += batch.sent;
    settle(entry, batch.rejects, batch.good);
    return entry;
  });
}

/** Updates a batch's good and rejected rows. Nothing of a strict batch goes in when any of its rows is rejected. */
export function settle(entry: Entry, rejects: readonly BatchReject[], good: readonly GoodRow[]): void {
  entry.rejects = rejects;
  entry.good = entry.batch.received.strict && rejects.length > 0 ? [] : good;
}

/** Keeps only the rows with these lines, which are those that PostgreSQL inserted; null: it inserted all. */
export function keepLines(entries: readonly Entry[], lines: readonly number[] | null): void {
  if (lines === null) return;
  const put = new Set(lines);
  for (const entry of entries) {
    entry.good = entry.good.filter(({ index }) => put.has(entry.firstLine + index));
  }
}

export function countsOf({ batch, good, rejects }: Entry) {
  const accepted = good.length;
  const rejected = rejects.length;
  return { sent: batch.sent, accepted, rejected, discarded: batch.sent - accepted - rejected };
}

/** The properties of a group that its statement depends on. */
export interface GroupShape {
  /** There is more than one batch. */
  readonly several: boolean;
  /** Some rows of the merge leave fields out. */
  readonly partial: boolean;
}

export function shapeOf(entries: readonly Entry[]): GroupShape {
  const partial = entries.some(({ good }) => good.some(({ given }) => given !== undefined));
  return { several: entries.length > 1, partial };
}

/** Parameters of `rowsInput`: an array for each column, and where some rows lack fields, which ones each row has. */
export function rowParameters(table: Table, entries: readonly Entry[], { partial }: GroupShape): string[] {
  const lines: number[] = [];
  const has: (string | null)[] = [];
  const columns: (string | null)[][] = table.fields.map(() => []);
  for (const { firstLine, good } of entries) {
    for (const { index, values, given } of good) {
      if (partial) has.push(given ?? null);
      lines.push(firstLine + index);
      for (let i = 0; i < columns.length; i++) columns[i]!.push(values[i] ?? null);
    }
  }
  return [`{${lines.join(',')}}`, ...columns.map(arrayLiteral), ...(partial ? [arrayLiteral(has)] : [])];
}

/** Text that an array literal may hold without quotes, except the word NULL. */
const BARE = /^[\w.:+-]+$/;
const NULL = /^null$/i;
const ESCAPED = /[\\"]/;
/** Characters that JSON escapes and an array literal does not: all of them are below the space. */
const CONTROL = /[^ -\uffff]/;

/** PostgreSQL's text form of an array ("Array Input and Output Syntax"); several times as quick as the driver's. */
export function arrayLiteral(values: readonly (string | null)[]): string {
  let text = '{';
  for (const value of values) {
    if (text.length > 1) text += ',';
    if (value === null) text += 'NULL';
    else if (BARE.test(value) && !NULL.test(value)) text += value;
    else if (!ESCAPED.test(value)) text += `"${value}"`;
    // The same text, in a quarter of the time.
    else if (!CONTROL.test(value) && value.isWellFormed()) text += JSON.stringify(value);
    else text += `"${value.replace(/[\\"]/g, '\\$&')}"`;
  }
  return `${text}}`;
}

/**
 * Parameters of `LEDGER_INPUT`: JSON of the batches with their keys, and of their rejects, whose rows are concatenated
 * as UTF-8 beside it: escaping their quotes a second time would multiply some MiB.
 */
export function ledgerParameters(
  entries: readonly Entry[],
): [batches: string, rejects: string, rows: Buffer] {
  const batches = entries.map((entry) => {
    const { id, strict, sentBy, receivedAt, idempotency } = entry.batch.received;
    return {
      id,
      strict,
      first_line: entry.firstLine,
      ...countsOf(entry),
      sent_by: sentBy,
      received_at: receivedAt,
      key: idempotency?.key,
      fingerprint: idempotency?.fingerprint,
      days: idempotency?.days,
      header: entry.batch.header ? JSON.stringify(entry.batch.header) : undefined,
    };
  });
  const rows: Buffer[] = [];
  // substring counts from 1.
  let start = 1;
  const rejects = entries.flatMap(({ batch, rejects: all }) =>
    all.map(({ index, row, errors }) => {
      const bytes = Buffer.from(row);
      const which = JSON.stringify({ batch_id: batch.received.id, index, start, bytes: bytes.length });
      rows.push(bytes);
      start += bytes.length;
      return `${which.slice(0, -1)},"errors":${jsonOfErrors(errors)}}`;
    }),
  );
  return [JSON.stringify(batches), `[${rejects.join(',')}]`, Buffer.concat(rows)];
}
