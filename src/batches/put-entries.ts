import type { Tx } from '../db/database.ts';
import { refusedRow } from '../db/refusal.ts';
import { isKeyTaken, isRowFault } from '../db/sqlstate.ts';
import { mergeAsSet } from '../publish/merge-as-set.ts';
import { liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import type { BatchMode, BatchReject } from './batch.ts';
import { absentIn, findKeyFaults, lookedAt } from './check-batch.ts';
import type { GoodRow } from './checked-batch.ts';
import { type Entry, keepLines, rowParameters, settle, shapeOf } from './group-parameters.ts';
import { type Put, putSql, type References } from './group-sql.ts';

/** How often a batch's rows are looked at when others keep writing the same keys, before they go in one by one. */
const LOOKS = 3;

/** A group's transaction, once its ledger row is there. */
export interface GroupTx {
  readonly tx: Tx;
  readonly table: Table;
  readonly mode: BatchMode;
  readonly id: number;
  readonly references: References;
}

/**
 * Puts in the rows of batches, each as if it were the only one, in their order. All are tried at once; when something
 * speaks against them, each half; so one bad batch of 64 costs a dozen tries. A batch that fails by itself is looked
 * at row by row.
 *
 * @param suspect something is known to speak against them: trying all at once would be in vain
 */
export async function putEntries(group: GroupTx, entries: readonly Entry[], suspect: boolean): Promise<void> {
  const [first] = entries;
  if (!first || (!suspect && (await tryRows(group, entries)))) return;
  if (entries.length === 1) return putFaultyEntry(group, first);
  const middle = entries.length >> 1;
  await putEntries(group, entries.slice(0, middle), false);
  await putEntries(group, entries.slice(middle), false);
}

/** Makes rejects of the rows at fault and puts in the others. A concurrent writer may come in between: then again. */
async function putFaultyEntry(group: GroupTx, entry: Entry): Promise<void> {
  const { tx, table, mode } = group;
  const { good, rejects, batch } = entry;
  for (let look = 0; look < LOOKS; look++) {
    const faults = await findKeyFaults(tx, table, mode, batch, good);
    settle(entry, byIndex([...rejects, ...faults]), without(good, faults));
    let refusal: unknown;
    const took = await tryRows(group, [entry], (error) => {
      refusal = error;
    });
    if (took || (mode === 'merge' && isKeyTaken(refusal) && (await tryAsSet(group, entry)))) return;
  }
  settle(entry, rejects, good);
  await putOneByOne(group, entry);
}

/**
 * The last resort, where looking at all rows at once does not explain what PostgreSQL says of them: a constraint or a
 * trigger that someone put on the table.
 */
async function putOneByOne(group: GroupTx, entry: Entry): Promise<void> {
  const { tx, table, mode } = group;
  const { batch } = entry;
  const good: GoodRow[] = [];
  const rejects = new Map<number, BatchReject>();
  await tx.query('savepoint one_by_one');
  for (let rows = entry.good; rows.length > 0; ) {
    const waiting: GoodRow[] = [];
    for (const row of rows) {
      let refusal: unknown;
      const one = { ...entry, good: [row] };
      const took = await tryRows(group, [one], (error) => {
        refusal = error;
      });
      rejects.delete(row.index);
      if (took) {
        good.push(...one.good);
        continue;
      }
      const [fault] = await findKeyFaults(tx, table, mode, batch, [row]);
      const text = batch.rowText(row.index);
      const reject = fault ?? { index: row.index, row: text, errors: [refusedRow(refusal)] };
      rejects.set(row.index, reject);
      if (reject.errors[0]?.code === 'foreign-key') waiting.push(row);
    }
    // Those that refer to a row behind them, as long as that helps.
    rows = waiting.length < rows.length ? waiting : [];
  }
  settle(entry, byIndex([...entry.rejects, ...rejects.values()]), good);
  // Of a strict batch that has rejects by now, nothing stays.
  if (entry.good.length < good.length) await tx.query('rollback to savepoint one_by_one');
}

/** @returns false when a key or a reference of them does not hold; then nothing of them is in */
async function tryRows(
  group: GroupTx,
  entries: readonly Entry[],
  refused: (error: unknown) => void = () => undefined,
): Promise<boolean> {
  const { tx, table, mode, id, references } = group;
  if (entries.every(({ good }) => good.length === 0)) return true;
  const shape = shapeOf(entries);
  const sql = putSql(table, mode, references, shape);
  let put: Put | undefined;
  const took = await attempt(
    tx,
    async () => {
      [put] = await tx.query(sql, [id, ...rowParameters(table, entries, shape)]);
      return put !== undefined && !put.broken && !put.inTurn;
    },
    refused,
  );
  if (took) keepLines(entries, put!.kept);
  return took;
}

/** The rows that `findKeyFaults` left, for values that they hand on against the order in which they would go in. */
function tryAsSet({ tx, table, id }: GroupTx, entry: Entry): Promise<boolean> {
  const { firstLine, good, batch } = entry;
  const values = new Map([
    ['_load_id', '$1::bigint'],
    ['_line', '$2::bigint + s._line'],
  ]);
  return attempt(tx, async () => {
    const source = lookedAt(table);
    const [staged] = await tx.query<{ n: number }>(`select count(*)::int as n from ${source}`);
    // A row that is too large for any table is not there: see `findKeyFaults`.
    if (staged?.n !== good.length) return false;
    const absent = absentIn(table, good);
    const put = await mergeAsSet(tx, { table, source, values, absent, parameters: [id, firstLine] });
    if (put === good.length) return true;
    // A trigger of the table kept some out.
    const kept = await tx.query<{ line: number }>(
      `select _line::int as line from ${liveName(table)} where _load_id = $1 and _line >= $2 and _line < $3`,
      [id, firstLine, firstLine + batch.sent],
    );
    keepLines(
      [entry],
      kept.map(({ line }) => line),
    );
    return true;
  });
}

/** @returns false as well when PostgreSQL refuses a row: all is as it was then */
async function attempt(
  tx: Tx,
  put: () => Promise<boolean>,
  refused: (error: unknown) => void = () => undefined,
): Promise<boolean> {
  await tx.query('savepoint try');
  try {
    const took = await put();
    // What waits for the end of the transaction would fail all batches of the group.
    await tx.query('set constraints all immediate; release savepoint try');
    return took;
  } catch (error) {
    if (!isRowFault(error)) throw error;
    refused(error);
    await tx.query('rollback to savepoint try');
    return false;
  }
}

function without(rows: readonly GoodRow[], faults: readonly BatchReject[]): readonly GoodRow[] {
  const gone = new Set(faults.map(({ index }) => index));
  return rows.filter(({ index }) => !gone.has(index));
}

function byIndex(rejects: BatchReject[]): BatchReject[] {
  return rejects.sort((a, b) => a.index - b.index);
}
