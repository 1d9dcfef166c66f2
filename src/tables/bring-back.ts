import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteName, REMOVED_SCHEMA } from '../db/sql-names.ts';
import { isRefusal, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import {
  lockDictionary,
  type Resource,
  readNewest,
  writeVersion,
} from '../dictionary/dictionary-versions.ts';
import { checkDescriptor } from '../dictionary/parse-dictionary.ts';
import { LongshoreError } from '../errors.ts';
import type { Table } from '../types.ts';
import { ensureIn } from './ensure-tables.ts';
import { ensureReadViews } from './read-views.ts';
import { rename } from './remove-table.ts';
import type { MovedRelation, RemovedLink, RemovedTable } from './removed-table.ts';
import { liveName } from './table-state.ts';

interface RemovedRow {
  readonly id: number;
  readonly table: string;
  readonly resource: string;
  readonly since: number;
  readonly relations: readonly MovedRelation[];
  readonly links: readonly RemovedLink[];
  readonly broughtBackAt: Date | null;
}

const READ_REMOVED = statement<{ [member in keyof RemovedRow]: RemovedRow[member] }>`
  select id, table_name as "table", resource, since, relations, links, brought_back_at as "broughtBackAt"
    from longshore.removed_table where id = $1 and dropped_at is null for update`;

const NOTE_BACK = statement`
  update longshore.removed_table set brought_back_at = clock_timestamp() where id = $1`;

/**
 * Brings a removed table back into the dictionary, with its rows and all that it had, in the caller's transaction. A
 * request that is repeated finds it there.
 *
 * @throws LongshoreError `unknown-removed-table`; `table-exists` where its name is taken again; `dictionary-conflict` where
 *   it refers to a table or to rows that are not there any more
 */
export async function bringBack(tx: Tx, id: number, by: string): Promise<Table> {
  await lockDictionary(tx);
  const before = await readNewest(tx);
  const [row] = await tx.query(READ_REMOVED, [id]);
  if (row === undefined || before === null) throw unknownRemoved(id);
  const { table: name } = row;
  const there = before.tables.find((one) => one.name === name);
  if (row.broughtBackAt !== null) {
    if (there !== undefined && before.since[name] === row.since) return there;
    throw unknownRemoved(id);
  }
  if (there !== undefined) {
    throw new LongshoreError(
      'table-exists',
      `the dictionary has another table ${name} by now: remove that first`,
    );
  }
  await refuseTaken(tx, row);
  const resources = [...before.descriptor.resources, JSON.parse(row.resource) as Resource];
  const descriptor = { ...before.descriptor, resources };
  const { dictionary: parsed, faults } = checkDescriptor(descriptor);
  if (parsed === null)
    throw conflict(
      name,
      faults.map(({ detail }) => detail),
    );
  const dictionary = await writeVersion(tx, {
    descriptor,
    base: before,
    before,
    change: 'bring-back',
    changedBy: by,
    since: { [name]: row.since },
  });
  await moveBack(tx, row);
  await addLinks(tx, row);
  const table = dictionary.tables.find((one) => one.name === name)!;
  await ensureIn(tx, { ...dictionary, tables: [table] });
  await ensureReadViews(tx, [table]);
  await tx.query(NOTE_BACK, [id]);
  return table;
}

async function refuseTaken(tx: Sql, { relations }: RemovedRow): Promise<void> {
  const [taken] = await tx.query<{ name: string }>(
    `select relname::text as name from pg_class where relnamespace = $1::regnamespace and relname = any ($2) limit 1`,
    [DATA_SCHEMA, relations.map(({ was }) => was)],
  );
  if (taken === undefined) return;
  throw new LongshoreError(
    'table-exists',
    `the database has something else with the name ${taken.name} by now`,
  );
}

async function moveBack(tx: Tx, { relations }: RemovedRow): Promise<void> {
  for (const { kind, was, now } of relations) await rename(tx, kind, now, was);
  const table = quoteName(REMOVED_SCHEMA, relations[0]!.was);
  await tx.query(`alter table ${table} set schema ${quoteName(DATA_SCHEMA)}`);
}

async function addLinks(tx: Tx, { table: name, links }: RemovedRow): Promise<void> {
  const faults: string[] = [];
  for (const { name: link, definition } of links) {
    await tx.query('savepoint link; set local lock_timeout = 1000');
    try {
      await tx.query(`alter table ${liveName({ name })} add constraint ${quoteName(link)} ${definition}`);
      await tx.query('release savepoint link');
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await tx.query('rollback to savepoint link');
      const state = sqlstateOf(error);
      // A table that somebody has dropped: what the dictionary wants of it is seen to by the dictionary.
      if (state === SQLSTATE.undefinedTable) continue;
      faults.push(`${definition}: rows of it refer to rows that are not there any more`);
    }
  }
  if (faults.length > 0) throw conflict(name, faults);
}

function conflict(name: string, faults: readonly string[]): LongshoreError {
  return new LongshoreError('dictionary-conflict', `${name} can not come back: ${faults.join('; ')}`);
}

function unknownRemoved(id: number): LongshoreError {
  return new LongshoreError('unknown-removed-table', `there is no removed table ${id}, or it was dropped`);
}

const LIST_REMOVED = statement<
  Omit<RemovedTable, 'removedAt' | 'dropAt'> & { removedAt: Date; dropAt: Date }
>`
  select id, table_name as "table", rows, bytes, removed_by as "removedBy", removed_at as "removedAt", drop_at as "dropAt"
    from longshore.removed_table where brought_back_at is null and dropped_at is null order by id desc`;

/** Those that can be brought back, the newest first. */
export async function listRemoved(db: Pick<Sql, 'query'>): Promise<readonly RemovedTable[]> {
  const rows = await db.query(LIST_REMOVED);
  return rows.map(({ removedAt, dropAt, ...row }) => ({
    ...row,
    removedAt: removedAt.toISOString(),
    dropAt: dropAt.toISOString(),
  }));
}

const TAKE_DUE = statement<{ id: number; table: string; relations: readonly MovedRelation[] }>`
  select id, table_name as "table", relations from longshore.removed_table
   where brought_back_at is null and dropped_at is null and (drop_at <= clock_timestamp() or id = $1)
     and ($1::int is null or id = $1)
   order by id for update skip locked limit 1`;

const NOTE_DROPPED = statement`
  update longshore.removed_table set dropped_at = clock_timestamp() where id = $1`;

/**
 * Drops one removed table for good: this one, or one whose time is over.
 * @returns the one that was dropped; null: there is none
 * @throws what PostgreSQL throws where something stands on it, or somebody has it locked
 */
export async function dropRemoved(tx: Tx, id: number | null): Promise<{ id: number; table: string } | null> {
  const [due] = await tx.query(TAKE_DUE, [id]);
  if (due === undefined) return null;
  const { relations, table } = due;
  await tx.query('set local lock_timeout = 1000');
  // Never with `cascade`: what somebody has made on it is not Longshore's to drop.
  if (relations[0]) await tx.query(`drop table if exists ${quoteName(REMOVED_SCHEMA, relations[0].now)}`);
  await tx.query(NOTE_DROPPED, [due.id]);
  return { id: due.id, table };
}

const PUT_OFF = statement`
  update longshore.removed_table set drop_at = clock_timestamp() + interval '1 day'
   where brought_back_at is null and dropped_at is null and drop_at <= clock_timestamp()`;

/** Puts off for a day what could not be dropped. */
export async function putOffDrops(db: Pick<Sql, 'query'>): Promise<void> {
  await db.query(PUT_OFF);
}
