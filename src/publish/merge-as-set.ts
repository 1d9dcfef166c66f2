import type { Tx } from '../db/database.ts';
import { withinLockTime } from '../db/lock-holders.ts';
import type { Sql } from '../db/sql.ts';
import { equalColumns, quoteName, quoteNames } from '../db/sql-names.ts';
import { addReferrer, dropReferrer, readReferrers } from '../tables/referrers.ts';
import { columnsOf, liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { fillAbsent } from './fill-absent.ts';
import { lockExclusively } from './lock-tables.ts';
import { putStaged } from './put-staged.ts';
import { lockForPublishing } from './reading-lock.ts';
import type { AbsentField } from './reject-rows.ts';

/**
 * PostgreSQL checks a unique key at each row, so that rows which exchange their values can't be updated, though each
 * value is unique in the end. An upsert is tried first; what it refuses is merged in one of these ways.
 *
 *   delete the table's rows, insert the merge's, in one statement ─── where nothing can tell that from an update
 *   drop unique keys, upsert, build them again ────────────────────── where a trigger, a rule or a policy could, or a
 *                                                                     reference has an action of its own
 *
 * Both fail with PostgreSQL's error where a key or a reference does not hold in the end.
 */
export interface SetMerge {
  readonly table: Table;
  /** Quoted name of a table with the fields' columns, in which primary keys are unique. */
  readonly source: string;
  /** SQL over a row `s` of the source for each column that is not `s`'s own. */
  readonly values: ReadonlyMap<string, string>;
  readonly parameters: readonly unknown[];
  /** Fields that some rows do not have, and leave as they are. */
  readonly absent: readonly AbsentField[];
}

/** @returns how many rows PostgreSQL wrote */
export async function mergeAsSet(tx: Tx, merge: SetMerge): Promise<number> {
  return (await mayReplaceRows(tx, merge.table)) ? replaceRows(tx, merge) : rebuildKeys(tx, merge);
}

/**
 * Whether deleting and inserting has the same effect as updating, for everything that depends on the table. References
 * check at the end of the statement whether their row is there (again), unless they have an action.
 */
async function mayReplaceRows(tx: Sql, table: Table): Promise<boolean> {
  const [may] = await tx.query<{ may: boolean }>(
    `select not c.relrowsecurity and c.relkind = 'r'
            and not exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal)
            and not exists (select from pg_rewrite where ev_class = c.oid)
            and not exists (select from pg_inherits where inhparent = c.oid or inhrelid = c.oid)
            and not exists (select from pg_constraint where confrelid = c.oid and contype = 'f'
                               and (confdeltype <> 'a' or confupdtype <> 'a'))
            and not exists (select from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
                               and (attname <> all ($2) or attidentity <> '' or attgenerated <> '')) as may
       from pg_class c where c.oid = $1::regclass`,
    [liveName(table), columnsOf(table)],
  );
  return may?.may ?? false;
}

/** Deletes and inserts in one statement; counting the deleted rows makes it delete all before the first insert. */
async function replaceRows(tx: Tx, merge: SetMerge): Promise<number> {
  const { table, source, absent, parameters } = merge;
  const columns = columnsOf(table);
  const key = table.primaryKey;
  const kept = absent.map(({ name, where }): [string, string] => {
    return [name, `case when ${where} then g.${quoteName(name)} else s.${quoteName(name)} end`];
  });
  const returned = [...key, ...kept.map(([name]) => name)].map((name) => `t.${quoteName(name)}`).join(', ');
  return tx.change(
    `with gone as (
            delete from ${liveName(table)} t using ${source} s where ${equalColumns(key, 't', 's')} returning ${returned}),
          counted as materialized (select count(*) from gone)
     insert into ${liveName(table)} (${quoteNames(columns)})
     select ${selected(columns, new Map([...merge.values, ...kept]))} from ${source} s cross join counted
       ${kept.length > 0 ? `left join gone g on ${equalColumns(key, 'g', 's')}` : ''}`,
    parameters,
  );
}

function selected(columns: readonly string[], values: ReadonlyMap<string, string>): string {
  return columns
    .map((column) => `${values.get(column) ?? `s.${quoteName(column)}`} as ${quoteName(column)}`)
    .join(', ');
}

/** A unique index that is checked at each row, whether of a constraint or not. */
interface Rebuilt {
  readonly drop: string;
  readonly make: readonly string[];
}

/** @throws LongshoreError `table-backing-up` */
async function rebuildKeys(tx: Tx, merge: SetMerge): Promise<number> {
  const { table } = merge;
  const live = liveName(table);
  // Of two writers that wait for each other, PostgreSQL's deadlock detection ends one before the time is over.
  await withinLockTime(tx, [live], 'share row exclusive', () =>
    tx.query(`lock table ${live} in share row exclusive mode`),
  );
  await lockForPublishing(tx, [live]);
  const referrers = await readReferrers(tx, live, ON_KEYS);
  await lockExclusively(tx, [live, ...referrers.map((one) => one.table)]);
  const keys = await rebuiltKeys(tx, live);
  for (const one of referrers) await dropReferrer(tx, one);
  for (const { drop } of keys) await tx.query(drop);
  await fillAbsent(tx, table, merge.source, merge.absent);
  const rows = `(select ${selected(columnsOf(table), merge.values)} from ${merge.source} s) s`;
  const merged = await putStaged(tx, table, 'merge', rows, merge.parameters);
  for (const { make } of keys) for (const statement of make) await tx.query(statement);
  for (const one of referrers) await addReferrer(tx, one);
  return merged;
}

const KEY_INDEXES = `
  select i.* from pg_index i left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
                                                      and k.contype in ('p', 'u', 'x')
   where i.indrelid = $1::regclass and not i.indisprimary and (i.indisunique or k.contype = 'x') and i.indimmediate`;

/** References that depend on such a key, of this table or another one. */
const ON_KEYS = `k.conindid in (select i.indexrelid from (${KEY_INDEXES}) i)`;

/** The keys to rebuild, with the comments, CLUSTER and replica identity that refer to their indexes. */
function rebuiltKeys(tx: Sql, live: string): Promise<Rebuilt[]> {
  return tx.query(
    `select case when k.oid is null then format('drop index %s', i.indexrelid::regclass)
                 else format('alter table %s drop constraint %I', i.indrelid::regclass, k.conname) end as drop,
            array_remove(array[
              case when k.oid is null then pg_get_indexdef(i.indexrelid)
                   else format('alter table %s add constraint %I %s', i.indrelid::regclass, k.conname,
                               pg_get_constraintdef(k.oid)) end,
              case when obj_description(k.oid, 'pg_constraint') is not null
                   then format('comment on constraint %I on %s is %L', k.conname, i.indrelid::regclass,
                               obj_description(k.oid, 'pg_constraint')) end,
              case when obj_description(i.indexrelid, 'pg_class') is not null
                   then format('comment on index %s is %L', i.indexrelid::regclass,
                               obj_description(i.indexrelid, 'pg_class')) end,
              case when i.indisclustered
                   then format('alter table %s cluster on %I', i.indrelid::regclass, c.relname) end,
              case when i.indisreplident
                   then format('alter table %s replica identity using index %I', i.indrelid::regclass, c.relname) end
            ], null) as make
       from (${KEY_INDEXES}) i join pg_class c on c.oid = i.indexrelid
       left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('u', 'x')
      order by c.relname`,
    [live],
  );
}
