import { setTimeout as sleep } from 'node:timers/promises';
import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName, quoteNames, STAGE_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { Table } from '../types.ts';
import { columnsOf } from './stage.ts';
import { addReferrer, dropReferrer, liveName, type Referrer, type TableState } from './table-state.ts';

/** Readers queue behind a waiting exclusive lock: give up quickly, let them through, ask again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_PAUSE_MS = 500;
const LOCK_TRIES = 400;

/** A table whose rows are to be replaced by those of its stage. */
export interface Replacement {
  readonly table: Table;
  /** Quoted and qualified. */
  readonly stage: string;
  readonly state: TableState;
}

/**
 * Replaces all rows of tables, of all or of none, in the transaction of the caller, who holds a share row exclusive
 * lock on them and on all that they reference or that reference them (`lockTables`).
 *
 *   keys, then references of the stages ─ exclusive lock ─ drop references from outside ─ swap, or empty and insert ─
 *   add those references again, which checks them
 *
 * A stage that becomes the table gets its keys, references, owner, grants and comments, its name and its place. Where
 * something hangs on the table that this can not carry (`obstacles`), the rows go into the table as it stands.
 * What does not hold is PostgreSQL's error; nothing of it has happened then.
 */
export async function replaceTables(tx: Tx, replacements: readonly Replacement[]): Promise<void> {
  const swaps = replacements.filter(isSwap);
  const inPlace = replacements.filter((one) => !isSwap(one));
  for (const one of swaps) await addKeys(tx, one);
  const later: Referrer[] = [];
  for (const one of swaps) later.push(...(await addReferences(tx, one, replacements)));
  for (const { table, stage } of swaps) await carryOver(tx, liveName(table), stage);

  const lives = replacements.map(({ table }) => liveName(table));
  const referrers = referrersOf(replacements);
  await lockExclusively(tx, [...lives, ...referrers.map((r) => r.table)].sort());
  for (const r of referrers) await tx.query(dropReferrer(r));
  if (swaps.length > 0) {
    await tx.query(`drop table ${swaps.map(({ table }) => liveName(table)).join(', ')}`);
  }
  for (const { table, stage } of swaps) await moveInPlace(tx, stage, table.name);
  if (inPlace.length > 0) {
    // In one statement: they may reference each other. Nothing else does any more.
    await tx.query(`truncate ${inPlace.map(({ table }) => liveName(table)).join(', ')}`);
  }
  for (const { table, stage } of inPlace) {
    const columns = quoteNames(columnsOf(table));
    await tx.query(`insert into ${liveName(table)} (${columns}) select ${columns} from ${stage}`);
  }
  for (const r of [...referrers, ...later]) await tx.query(addReferrer(r));
}

export function isSwap({ state }: Pick<Replacement, 'state'>): boolean {
  return state.obstacles.length === 0;
}

async function addKeys(tx: Tx, { stage, state }: Replacement): Promise<void> {
  await tx.query(`alter table ${stage} alter column _load_id drop default`);
  for (const { kind, name, definition } of state.constraints) {
    if (kind !== 'f') await tx.query(addConstraint(stage, name, definition));
  }
}

/**
 * References between tables that are swapped, or to itself, lead from stage to stage.
 * @returns those to a table that gets its rows in place, for when it has them
 */
async function addReferences(
  tx: Tx,
  { table, stage, state }: Replacement,
  all: readonly Replacement[],
): Promise<Referrer[]> {
  const later: Referrer[] = [];
  for (const { kind, name, definition, parent } of state.constraints) {
    if (kind !== 'f') continue;
    const to = all.find((one) => one.state.selfName === (parent ?? state.selfName));
    if (to && !isSwap(to)) {
      later.push({ table: liveName(table), name, definition });
      continue;
    }
    const moved = to
      ? definition.replace(`REFERENCES ${to.state.selfName}(`, () => `REFERENCES ${to.stage}(`)
      : definition;
    await tx.query(addConstraint(stage, name, moved));
  }
  return later;
}

function addConstraint(table: string, name: string, definition: string): string {
  return addReferrer({ table, name, definition });
}

async function carryOver(tx: Tx, live: string, stage: string): Promise<void> {
  await tx.query(`alter table ${stage} reset (autovacuum_enabled)`);
  for (const statement of await privilegesAndComments(tx, live, stage)) await tx.query(statement);
}

/** References onto replaced tables that are not themselves gone with a table that is swapped. */
function referrersOf(replacements: readonly Replacement[]): Referrer[] {
  const swapped = new Set(replacements.filter(isSwap).map(({ state }) => state.selfName));
  return replacements.flatMap(({ state }) => state.referrers.filter((r) => !swapped.has(r.table)));
}

/** Renamed before it moves, so that its working name never meets a table of the user's. */
export async function moveInPlace(tx: Tx, stage: string, name: string): Promise<void> {
  await tx.query(`alter table ${stage} rename to ${quoteName(name)}`);
  await tx.query(`alter table ${quoteName(STAGE_SCHEMA, name)} set schema ${quoteName(DATA_SCHEMA)}`);
}

async function lockExclusively(tx: Tx, names: readonly string[]): Promise<void> {
  const list = [...new Set(names)].join(', ');
  for (let tried = 1; ; tried++) {
    await tx.query('savepoint exclusive');
    await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    try {
      await tx.query(`lock table ${list} in access exclusive mode`);
      await tx.query('set local lock_timeout = 0');
      return;
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable || tried >= LOCK_TRIES) throw error;
      await tx.query('rollback to savepoint exclusive');
      await sleep(LOCK_PAUSE_MS);
    }
  }
}

/** Statements that give `to` the owner, grants and comments of `from`; PostgreSQL quotes what they name. */
async function privilegesAndComments(tx: Tx, from: string, to: string): Promise<string[]> {
  const rows = await tx.query<{ statement: string }>(
    `with live as (select * from pg_class where oid = $1::regclass)
     select format('alter table %s owner to %s', $2::text, relowner::regrole) as statement, 1 as step
       from live where relowner <> current_user::regrole
     union all
     select format('grant %s on %s to %s%s', a.privilege_type, $2::text,
                   case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
                   case when a.is_grantable then ' with grant option' else '' end), 2
       from live, aclexplode(relacl) a
     union all
     select format('comment on table %s is %L', $2::text, obj_description(oid, 'pg_class')), 3
       from live where obj_description(oid, 'pg_class') is not null
     union all
     select format('comment on column %s.%I is %L', $2::text, c.attname, col_description(c.attrelid, c.attnum)), 3
       from pg_attribute c
      where c.attrelid = $1::regclass and c.attnum > 0 and not c.attisdropped
        and col_description(c.attrelid, c.attnum) is not null
      order by step`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}
