import { setTimeout as sleep } from 'node:timers/promises';
import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName, STAGE_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { addReferrer, dropReferrer, type TableState } from './table-state.ts';

/** Readers queue behind a waiting exclusive lock: give up quickly, let them through, ask again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_PAUSE_MS = 500;
const LOCK_TRIES = 400;

export interface Swap {
  /** Quoted and qualified. */
  readonly live: string;
  readonly stage: string;
  /** The table's name, bare. */
  readonly name: string;
  readonly state: TableState;
}

/**
 * Gives the stage the keys, references, owner, grants and comments of the live table, then its name and place.
 * The caller holds a share row exclusive lock on the table and on all that it references or that reference it.
 */
export async function swapTables(tx: Tx, { live, stage, name, state }: Swap): Promise<void> {
  await tx.query(`alter table ${stage} alter column _load_id drop default`);
  for (const constraint of state.constraints) {
    // A table that references itself has to reference its new self.
    const definition = constraint.definition.replace(`REFERENCES ${state.selfName}(`, `REFERENCES ${stage}(`);
    await tx.query(`alter table ${stage} add constraint ${quoteName(constraint.name)} ${definition}`);
  }
  await tx.query(`alter table ${stage} reset (autovacuum_enabled)`);
  for (const statement of await privilegesAndComments(tx, live, stage)) await tx.query(statement);
  await lockExclusively(tx, [live, ...state.referrers.map((r) => r.table)].sort());
  for (const r of state.referrers) await tx.query(dropReferrer(r));
  await tx.query(`drop table ${live}`);
  // Renamed before it moves, so that its working name never meets a table of the user's.
  await tx.query(`alter table ${stage} rename to ${quoteName(name)}`);
  await tx.query(`alter table ${quoteName(STAGE_SCHEMA, name)} set schema ${quoteName(DATA_SCHEMA)}`);
  for (const r of state.referrers) await tx.query(addReferrer(r));
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
