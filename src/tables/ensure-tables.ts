import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase, type Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName } from '../db/sql-names.ts';
import { isConnectionError, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { lockDictionary } from '../dictionary/dictionary-versions.ts';
import { LongshoreError } from '../errors.ts';
import type { Dictionary } from '../types.ts';
import { isDone, planTables, type Step, type TablesPlan } from './plan-tables.ts';
import { type ForeignRule, rulesBeyond } from './rules-beyond.ts';
import { type Catalog, type Relation, readCatalog } from './table-catalog.ts';

/** Others queue behind a waiting lock: the transaction is rolled back quickly, lets them through, and retries. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_PAUSE_MS = 500;
const LOCK_TRIES = 400;

/**
 * Creates the tables that the dictionary describes. Changes are only ever additions: new tables, new nullable fields,
 * new keys and references that the rows fit, comments where there are none (`table-ddl.ts` has every statement). All
 * are made in one transaction, or none:
 *
 *   read the catalog ─ plan ─ lock what will change ─ read and plan again ─ rules, which rows may not fit ─ columns
 *   ─ read the catalog: every rule is there, and what was there is as it was ─ commit
 *
 * A table that needs no change is not locked. Readers wait for a moment where a column or a key is added.
 *
 * @returns rules of the database that the dictionary does not have
 * @throws LongshoreError `dictionary-conflict`, naming everything at odds; nothing is changed then.
 */
export function ensureTables(url: string, dictionary: Dictionary): Promise<readonly ForeignRule[]> {
  return changingTables(url, (tx) => ensureIn(tx, dictionary));
}

/**
 * Runs a transaction that changes tables, over a connection of its own. Where somebody reads one of them for long, it
 * gives up its locks, lets others through, and runs again.
 */
export async function changingTables<T>(url: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  await using db = await openDatabase({ url, poolSize: 1, applicationName: 'longshore tables' });
  for (let tried = 1; ; tried++) {
    try {
      return await db.transaction(work);
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable || tried >= LOCK_TRIES) throw error;
      await sleep(LOCK_PAUSE_MS);
    }
  }
}

/**
 * Creates what these tables of the dictionary lack in the database, as the next start would.
 * @throws LongshoreError as `ensureTables`
 */
export async function makeMissing(
  db: Database,
  dictionary: Dictionary,
  names: readonly string[],
): Promise<void> {
  const tables = dictionary.tables.filter(({ name }) => names.includes(name));
  await db.transaction((tx) => ensureIn(tx, { ...dictionary, tables }));
}

/** `ensureTables` as a part of a transaction. @throws LongshoreError as `ensureTables` */
export async function ensureIn(tx: Tx, dictionary: Dictionary): Promise<readonly ForeignRule[]> {
  const names = dictionary.tables.map(({ name }) => name);
  await lockDictionary(tx);
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

/** Rules come first: only they can fail on existing rows, and all that do are reported together. */
async function run(tx: Tx, plan: TablesPlan): Promise<void> {
  const faults = [...plan.conflicts, ...(await runAll(tx, plan.open))];
  if (faults.length > 0) throw conflict(faults);
  faults.push(...(await runAll(tx, [...plan.exclusive, ...plan.comments])));
  if (faults.length > 0) throw conflict(faults);
}

/** @returns the refusals of PostgreSQL, in words */
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

/** Whether PostgreSQL refuses the statement itself; transient errors (no connection, no lock, no disk) are rethrown. */
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

/** Everything that the statements have removed or changed; has to be empty, whatever triggers and extensions did. */
function lostBetween(before: Catalog, after: Catalog): string[] {
  return [...before.relations].flatMap(([name, relation]) => {
    const now = after.relations.get(name);
    const kept = new Set(now === undefined ? [] : factsOf(now));
    return factsOf(relation).some((fact) => !kept.has(fact)) ? [`${name}: what was there has changed`] : [];
  });
}

/** The facts of a relation that must not change; a missing comment may be added. */
function factsOf({ oid, kind, file, comment, columns, keys, references, constraints }: Relation): string[] {
  const comments = [comment, ...columns.map((column) => column.comment)];
  return [
    ['table', oid, kind, file],
    ...columns.map(({ notNull, comment: own, ...column }) => column),
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
