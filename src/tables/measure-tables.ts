import { refusalOf } from '../db/refusal.ts';
import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteText } from '../db/sql-names.ts';
import { isConnectionError, isTransient, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { POSTGRES_TYPES } from '../rows/column-type.ts';
import type { Table } from '../types.ts';
import { wantedColumns } from './table-ddl.ts';
import { liveName } from './table-state.ts';

/** Rows that are counted exactly, of all tables together: the rest is PostgreSQL's estimate. */
const COUNTED_ROWS = 500_000;
/** Tables that one statement counts: each takes a lock on the table and its indexes, of which there are some thousand. */
const COUNTED_TABLES = 1_000;
/** A row's size where PostgreSQL has never counted the table's rows. */
const ROW_BYTES = 100;

export interface TableSize {
  readonly name: string;
  readonly rows: number;
  readonly rowsExact: boolean;
  /** On disk, indexes included. */
  readonly bytes: number;
  /** The newest load that is done. */
  readonly lastLoadId: number | null;
  /** What of it is not as the dictionary has it, so that it can't be used, in words; null: nothing. */
  readonly broken: string | null;
}

interface Measured {
  readonly name: string;
  /** `pg_class.relkind`; null: it is not there. */
  readonly kind: string | null;
  readonly estimate: number;
  readonly bytes: number;
  /** A session has locked it against readers, or waits to. */
  readonly locked: boolean;
  readonly readable: boolean;
  /** Types by column, as `format_type` writes them. */
  readonly columns: Readonly<Record<string, string>>;
  readonly lastLoadId: number | null;
}

const SCHEMA = `'${DATA_SCHEMA}'::regnamespace`;

/** A locked table is not touched, not even for its size, which would wait for the lock. */
const MEASURE = statement<{ [member in keyof Measured]: Measured[member] }>`
  with locked as materialized (
    select relation from pg_locks
     where locktype = 'relation' and mode = 'AccessExclusiveLock' and pid <> pg_backend_pid()
       and database = (select oid from pg_database where datname = current_database())),
  newest as materialized (select since from longshore.dictionary order by no desc limit 1)
  select t.name, c.kind, c.estimate, c.bytes, c.locked, c.readable, c.columns, l.id as "lastLoadId"
    from unnest($1::text[]) with ordinality t (name, place)
    left join lateral (
      select relkind::text as kind, locked, has_table_privilege(oid, 'select') as readable,
             (case when locked then relpages::float8 * 8192 else pg_total_relation_size(oid) end)::float8 as bytes,
             (case when reltuples >= 0 then reltuples when locked then 0
                   else pg_relation_size(oid) / ${ROW_BYTES}.0 end)::float8 as estimate,
             (select coalesce(jsonb_object_agg(attname, format_type(atttypid, atttypmod)), '{}') from pg_attribute
               where attrelid = oid and attnum > 0 and not attisdropped) as columns
        from (select *, exists (select from locked where relation = oid) as locked
                from pg_class where relnamespace = ${SCHEMA} and relname = t.name) found) c on true
    left join lateral (
      select id from longshore.load
       where table_name = t.name and status = 'done'
         -- Loads of a table that had the name before are not of this one.
         and coalesce(table_since, 1) = coalesce((select (since ->> t.name)::int from newest), table_since, 1)
       order by id desc limit 1) l on true
   order by t.place`;

/**
 * Sizes of tables, in the same order: two statements, whatever their number. What is wrong with one table says nothing
 * of the others: one that was dropped or changed by hand is broken, and the rows of one that is locked are an estimate.
 */
export async function measureTables(db: Sql, tables: readonly Table[]): Promise<TableSize[]> {
  const measured = await db.query(MEASURE, [tables.map(({ name }) => name)]);
  const faults = tables.map((table, i) => faultOf(table, measured[i]!));
  const countable = measured.filter(({ locked }, i) => faults[i] === null && !locked);
  const counts = await countRows(db, fewRows(countable));
  return measured.map(({ name, estimate, bytes, lastLoadId }, i) => {
    const counted = counts.get(name);
    const broken = faults[i]?.what ?? (typeof counted === 'string' ? counted : null);
    const exact = typeof counted === 'number';
    const rows = exact ? counted : broken === null ? Math.round(estimate) : 0;
    return { name, rows, rowsExact: exact, bytes: bytes ?? 0, lastLoadId, broken };
  });
}

/** A table that can't be used, as it is not as the dictionary has it. */
export interface BrokenTable {
  readonly name: string;
  /** It, or a column, is not there: what a start makes. */
  readonly missing: boolean;
  /** What is wrong, in words. */
  readonly what: string;
}

/** The broken ones of these tables. */
export async function brokenTables(db: Sql, tables: readonly Table[]): Promise<BrokenTable[]> {
  const measured = await db.query(MEASURE, [tables.map(({ name }) => name)]);
  return tables.flatMap((table, i) => {
    const fault = faultOf(table, measured[i]!);
    return fault === null ? [] : [{ name: table.name, missing: fault.missing, what: fault.what }];
  });
}

/** @throws LongshoreError `table-broken` when the table is not as the dictionary has it */
export async function refuseBroken(db: Sql, table: Table, cause: unknown): Promise<void> {
  const [broken] = await brokenTables(db, [table]);
  if (broken) throw new LongshoreError('table-broken', broken.what, { cause });
}

function faultOf(
  table: Table,
  { kind, readable, columns }: Measured,
): Pick<BrokenTable, 'missing' | 'what'> | null {
  const { name } = table;
  const missing = (what: string) => ({ missing: true, what: `${what} is not in the database any more` });
  const other = (what: string) => ({ missing: false, what });
  if (kind === null) return missing(`the table ${name}`);
  if (kind !== 'r' && kind !== 'p') {
    return other(`${name} is no table in the database any more, but another relation`);
  }
  const present = new Map(Object.entries(columns));
  const wanted = wantedColumns(table);
  const changed = wanted.find(({ name: column, type }) => {
    const there = present.get(column);
    return there !== undefined && there !== POSTGRES_TYPES[type];
  });
  if (changed) {
    const [there, here] = [present.get(changed.name), POSTGRES_TYPES[changed.type]];
    return other(
      `the column ${changed.name} of ${name} is ${there} in the database, and ${here} in the dictionary`,
    );
  }
  const gone = wanted.find(({ name: column }) => !present.has(column));
  if (gone) return missing(`the column ${gone.name} of ${name}`);
  return readable ? null : other(`the role that Longshore uses may not read ${name} any more`);
}

/** As many of the tables as can be counted at once, those with the fewest rows first. */
function fewRows(tables: readonly Measured[]): string[] {
  const chosen: string[] = [];
  let rows = 0;
  for (const { name, estimate } of [...tables].sort((a, b) => a.estimate - b.estimate)) {
    rows += estimate;
    if (rows > COUNTED_ROWS || chosen.length === COUNTED_TABLES) break;
    chosen.push(name);
  }
  return chosen;
}

/**
 * Counts the rows of tables, in one statement. Where it fails, because of a table that PostgreSQL can't read, the others
 * are found by halves.
 *
 * @returns the number of rows, or why PostgreSQL can't read them; neither for what is locked just now
 */
async function countRows(db: Sql, names: readonly string[]): Promise<ReadonlyMap<string, number | string>> {
  if (names.length === 0) return new Map();
  try {
    const counts = names.map(
      (name) => `select ${quoteText(name)} as name, count(*)::float8 as rows from ${liveName({ name })}`,
    );
    const rows = await db.query<{ name: string; rows: number }>(counts.join(' union all '));
    return new Map(rows.map(({ name, rows }) => [name, rows]));
  } catch (error) {
    if (sqlstateOf(error) === undefined || isConnectionError(error)) throw error;
    const [first, ...others] = names;
    if (others.length === 0) return isTransient(error) ? new Map() : new Map([[first!, refusalOf(error)]]);
    const middle = names.length >> 1;
    const counted = [...(await countRows(db, names.slice(0, middle)))];
    return new Map([...counted, ...(await countRows(db, names.slice(middle)))]);
  }
}
