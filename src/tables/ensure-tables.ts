import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase, type Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName } from '../db/sql-names.ts';
import { isConnectionError, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import type { Dictionary } from '../types.ts';
import {
  type ForeignRule,
  isDone,
  planTables,
  rulesBeyond,
  type Step,
  type TablesPlan,
} from './plan-tables.ts';
import { type Catalog, type Relation, readCatalog } from './table-catalog.ts';

/** Two starts at once make the tables one after the other. */
const TABLES_LOCK = 7_463_002;

/** Others queue behind a lock that waits: give up quickly, with all that was done, let them through, begin again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_PAUSE_MS = 500;
const LOCK_TRIES = 400;

/**
 * Makes the tables that the dictionary describes. What exists already is only ever added to: new tables, new nullable
 * fields, new keys and references that the rows fit, comments where there are none (`table-ddl.ts` has every statement).
 * All of it happens or nothing, in one transaction:
 *
 *   read the catalog ─ plan ─ lock what will change ─ read and plan again ─ rules, which rows may not fit ─ columns
 *   ─ read the catalog: every rule is there, and what was there is as it was ─ commit
 *
 * A table that is as it should be is not locked. Readers wait for a moment where a column or a key is added.
 *
 * @returns keys and references of the database that the dictionary does not have
 * @throws LongshoreError `dictionary-conflict`, naming everything at odds; nothing is changed then.
 */
export async function ensureTables(url: string, dictionary: Dictionary): Promise<readonly ForeignRule[]> {
  await using db = await openDatabase({ url, poolSize: 1, applicationName: 'longshore tables' });
  for (let tried = 1; ; tried++) {
    try {
      return await db.transaction((tx) => ensure(tx, dictionary));
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable || tried >= LOCK_TRIES) throw error;
      await sleep(LOCK_PAUSE_MS);
    }
  }
}

async function ensure(tx: Tx, dictionary: Dictionary): Promise<readonly ForeignRule[]> {
  const names = dictionary.tables.map(({ name }) => name);
  await tx.query('select pg_advisory_xact_lock($1)', [TABLES_LOCK]);
  await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  let before = await readCatalog(tx, names);
  let plan = planTables(dictionary, before);
  if (isDone(plan)) return rulesBeyond(dictionary, before);
  if (plan.tables.length > 0) {
    const list = plan.tables.map((name) => quoteName(DATA_SCHEMA, name)).join(', ');
    await tx.query(`lock table ${list} in share row exclusive mode`);
    before = await readCatalog(tx, names);
    plan = planTables(dictionary, before);
  }
  await run(tx, plan);
  const after = await readCatalog(tx, names);
  const left = planTables(dictionary, after);
  const faults = [
    ...[...left.open, ...left.exclusive, ...left.comments].map(({ what }) => `${what}: still not there`),
    ...left.conflicts,
    ...lostBetween(before, after),
  ];
  if (faults.length > 0) throw conflict(faults, 'something in the database stands against the change');
  return rulesBeyond(dictionary, after);
}

/** The rules come first: only they can turn out not to fit, and all that do not are named at once. */
async function run(tx: Tx, plan: TablesPlan): Promise<void> {
  const faults = [...plan.conflicts, ...(await runAll(tx, plan.open))];
  if (faults.length > 0) throw conflict(faults);
  faults.push(...(await runAll(tx, [...plan.exclusive, ...plan.comments])));
  if (faults.length > 0) throw conflict(faults);
}

/** @returns what PostgreSQL refused */
async function runAll(tx: Tx, steps: readonly Step[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { sql, what } of steps) {
    await tx.query('savepoint step');
    try {
      await tx.query(sql);
      await tx.query('release savepoint step');
    } catch (error) {
      if (!isRefusal(error)) throw error;
      faults.push(`${what}: ${reasonOf(error)}`);
      await tx.query('rollback to savepoint step');
    }
  }
  return faults;
}

/** PostgreSQL says no to the statement; transient errors (no connection, no lock, no disk) are rethrown. */
function isRefusal(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state === undefined || isConnectionError(error)) return false;
  const passing: readonly string[] = [SQLSTATE.lockNotAvailable, SQLSTATE.queryCanceled];
  return !passing.includes(state) && !/^(40|53|58|XX)/.test(state);
}

/** PostgreSQL's message, never its detail: that quotes rows. */
function reasonOf(error: unknown): string {
  switch (sqlstateOf(error)) {
    case SQLSTATE.uniqueViolation:
      return 'rows of the table have the same values';
    case SQLSTATE.foreignKeyViolation:
      return 'rows of the table refer to rows that are not there';
    default:
      return `PostgreSQL refused it: ${(error as Error).message}`;
  }
}

/** What was there and is not there any more as it was: nothing, whatever triggers and extensions do beside. */
function lostBetween(before: Catalog, after: Catalog): string[] {
  return [...before.relations].flatMap(([name, relation]) => {
    const now = after.relations.get(name);
    const kept = new Set(now === undefined ? [] : factsOf(now));
    return factsOf(relation).some((fact) => !kept.has(fact)) ? [`${name}: what was there has changed`] : [];
  });
}

/** A comment that there is none of may come. */
function factsOf({ oid, kind, file, comment, columns, keys, references, constraints }: Relation): string[] {
  const comments = [comment, ...columns.map((column) => column.comment)];
  return [
    ['table', oid, kind, file],
    ...columns.map((column) => ({ ...column, comment: null })),
    ...comments.flatMap((text, column) => (text === null ? [] : [['comment', column, text]])),
    ...keys.map(({ name, primary, columns: of }) => ['key', name, primary, of]),
    ...references,
    ...constraints,
  ].map((fact) => JSON.stringify(fact));
}

function conflict(faults: readonly string[], what?: string): LongshoreError {
  const message = what === undefined ? faults.join('; ') : `${what}: ${faults.join('; ')}`;
  return new LongshoreError('dictionary-conflict', message, { places: faults.map((detail) => ({ detail })) });
}
