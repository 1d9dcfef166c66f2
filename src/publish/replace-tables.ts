import { createHash } from 'node:crypto';
import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName, STAGE_SCHEMA } from '../db/sql-names.ts';
import { isRefusal, sqlstateOf } from '../db/sqlstate.ts';
import { detachReadView, hangingViewsOf, readViewOf } from '../tables/read-views.ts';
import { addReferrer, dropReferrer, type Referrer } from '../tables/referrers.ts';
import { liveName, type StagedTable, type TableState } from '../tables/table-state.ts';
import { buildEarly, dropUntaken, takeOrBuild } from './built-early.ts';
import { comments, notNullNames, privileges } from './carry-over.ts';
import { lockExclusively } from './lock-tables.ts';
import { putStaged } from './put-staged.ts';

/** A table whose rows are to be replaced by those of its stage. */
export interface Replacement extends StagedTable {
  readonly state: TableState;
}

/** How a table got its rows: `inserted` counts those that PostgreSQL put in, of a table that was not swapped. */
export type Replaced = { readonly way: 'swap' } | { readonly way: 'insert'; readonly inserted: number };

/**
 * Replaces all rows of tables, of all or of none, in the transaction of the caller, who holds a share row exclusive
 * lock on them and on all that they reference or that reference them (`lockTables`).
 *
 *   keys, then references of the stages ─ exclusive lock ─ drop references from outside ─ swap, or empty and insert ─
 *   add those references again, which checks them
 *
 * A stage that becomes the table gets its keys, references, owner, grants and comments, its name and schema; reports read
 * it by its name. Where something depends on the table that this can not carry (`obstacles`), or where
 * PostgreSQL refuses the swap for an unforeseen reason, the rows go into the existing table. A key or reference that
 * does not hold is PostgreSQL's error; everything is rolled back then.
 *
 * @returns how each was replaced, in their order
 */
export async function replaceTables(
  tx: Tx,
  replacements: readonly Replacement[],
): Promise<readonly Replaced[]> {
  if (!replacements.some(isSwap)) return replaceAll(tx, replacements);
  await tx.query('savepoint swapping');
  try {
    return await replaceAll(tx, replacements);
  } catch (error) {
    if (!isRefusal(error) || WHAT_ROWS_ARE.test(sqlstateOf(error) ?? '')) throw error;
    await tx.query('rollback to savepoint swapping');
  }
  const obstacles = ['PostgreSQL refused the swap'];
  return replaceAll(
    tx,
    replacements.map((one) => ({ ...one, state: { ...one.state, obstacles } })),
  );
}

/** SQLSTATEs of keys, references and sizes, which would fail without a swap too. */
const WHAT_ROWS_ARE = /^(2[123]|54)/;

async function replaceAll(tx: Tx, replacements: readonly Replacement[]): Promise<readonly Replaced[]> {
  const swaps = replacements.filter(isSwap);
  const inPlace = replacements.filter((one) => !isSwap(one));
  for (const one of swaps) await addKeys(tx, one);
  const later: Referrer[] = [];
  for (const one of swaps) later.push(...(await addReferences(tx, one, replacements)));
  await dropUntaken(
    tx,
    swaps.map(({ stage }) => stage),
  );
  for (const { table, stage } of swaps) await carryOver(tx, liveName(table), stage);

  const lives = replacements.map(({ table }) => liveName(table));
  const referrers = referrersOf(replacements);
  const views = await hangingViewsOf(
    tx,
    swaps.map(({ table }) => table.name),
  );
  await lockExclusively(tx, [...lives, ...referrers.map((r) => r.table)], views.map(readViewOf));
  for (const r of referrers) await dropReferrer(tx, r);
  for (const view of views) await detachReadView(tx, view);
  if (swaps.length > 0) {
    await tx.query(`drop table ${swaps.map(({ table }) => liveName(table)).join(', ')}`);
  }
  for (const { table, stage } of swaps) await moveInPlace(tx, stage, table.name);
  if (inPlace.length > 0) await truncate(tx, inPlace);
  const replaced: Replaced[] = [];
  for (const one of replacements) {
    if (isSwap(one)) replaced.push({ way: 'swap' });
    else replaced.push({ way: 'insert', inserted: await putStaged(tx, one.table, 'replace', one.stage) });
  }
  for (const r of [...referrers, ...later]) await addReferrer(tx, r);
  return replaced;
}

/** One statement, since they may reference each other; nothing else does any more. Inheriting tables are left alone. */
async function truncate(tx: Tx, inPlace: readonly Replacement[]): Promise<void> {
  const lives = inPlace.map(({ table }) => liveName(table));
  const rows = await tx.query<{ partitioned: boolean }>(
    `select relkind = 'p' as partitioned
       from unnest($1::text[]) with ordinality l (name, no) join pg_class on oid = name::regclass order by no`,
    [lives],
  );
  const targets = lives.map((live, no) => (rows[no]?.partitioned ? live : `only ${live}`));
  await tx.query(`truncate ${targets.join(', ')}`);
}

/** Empties tables that are not swapped, and drops references from outside, as `replaceTables` does. */
export async function emptyTables(tx: Tx, replacements: readonly Replacement[]): Promise<void> {
  const referrers = replacements.flatMap(({ state }) => state.referrers);
  const lives = replacements.map(({ table }) => liveName(table));
  await lockExclusively(tx, [...lives, ...referrers.map((r) => r.table)]);
  for (const r of referrers) await dropReferrer(tx, r);
  await truncate(tx, replacements);
}

/**
 * Builds the keys of stages, and the references among them, ahead of `replaceTables`: its longest part, and one that
 * needs no lock on a live table. Idempotent.
 * @param replacements their states may be out of date by the time the tables are replaced
 */
export async function buildKeysEarly(tx: Tx, replacements: readonly Replacement[]): Promise<void> {
  const swaps = replacements.filter(isSwap);
  for (const { stage, state } of swaps) {
    for (const { kind, definition } of state.constraints) {
      if (kind !== 'f') await buildEarly(tx, stage, definition);
    }
  }
  for (const { stage, state } of swaps) {
    for (const { kind, definition, parent } of state.constraints) {
      const to = swaps.find((one) => one.state.selfName === (parent ?? state.selfName));
      if (kind === 'f' && to) await buildEarly(tx, stage, moved(definition, to));
    }
  }
}

export function isSwap({ state }: Pick<Replacement, 'state'>): boolean {
  return state.obstacles.length === 0;
}

async function addKeys(tx: Tx, { stage, state }: Replacement): Promise<void> {
  await tx.query(`alter table ${stage} alter column _load_id drop default`);
  for (const { kind, name, definition } of state.constraints) {
    if (kind !== 'f') await takeOrBuild(tx, stage, { name, definition });
  }
}

/**
 * Adds references; those between swapped tables, or of one to itself, lead from stage to stage.
 * @returns the references to a table that is filled in place, to be added when it has its rows
 */
async function addReferences(
  tx: Tx,
  { table, stage, state }: Replacement,
  all: readonly Replacement[],
): Promise<Referrer[]> {
  const later: Referrer[] = [];
  for (const { kind, name, definition, parent, comment } of state.constraints) {
    if (kind !== 'f') continue;
    const to = all.find((one) => one.state.selfName === (parent ?? state.selfName));
    if (to && !isSwap(to)) {
      later.push({ table: liveName(table), name, definition, comment, firing: [] });
      continue;
    }
    await takeOrBuild(tx, stage, { name, definition: to ? moved(definition, to) : definition });
  }
  return later;
}

/** The definition of a reference with its stage in the place of the table it points at. */
function moved(definition: string, { stage, state }: Replacement): string {
  return definition.replace(`REFERENCES ${state.selfName}(`, () => `REFERENCES ${stage}(`);
}

async function carryOver(tx: Tx, live: string, stage: string): Promise<void> {
  await tx.query(`alter table ${stage} reset (autovacuum_enabled)`);
  for (const statements of [privileges, notNullNames, comments]) {
    for (const statement of await statements(tx, live, stage)) await tx.query(statement);
  }
}

/** References to replaced tables, except those that disappear with a swapped table. */
function referrersOf(replacements: readonly Replacement[]): Referrer[] {
  const swapped = new Set(replacements.filter(isSwap).map(({ state }) => state.selfName));
  return replacements.flatMap(({ state }) => state.referrers.filter((r) => !swapped.has(r.table)));
}

/**
 * Moves a relation by way of a name that is free in both schemas: a user's table may have a stage's name, and a stage a
 * table's.
 */
export async function moveInPlace(
  tx: Tx,
  stage: string,
  name: string,
  schema: string = DATA_SCHEMA,
): Promise<void> {
  const moving = `moving_${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;
  await tx.query(`alter table ${stage} rename to ${quoteName(moving)}`);
  await tx.query(`alter table ${quoteName(STAGE_SCHEMA, moving)} set schema ${quoteName(schema)}`);
  await tx.query(`alter table ${quoteName(schema, moving)} rename to ${quoteName(name)}`);
}
