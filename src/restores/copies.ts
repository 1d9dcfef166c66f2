import type { Database, Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { COPY_SCHEMA, quoteName } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';

/**
 * Copies: tables that restores made under another name (`as`), in a schema of their own, to be looked at by SQL and
 * deleted. Nothing else writes to them, and no backup holds them.
 */
export interface CopyView {
  readonly name: string;
  /** The table that it is a copy of. */
  readonly table: string;
  readonly schema: string;
  readonly backupId: string;
  /** The restore that made it. */
  readonly restoreId: number;
  /** Number of rows when it was made. */
  readonly rows: number;
  /** On disk, with its indexes. */
  readonly bytes: number;
  /** ID of the API key that requested it. */
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface CopyFilter {
  /** Only copies of these tables; absent: of every table. */
  readonly within?: readonly string[];
  /** Only those whose names come later. */
  readonly after?: string;
  readonly limit: number;
}

/** How long a deletion waits for readers of the copy. */
const LOCK_TIMEOUT = '3s';

/** The copy's table, quoted and qualified. */
export function copyName(name: string): string {
  return quoteName(COPY_SCHEMA, name);
}

const LIST_COPIES = statement<Omit<CopyView, 'schema' | 'createdAt'> & { createdAt: Date }>`
  select c.name, c.table_name as "table", c.backup_id as "backupId", c.restore_id as "restoreId", c.rows,
         pg_total_relation_size(t.oid)::float8 as bytes, c.made_by as "createdBy", c.created_at as "createdAt"
    from longshore.table_copy c
    join pg_class t on t.relname = c.name and t.relnamespace = to_regnamespace($1)
   where ($2::text[] is null or c.table_name = any ($2)) and ($3::text is null or c.name > $3 collate "C")
   order by c.name collate "C" limit $4`;

/** Lists copies by name, without those whose table was dropped by SQL. */
export async function listCopies(db: Sql, { within, after, limit }: CopyFilter): Promise<CopyView[]> {
  const rows = await db.query(LIST_COPIES, [quoteName(COPY_SCHEMA), within ?? null, after ?? null, limit]);
  return rows.map(({ createdAt, ...row }) => ({
    ...row,
    schema: COPY_SCHEMA,
    createdAt: createdAt.toISOString(),
  }));
}

const LOCK_COPIES = statement`lock table longshore.table_copy in share row exclusive mode`;

const COUNT_COPIES = statement<{ count: number; waits: boolean }>`
  with coming as materialized (
    select target ->> 'as' as name from longshore.restore
     where kind = 'restore' and finished_at is null and target ->> 'as' is not null)
  select (select count(*)::int from coming)
           + (select count(*)::int from pg_class
               where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')) as count,
         exists (select from coming where name = $2) as waits`;

/**
 * Reserves a copy's name, and refuses more copies than allowed, counting those of restores under way; of two concurrent
 * requests the second one sees the first.
 *
 * @param tx the transaction that records the restore in the ledger
 * @throws LongshoreError `restore-state`
 */
export async function reserveCopy(tx: Sql, name: string, most: number): Promise<void> {
  await tx.query(LOCK_COPIES);
  await refuseTaken(tx, name);
  const [row] = await tx.query(COUNT_COPIES, [quoteName(COPY_SCHEMA), name]);
  if (row?.waits)
    throw new LongshoreError('restore-state', `a restore that makes a copy ${name} is under way`);
  if ((row?.count ?? 0) < most) return;
  throw new LongshoreError(
    'restore-state',
    `there are ${row?.count} copies, with those that are being made, and LONGSHORE_COPIES allows ${most}: delete one ` +
      'with DELETE /v1/copies/{name}',
  );
}

/** @throws LongshoreError `restore-state` when something in the schema of copies has the name already */
export async function refuseTaken(db: Sql, name: string): Promise<void> {
  const [row] = await db.query<{ taken: boolean }>('select to_regclass($1) is not null as taken', [
    copyName(name),
  ]);
  if (row?.taken) throw new LongshoreError('restore-state', `there is a copy ${name} already`);
}

const RECORD_COPY = statement`
  insert into longshore.table_copy as c (name, table_name, backup_id, restore_id, rows, made_by)
  select $2, tables[1], backup_id, id, $3, started_by from longshore.restore where id = $1
  on conflict (name) do update
     set (table_name, backup_id, restore_id, rows, made_by, created_at) =
         (excluded.table_name, excluded.backup_id, excluded.restore_id, excluded.rows, excluded.made_by,
          excluded.created_at)`;

/** Records a copy in the ledger, in the transaction that creates its table. */
export async function recordCopy(
  tx: Sql,
  { restoreId, name, rows }: { readonly restoreId: number; readonly name: string; readonly rows: number },
): Promise<void> {
  await tx.query(RECORD_COPY, [restoreId, name, rows]);
}

/**
 * @param within as in `CopyFilter`
 * @returns the table that it was a copy of
 * @throws LongshoreError `unknown-copy`; `copy-state` while it is being read, or when something else depends on it
 */
export async function deleteCopy(db: Database, name: string, within?: readonly string[]): Promise<string> {
  try {
    return await db.transaction((tx) => dropCopy(tx, name, within));
  } catch (error) {
    const state = sqlstateOf(error);
    if (state === SQLSTATE.lockNotAvailable) {
      const message = `copy ${name} is being read or made just now: ask again later`;
      throw new LongshoreError('copy-state', message, { cause: error });
    }
    if (state !== SQLSTATE.dependentObjects) throw error;
    const message = `something else, such as a view, depends on ${COPY_SCHEMA}.${name}: drop that first, by SQL`;
    throw new LongshoreError('copy-state', message, { cause: error });
  }
}

const DROP_COPY = statement<{ table: string; there: boolean }>`
  delete from longshore.table_copy where name = $1 and ($2::text[] is null or table_name = any ($2))
  returning table_name as "table", to_regclass($3) is not null as there`;

async function dropCopy(tx: Tx, name: string, within?: readonly string[]): Promise<string> {
  await tx.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
  const [gone] = await tx.query(DROP_COPY, [name, within ?? null, copyName(name)]);
  if (!gone?.there) throw new LongshoreError('unknown-copy', `there is no copy ${quoted(name)}`);
  await tx.query(`drop table ${copyName(name)}`);
  return gone.table;
}
