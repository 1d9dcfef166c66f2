import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteName, REMOVED_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { lockDictionary, readNewest, releaseTable, writeVersion } from '../dictionary/dictionary-versions.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Dictionary } from '../types.ts';
import { dropReadView } from './read-views.ts';
import type { MovedRelation, RemovedLink, RemovedTable } from './removed-table.ts';
import { liveName } from './table-state.ts';

export interface RemoveRequest {
  readonly name: string;
  /** The name once more, for a table that holds rows. */
  readonly confirm: string | null;
  /** ID of the API key. */
  readonly by: string;
  /** How long it can be brought back. */
  readonly keptDays: number;
  /** Batches for it that wait or are being committed, in any process. */
  readonly batches: number;
}

/** A table in another's way is waited for this long at a time. */
const LOCK_TIMEOUT_MS = 1_000;
/** Rows that are counted for a message. */
const COUNTED = 1_000_000;

/**
 * Takes a table out of the dictionary, in the caller's transaction. It is not dropped: it moves into a schema of its own
 * with its rows, indexes, triggers and grants, under a name that no other one has, and can be brought back until it is
 * dropped. Its references to other tables are dropped, and made again when it comes back: nothing that is out of sight
 * keeps rows of another table from changing.
 *
 * @throws LongshoreError `unknown-table`; `table-in-use` where other tables, reports or the user's own views stand on it, or
 *   work on it is under way; `table-holds-rows` unless its name was said once more
 */
export async function removeTable(tx: Tx, request: RemoveRequest): Promise<RemovedTable> {
  const { name, confirm, by, keptDays } = request;
  await lockDictionary(tx);
  const before = await readNewest(tx);
  const resource = before?.descriptor.resources.find((one) => one.name === name);
  if (before === null || resource === undefined) {
    throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
  }
  await releaseTable(tx, name);
  await refuseUsed(tx, before, request);
  const live = await lockLive(tx, name);
  const held = live ? await rowsOf(tx, name) : { rows: 0, more: false, bytes: 0 };
  if (held.rows > 0 && confirm !== name) throw holdsRows(name, held, confirm);
  const [made] = await tx.query(NOTE_REMOVED, [
    ...[name, JSON.stringify(resource), before.since[name] ?? 1, held.rows, held.bytes, by, keptDays, live],
  ]);
  const { id, removedAt, dropAt } = made!;
  if (live) {
    const links = await dropLinks(tx, name);
    await dropView(tx, name);
    const relations = await moveAside(tx, name, id);
    await tx.query(NOTE_MOVED, [id, JSON.stringify(relations), JSON.stringify(links)]);
  }
  const resources = before.descriptor.resources.filter((one) => one !== resource);
  await writeVersion(tx, {
    descriptor: { ...before.descriptor, resources },
    base: before,
    before,
    change: 'remove',
    changedBy: by,
  });
  const times = { removedAt: removedAt.toISOString(), dropAt: dropAt.toISOString() };
  return { id, table: name, rows: held.rows, bytes: held.bytes, removedBy: by, ...times };
}

const USERS = statement<{ reports: string[]; loads: string[]; backups: string[]; restores: string[] }>`
  select array(select name from longshore.report where $1 = any (tables) order by 1) as reports,
         array(select id::text from longshore.load where table_name = $1 and finished_at is null order by id) as loads,
         array(select id from longshore.backup where status = 'running' and $1 = any (tables) order by 1) as backups,
         array(select id::text from longshore.restore
                where finished_at is null and kind <> 'drill' and $1 = any (tables) order by id) as restores`;

async function refuseUsed(
  tx: Sql,
  { tables }: Dictionary,
  { name, batches }: Pick<RemoveRequest, 'name' | 'batches'>,
): Promise<void> {
  const referring = tables
    .filter((one) => one.name !== name && one.foreignKeys.some(({ reference }) => reference.table === name))
    .map((one) => one.name);
  const [users] = await tx.query(USERS, [name]);
  const { reports, loads, backups, restores } = users!;
  const inDatabase = await tx.query<{ what: string }>(DEPENDING, [liveName({ name }), referring]);
  const list = (what: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${what}${names.length > 1 ? 's' : ''} ${names.join(', ')}`];
  const faults = [
    ...list('refers to it: the table', referring),
    ...list('reads it: the report', reports).map(
      (one) => `${one} (its file, in LONGSHORE_REPORTS, would have to go)`,
    ),
    ...list('writes to it: the load', loads),
    ...list('reads it: the backup', backups),
    ...list('is under way: the restore', restores),
    ...(batches === 0 ? [] : [`are being written to it: ${batches} ${batches === 1 ? 'batch' : 'batches'}`]),
    ...list(
      'depends on it in the database:',
      inDatabase.map(({ what }) => what),
    ),
  ];
  if (faults.length === 0) return;
  throw new LongshoreError('table-in-use', `${name} is in use: ${faults.join('; ')}`);
}

/** What stands on the table beside Longshore's own: references, views, tables that inherit from it. */
const DEPENDING = `
  with t as (select to_regclass($1)::oid as oid)
  select format('table %s (%s)', k.conrelid::regclass, k.conname) as what
    from pg_constraint k join t on k.confrelid = t.oid
    join pg_class c on c.oid = k.conrelid
   where k.contype = 'f' and k.conrelid <> k.confrelid and k.conparentid = 0
     and not (c.relnamespace = '${DATA_SCHEMA}'::regnamespace and c.relname = any ($2))
  union
  select format('%s %s', case c.relkind when 'm' then 'materialized view' else 'view' end, c.oid::regclass)
    from t join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
    join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    join pg_class c on c.oid = r.ev_class
   where c.oid <> t.oid and c.relnamespace is distinct from to_regnamespace('longshore_read')
  union
  select format('table %s', i.inhrelid::regclass) from pg_inherits i join t on i.inhparent = t.oid
   order by 1 limit 20`;

/** @returns false where the database does not have it, or has another relation of the name */
async function lockLive(tx: Tx, name: string): Promise<boolean> {
  const live = liveName({ name });
  const found = await tx.query(`select from pg_class where oid = to_regclass($1) and relkind in ('r', 'p')`, [
    live,
  ]);
  if (found.length === 0) return false;
  await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await tx.query(`lock table ${live} in access exclusive mode`);
  return true;
}

async function rowsOf(tx: Sql, name: string) {
  const live = liveName({ name });
  const [row] = await tx.query<{ rows: number; bytes: number }>(
    `select (select count(*)::float8 from (select from ${live} limit ${COUNTED + 1}) counted) as rows,
            pg_total_relation_size($1::regclass)::float8 as bytes`,
    [live],
  );
  const rows = row?.rows ?? 0;
  return { rows: Math.min(rows, COUNTED), more: rows > COUNTED, bytes: row?.bytes ?? 0 };
}

function holdsRows(
  name: string,
  { rows, more }: { readonly rows: number; readonly more: boolean },
  confirm: string | null,
): LongshoreError {
  const held = `${name} holds ${more ? 'more than ' : ''}${rows} ${rows === 1 ? 'row' : 'rows'}`;
  const message = confirm === null ? held : `${held}, and ${quoted(confirm)} is not its name`;
  return new LongshoreError('table-holds-rows', message);
}

const NOTE_REMOVED = statement<{ id: number; removedAt: Date; dropAt: Date }>`
  insert into longshore.removed_table
    (table_name, resource, since, rows, bytes, relations, links, removed_by, drop_at, dropped_at)
  values ($1, $2, $3, $4, $5, '[]', '[]', $6, clock_timestamp() + $7 * interval '1 day',
          case when $8 then null else clock_timestamp() end)
  returning id, removed_at as "removedAt", drop_at as "dropAt"`;

const NOTE_MOVED = statement`update longshore.removed_table set relations = $2, links = $3 where id = $1`;

/** Drops its references to others. One to the table itself stays. */
async function dropLinks(tx: Tx, name: string): Promise<readonly RemovedLink[]> {
  const live = liveName({ name });
  const links = await tx.query<{ name: string; definition: string }>(
    `select conname::text as name, pg_get_constraintdef(oid) as definition from pg_constraint
      where conrelid = $1::regclass and contype = 'f' and confrelid <> conrelid and conparentid = 0 order by conname`,
    [live],
  );
  for (const link of links) await tx.query(`alter table ${live} drop constraint ${quoteName(link.name)}`);
  return links;
}

/** Drops the view through which reports read it. @throws LongshoreError `table-in-use` */
async function dropView(tx: Tx, name: string): Promise<void> {
  try {
    await dropReadView(tx, name);
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.dependentObjects) throw error;
    const { detail = '' } = error as { detail?: string };
    const what = `what stands on its view in longshore_read has to go first: ${detail}`;
    throw new LongshoreError('table-in-use', `${name} is in use: ${what}`, { cause: error });
  }
}

/** Indexes and sequences of columns go along when a table changes its schema; there, all of them have new names. */
async function moveAside(tx: Tx, name: string, id: number): Promise<readonly MovedRelation[]> {
  const moving = await tx.query<{ kind: MovedRelation['kind']; was: string }>(MOVING, [liveName({ name })]);
  await tx.query(`alter table ${liveName({ name })} set schema ${quoteName(REMOVED_SCHEMA)}`);
  const relations = moving.map((one, n) => ({
    ...one,
    now: n === 0 ? `removed~${id}` : `removed~${id}~${n}`,
  }));
  for (const { kind, was, now } of relations) await rename(tx, kind, was, now);
  return relations;
}

/** Renames a relation in the schema of removed tables. A constraint is renamed with its index. */
export async function rename(tx: Tx, kind: MovedRelation['kind'], from: string, to: string): Promise<void> {
  await tx.query(`alter ${kind} ${quoteName(REMOVED_SCHEMA, from)} rename to ${quoteName(to)}`);
}

/** The table first. */
const MOVING = `
  select kind, was from (
    select 0 as place, 'table' as kind, relname::text as was from pg_class where oid = $1::regclass
    union all
    select 1, 'index', c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = $1::regclass
    union all
    select 2, 'sequence', c.relname::text from pg_depend d join pg_class c on c.oid = d.objid and c.relkind = 'S'
     where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
       and d.refobjid = $1::regclass and d.deptype in ('a', 'i')) moving
   order by place, was`;
