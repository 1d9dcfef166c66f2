import { RowChecksum } from '../avro/checksum.ts';
import type { AvroTotals } from '../avro/encode.ts';
import { checkEnd } from '../db/copy-binary.ts';
import { CopyOut } from '../db/copy-out.ts';
import type { Tx } from '../db/database.ts';
import { quoteNames } from '../db/sql-names.ts';
import { isRowFault } from '../db/sqlstate.ts';
import { columnsOf } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import type { Proof } from './end-restore.ts';
import { keyDefinitionsOf } from './publish-restore.ts';
import type { RestoredTable } from './restores.ts';

/**
 * Proves that staged tables are what was backed up: reads each back from PostgreSQL and compares its checksum with that
 * of the backup's rows; then builds the keys, and the references among the tables. Runs in a transaction that is rolled
 * back, so that a second attempt begins with bare stages again.
 */
export async function proveStages(
  tx: Tx,
  tables: readonly RestoredTable[],
  signal: AbortSignal,
): Promise<Proof> {
  const faults: string[] = [];
  const found: { table: string; rows: number; checksum: string; matches: boolean }[] = [];
  for (const { table, stage, saved } of tables) {
    const { rows, checksum } = await readBack(tx, table, stage, signal);
    const matches = rows === saved.rows && checksum === saved.checksum;
    found.push({ table: table.name, rows, checksum, matches });
    if (!matches) {
      faults.push(
        `${table.name}: ${rows} rows with checksum ${checksum} came back of ${saved.rows} with ${saved.checksum}`,
      );
    }
  }
  for (const { table, stage } of tables) {
    for (const key of keyDefinitionsOf(table)) {
      if (!(await holds(tx, `alter table ${stage} add ${key}`))) faults.push(`${table.name}: no ${key}`);
    }
  }
  for (const { table, stage } of tables) {
    for (const { text, fields, to, parent } of referencesOf(table, tables)) {
      const reference = `foreign key (${quoteNames(fields)}) references ${parent} (${quoteNames(to)})`;
      if (!(await holds(tx, `alter table ${stage} add ${reference}`))) {
        faults.push(`${table.name}: the reference ${text} is broken`);
      }
    }
  }
  return { tables: found, faults };
}

/** Counts the rows of a table and takes their checksum, from the bytes that PostgreSQL sends. */
async function readBack(tx: Tx, table: Table, stage: string, signal: AbortSignal): Promise<AvroTotals> {
  const columns = columnsOf(table);
  const copy = tx.client.query(
    new CopyOut(`copy ${stage} (${quoteNames(columns)}) to stdout (format binary)`),
  );
  const { input } = copy;
  const checksum = new RowChecksum();
  let rows = 0;
  try {
    while (await copy.more()) {
      signal.throwIfAborted();
      for (; input.nextTuple(columns.length); rows++) {
        checksum.add(input.view, input.tupleStart, input.tupleEnd);
      }
    }
    checkEnd(input);
  } finally {
    await copy.close();
  }
  return { rows, checksum: checksum.hex() };
}

export interface StagedReference {
  readonly text: string;
  readonly fields: readonly string[];
  readonly to: readonly string[];
  /** The stage that it leads to, quoted and qualified. */
  readonly parent: string;
}

/** References to tables that are staged too; other tables were not part of the snapshot. */
export function referencesOf(
  { foreignKeys }: Table,
  tables: readonly Pick<RestoredTable, 'table' | 'stage'>[],
): readonly StagedReference[] {
  return foreignKeys.flatMap(({ fields, reference }) => {
    const parent = tables.find((one) => one.table.name === reference.table);
    if (!parent) return [];
    const text = `${fields.join(', ')} → ${reference.table}`;
    return [{ text, fields, to: reference.fields, parent: parent.stage }];
  });
}

/** @returns false when rows violate the constraint; the transaction stays usable either way */
async function holds(tx: Tx, statement: string): Promise<boolean> {
  await tx.query('savepoint proof');
  try {
    await tx.query(statement);
    await tx.query('release savepoint proof');
    return true;
  } catch (error) {
    // 42830: the key that it refers to does not hold, which is a fault of its own.
    if (!isRowFault(error) && (error as { code?: string }).code !== '42830') throw error;
    await tx.query('rollback to savepoint proof');
    return false;
  }
}
