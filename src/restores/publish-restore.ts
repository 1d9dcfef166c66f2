import type { Tx } from '../db/database.ts';
import { withinLockTime } from '../db/lock-holders.ts';
import { refusalOf } from '../db/refusal.ts';
import { COPY_SCHEMA, equalColumns, quoteName, quoteNames } from '../db/sql-names.ts';
import { isRowFault, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { lockTables } from '../publish/lock-tables.ts';
import {
  buildKeysEarly,
  isSwap,
  moveInPlace,
  type Replacement,
  replaceTables,
} from '../publish/replace-tables.ts';
import { columnsOf, liveName, readTableState } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { limitStage } from './compare-stages.ts';
import { copyName, recordCopy, refuseTaken } from './copies.ts';
import type { RestoredTable, RestorePlan } from './restores.ts';

/**
 * Replaces the tables of a restore by its stages, in the transaction of the caller: all of them or none. Keys and
 * references are built, and PostgreSQL fails where one does not hold.
 *
 * @throws LongshoreError `reference-broken`; `restore-mismatch` where rows of the backup do not obey the table's keys;
 *   `restore-state` where a column that no backup holds would lose its values; `table-backing-up`
 */
export async function publishRestore(tx: Tx, plan: RestorePlan): Promise<void> {
  await tx.query(`set local work_mem = '64MB'`);
  const { as, keys } = plan.target;
  try {
    if (as !== null) await publishBeside(tx, plan, as);
    else if (keys !== null) await publishKeys(tx, plan);
    else await publishWhole(tx, plan);
  } catch (error) {
    throw translate(error);
  }
}

/**
 * Builds the keys of the stages and the references among them while the tables are still open to writers.
 * @throws LongshoreError as `publishRestore` does
 */
export async function prepareRestore(tx: Tx, { tables }: RestorePlan): Promise<void> {
  const replacements: Replacement[] = [];
  const lives = tables.map(({ table }) => liveName(table));
  await withinLockTime(tx, lives, 'access share', async () => {
    for (const one of tables) replacements.push({ ...one, state: await readTableState(tx, one) });
  });
  try {
    await buildKeysEarly(tx, replacements);
  } catch (error) {
    throw translate(error);
  }
}

async function publishWhole(tx: Tx, { tables }: RestorePlan): Promise<void> {
  const states = await lockTables(tx, tables);
  const replacements = tables.map((one, no): Replacement => ({ ...one, state: states[no]! }));
  for (const one of replacements) if (!isSwap(one)) await refuseLoss(tx, one.table);
  const replaced = await replaceTables(tx, replacements);
  await tx.query('set constraints all immediate');
  for (const [no, one] of replaced.entries()) {
    const { table, saved } = tables[no]!;
    if (one.way === 'insert') refuseMissing(table, one.inserted, saved.rows);
  }
}

/** Refuses a restore that does not bring all rows back. @throws LongshoreError `database-refused` */
function refuseMissing(table: Table, put: number, expected: number): void {
  if (put === expected) return;
  throw new LongshoreError(
    'database-refused',
    `${table.name} took ${put} of ${expected} rows: a trigger or a rule of it keeps the others out`,
  );
}

/**
 * Refuses what publishing would refuse, without locks that block anybody: for a dry run, in a transaction that is rolled
 * back. References that would break are listed by `compareStages`; refusals by users' triggers show only in publishing.
 * @throws LongshoreError as `publishRestore` does
 */
export async function rehearseRestore(tx: Tx, plan: RestorePlan): Promise<void> {
  await tx.query(`set local work_mem = '64MB'`);
  const { as, keys } = plan.target;
  try {
    await limitStage(tx, plan);
    if (as !== null) {
      await refuseTaken(tx, as);
      for (const { table, stage } of plan.tables) await buildKeys(tx, stage, keyDefinitionsOf(table));
      return;
    }
    const lives = plan.tables.map(({ table }) => liveName(table)).sort();
    await withinLockTime(tx, lives, 'access share', () =>
      tx.query(`lock table ${lives.join(', ')} in access share mode`),
    );
    for (const one of plan.tables) await rehearseTable(tx, one, keys !== null);
  } catch (error) {
    throw translate(error);
  }
}

/**
 * Refuses a comparison of rows by a primary key that they do not have, in a transaction that is rolled back.
 * @throws LongshoreError `restore-mismatch`
 */
export async function rehearseKeys(tx: Tx, { tables }: RestorePlan): Promise<void> {
  await tx.query(`set local work_mem = '64MB'`);
  try {
    for (const { table, stage } of tables) await buildKeys(tx, stage, keyDefinitionsOf(table));
  } catch (error) {
    throw translate(error);
  }
}

async function rehearseTable(tx: Tx, one: RestoredTable, limited: boolean): Promise<void> {
  const { table, stage } = one;
  const state = await readTableState(tx, one);
  if (!limited && !isSwap({ state })) await refuseLoss(tx, table);
  // Unique keys have to hold together with the rows that stay.
  if (limited) await addRemaining(tx, one);
  const keys = state.constraints.filter(({ kind }) => kind !== 'f').map(({ definition }) => definition);
  await buildKeys(tx, stage, [...keys, ...(await checksOf(tx, table))]);
}

async function buildKeys(tx: Tx, stage: string, definitions: readonly string[]): Promise<void> {
  for (const definition of definitions) await tx.query(`alter table ${stage} add ${definition}`);
}

async function addRemaining(tx: Tx, { table, stage }: RestoredTable): Promise<void> {
  const columns = quoteNames(columnsOf(table));
  await tx.query(
    `insert into ${stage} (${columns}) select ${columns} from ${liveName(table)} t
      where not exists (select from pg_temp.wanted_keys k where ${equalColumns(table.primaryKey, 'k', 't')})`,
  );
}

/** CHECK and NOT NULL of the live table; before PostgreSQL 18 NOT NULL is no constraint of its own. */
async function checksOf(tx: Tx, table: Table): Promise<string[]> {
  const live = liveName(table);
  const columns = columnsOf(table);
  const checks = await tx.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint
      where conrelid = $1::regclass and contype = 'c' and convalidated
        and not exists (select from pg_attribute a
                         where a.attrelid = conrelid and a.attnum = any (conkey) and a.attname <> all ($2))
      order by conname`,
    [live, columns],
  );
  const required = await tx.query<{ name: string }>(
    `select attname::text as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attnotnull and attgenerated = ''
        and attidentity = '' and not atthasdef order by attnum`,
    [live],
  );
  const foreign = required.find(({ name }) => !columns.includes(name));
  if (foreign) {
    throw new LongshoreError(
      'restore-state',
      `column ${foreign.name} of ${table.name} takes no null, and no backup has values for it: give it a default`,
    );
  }
  return [
    ...checks.map(({ definition }) => definition),
    ...required.map(({ name }) => `check (${quoteName(name)} is not null)`),
  ];
}

/** Columns that someone added beside the dictionary are in no backup: emptying the table would lose their values. */
async function refuseLoss(tx: Tx, table: Table): Promise<void> {
  const columns = await tx.query<{ name: string }>(
    `select attname::text as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> all ($2) and attgenerated = ''`,
    [liveName(table), columnsOf(table)],
  );
  for (const { name } of columns) {
    const filled = await tx.query(
      `select from ${liveName(table)} where ${quoteName(name)} is not null limit 1`,
    );
    if (filled.length === 0) continue;
    throw new LongshoreError(
      'restore-state',
      `column ${name} of ${table.name} is not in the dictionary, and so in no backup: a restore would lose its values; ` +
        'empty it, or restore single keys or under another name',
    );
  }
}

/** Rows with the wanted keys become as they are in the backup; the others stay. */
async function publishKeys(tx: Tx, plan: RestorePlan): Promise<void> {
  const { table, stage } = plan.tables[0] as RestoredTable;
  await lockTables(tx, [{ table, stage }]);
  await limitStage(tx, plan);
  const live = liveName(table);
  const columns = quoteNames(columnsOf(table));
  const rest = columnsOf(table).filter((name) => !table.primaryKey.includes(name));
  const set = rest.map((name) => `${quoteName(name)} = excluded.${quoteName(name)}`).join(', ');
  // Deletion comes first, so that a unique value may pass from a deleted row to an inserted one.
  await tx.query(
    `delete from ${live} t using pg_temp.wanted_keys k
      where ${equalColumns(table.primaryKey, 'k', 't')}
        and not exists (select from ${stage} s where ${equalColumns(table.primaryKey, 's', 't')})`,
  );
  const [staged] = await tx.query<{ rows: number }>(`select count(*)::float8 as rows from ${stage}`);
  const put = await tx.change(
    `insert into ${live} as own_row (${columns}) overriding system value select ${columns} from ${stage}
     on conflict (${quoteNames(table.primaryKey)}) do update set ${set}`,
  );
  await tx.query('set constraints all immediate');
  refuseMissing(table, put, staged?.rows ?? 0);
}

/** Publishes a copy with its own keys, under names that PostgreSQL chooses, and no references. */
async function publishBeside(tx: Tx, plan: RestorePlan, as: string): Promise<void> {
  const { table, stage, saved } = plan.tables[0] as RestoredTable;
  await limitStage(tx, plan);
  await refuseTaken(tx, as);
  await tx.query(`alter table ${stage} reset (autovacuum_enabled)`);
  await moveInPlace(tx, stage, as, COPY_SCHEMA);
  const copy = copyName(as);
  await buildKeys(tx, copy, keyDefinitionsOf(table));
  await tx.query(`analyze ${copy}`);
  const [row] =
    plan.target.keys === null
      ? [saved]
      : await tx.query<{ rows: number }>(`select count(*)::float8 as rows from ${copy}`);
  await recordCopy(tx, { restoreId: plan.id, name: as, rows: row?.rows ?? 0 });
}

/** The primary and the unique keys of a table, for `alter table … add`. */
export function keyDefinitionsOf(table: Table): string[] {
  const { primaryKey } = table;
  return keyFieldsOf(table).map((fields) =>
    fields === primaryKey ? `primary key (${quoteNames(fields)})` : `unique (${quoteNames(fields)})`,
  );
}

/** The fields of each of them, those of the primary key first. */
export function keyFieldsOf({ primaryKey, fields, uniqueKeys }: Table): readonly (readonly string[])[] {
  return [
    ...(primaryKey.length > 0 ? [primaryKey] : []),
    ...fields.filter((f) => f.constraints.unique === true).map((f) => [f.name]),
    ...uniqueKeys,
  ];
}

/** The error without PostgreSQL's detail: the key's values are row data, and this message goes into logs. */
function translate(error: unknown): unknown {
  const { table, constraint } = error as { table?: string; constraint?: string };
  if (sqlstateOf(error) === SQLSTATE.foreignKeyViolation) {
    const from = table === undefined || /^restore_\d/.test(table) ? 'a restored table' : table;
    const message = `${from} (${constraint}) refers to rows that would not be there after the restore`;
    return new LongshoreError('reference-broken', message, { cause: error });
  }
  if (!isRowFault(error) || error instanceof LongshoreError) return error;
  const message = `rows of the backup are refused: ${refusalOf(error)}`;
  return new LongshoreError('restore-mismatch', message, { cause: error });
}
