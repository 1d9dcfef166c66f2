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

/** How often a batch's rows are checked while others keep writing the same keys, before they go in one by one. */
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
 * Inserts the rows of batches, each as if it were the only one, in their order. All are tried at once; when that fails,
 * each half; so one bad batch of 64 costs a dozen tries. A batch that fails alone is checked row by row.
 *
 * @param suspect they are known not to go in together: trying all at once would be in vain
 */
export async function putEntries(group: GroupTx, entries: readonly Entry[], suspect: boolean): Promise<void> {
  const [first] = entries;
  if (!first || (!suspect && (await tryRows(group, entries)))) return;
  if (entries.length === 1) return putFaultyEntry(group, first);
  const middle = entries.length >> 1;
  await putEntries(group, entries.slice(0, middle), false);
  await putEntries(group, entries.slice(middle), false);
}

/** Rejects the rows at fault and inserts the others; repeated when a concurrent writer interferes. */
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
 * The last resort, where checking all rows at once does not explain PostgreSQL's error: a constraint or a trigger that
 * was added to the table by hand.
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
    // Rows that refer to a later row are tried again, as long as that helps.
    rows = waiting.length < rows.length ? waiting : [];
  }
  settle(entry, byIndex([...entry.rejects, ...rejects.values()]), good);
  // A strict batch that has rejects by now is rolled back.
  if (entry.good.length < good.length) await tx.query('rollback to savepoint one_by_one');
}

/** @returns false when a key or a reference of theirs does not hold; then none of them was inserted */
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

/** Writes the rows that `findKeyFaults` left as one set: a row may take a value that a later one gives up. */
function tryAsSet({ tx, table, id }: GroupTx, entry: Entry): Promise<boolean> {
  const { firstLine, good, batch } = entry;
  const values = new Map([
    ['_load_id', '$1::bigint'],
    ['_line', '$2::bigint + s._line'],
  ]);
  return attempt(tx, async () => {
    const source = lookedAt(table);
    const [staged] = await tx.query<{ n: number }>(`select count(*)::int as n from ${source}`);
    // A row that is too large for any table is missing there: see `findKeyFaults`.
    if (staged?.n !== good.length) return false;
    const absent = absentIn(table, good);
    const put = await mergeAsSet(tx, { table, source, values, absent, parameters: [id, firstLine] });
    if (put === good.length) return true;
    // A trigger of the table may have kept some out.
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

/** @returns false also when PostgreSQL refuses a row; everything is rolled back then */
async function attempt(
  tx: Tx,
  put: () => Promise<boolean>,
  refused: (error: unknown) => void = () => undefined,
): Promise<boolean> {
  await tx.query('savepoint try');
  try {
    const took = await put();
    // A constraint that is deferred to the end of the transaction would fail all batches of the group.
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
