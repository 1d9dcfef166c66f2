import type { Tx } from '../db/database.ts';
import { equalColumns, quoteName, quoteNames } from '../db/sql-names.ts';
import { columnsOf, liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { keysAsParameters, keysAsRows } from './create-restore.ts';
import type { TableChange } from './restore.ts';
import type { RestoredTable, RestorePlan } from './restores.ts';

/** The keys that a restore is limited to, for the length of a transaction. */
const WANTED = 'pg_temp.wanted_keys';

/** Leaves only the rows of the wanted keys in the stage. Idempotent. */
export async function limitStage(tx: Tx, { tables, target }: RestorePlan): Promise<void> {
  const [only] = tables;
  if (target.keys === null || !only) return;
  const { table, stage } = only;
  await tx.query(
    `create temporary table wanted_keys on commit drop as select * from ${keysAsRows(table)}`,
    keysAsParameters(table, target.keys),
  );
  await tx.query(`delete from ${stage} s where not ${isWanted(table, 's')}`);
}

function isWanted(table: Table, alias: string): string {
  return `exists (select from ${WANTED} k where ${equalColumns(table.primaryKey, 'k', alias)})`;
}

/** Wanted primary keys that none of these tables has, as texts. Needs `limitStage` first. */
export async function keysNotFound(
  tx: Tx,
  { primaryKey }: Table,
  places: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const there = places.map(
    (place) => `not exists (select from ${place} t where ${equalColumns(primaryKey, 't', 'k')})`,
  );
  const texts = primaryKey.map((name) => `to_jsonb(k.${quoteName(name)}) #>> '{}'`);
  const rows = await tx.query<{ key: string[] }>(
    `select array[${texts.join(', ')}] as key from ${WANTED} k where ${there.join(' and ')}`,
  );
  return rows.map(({ key }) => key);
}

/**
 * Counts the changes that restoring the stages would make, and, on request, finds the references that would break.
 * Set-based, in a few passes over each table. Needs `limitStage` first.
 */
export async function compareStages(
  tx: Tx,
  plan: RestorePlan,
  { references }: { readonly references: boolean },
): Promise<TableChange[]> {
  await tx.query(`set local work_mem = '64MB'`);
  const limited = plan.target.keys !== null;
  for (const { stage } of plan.tables) await tx.query(`analyze ${stage}`);
  const broken = references ? await brokenReferences(tx, plan.tables, limited) : [];
  const changes: TableChange[] = [];
  for (const [no, one] of plan.tables.entries()) {
    const counts = await countChanges(tx, one, limited);
    const own = broken.filter(({ of }) => of === no).map(({ words }) => words);
    const change = { table: one.table.name, rowsInBackup: one.saved.rows, ...counts, broken: own };
    if (!limited) changes.push(change);
    else {
      const places = [one.stage, liveName(one.table)];
      changes.push({ ...change, notFound: await keysNotFound(tx, one.table, places) });
    }
  }
  return changes;
}

/** Counts the rows of the tables and of the backup, but not the changes. */
export async function countRows(tx: Tx, { tables }: RestorePlan): Promise<TableChange[]> {
  const counted: TableChange[] = [];
  for (const { table, saved } of tables) {
    const [row] = await tx.query<{ n: number }>(`select count(*)::float8 as n from ${liveName(table)}`);
    const rows = { rowsNow: row?.n ?? 0, rowsInBackup: saved.rows };
    counted.push({ table: table.name, ...rows, added: null, removed: null, changed: null, broken: [] });
  }
  return counted;
}

type Counts = Pick<TableChange, 'rowsNow' | 'added' | 'removed' | 'changed'>;

async function countChanges(tx: Tx, { table, stage }: RestoredTable, limited: boolean): Promise<Counts> {
  const sql = table.primaryKey.length > 0 ? countByKey(table, stage, limited) : countByRows(table, stage);
  const [counts] = await tx.query<Counts & Record<string, number | null>>(
    `select (select count(*)::float8 from ${liveName(table)}) as "rowsNow", c.* from (${sql}) c`,
  );
  const { rowsNow, added, removed, changed } = counts!;
  return { rowsNow, added, removed, changed };
}

function countByKey(table: Table, stage: string, limited: boolean): string {
  const where = limited ? ` where ${isWanted(table, 't')}` : '';
  return `
    select count(*) filter (where t.tableoid is null)::float8 as added,
           count(*) filter (where s.tableoid is null)::float8 as removed,
           count(*) filter (where t.tableoid is not null and s.tableoid is not null and ${rowsDiffer(table)})::float8
             as changed
      from ${stage} s
      full join (select t.tableoid, t.* from ${liveName(table)} t${where}) t
        on ${equalColumns(table.primaryKey, 's', 't')}`;
}

/** SQL: the rows `s` and `t` differ in a field; lineage is ignored. */
export function rowsDiffer(table: Table): string {
  const row = (alias: string) => `(${table.fields.map((f) => `${alias}.${quoteName(f.name)}`).join(', ')})`;
  return `${row('s')} is distinct from ${row('t')}`;
}

/** Compares multisets, since rows may repeat, by a 64-bit hash of each row's text. */
function countByRows(table: Table, stage: string): string {
  const names = quoteNames(table.fields.map(({ name }) => name));
  const hashed = (from: string, side: number) =>
    `select hashtextextended(row(${names})::text, 0) as h, ${side} as side from ${from}`;
  return `
    select coalesce(sum(greatest(n, 0)), 0)::float8 as added, coalesce(sum(greatest(-n, 0)), 0)::float8 as removed,
           null::float8 as changed
      from (select sum(side) as n
              from (${hashed(stage, 1)} union all ${hashed(liveName(table), -1)}) both_sides group by h) d`;
}

interface Reference {
  readonly name: string;
  readonly child: string;
  readonly parent: string;
  /** Position in the plan from 1; null: a table that is not restored. */
  readonly childNo: number | null;
  readonly parentNo: number | null;
  readonly fields: readonly string[];
  readonly to: readonly string[];
}

/** Every foreign key of a restored table, and every one that points at one. */
const REFERENCES = `
  select conname as name, conrelid::regclass::text as child, confrelid::regclass::text as parent,
         array_position($1::text[]::regclass[]::oid[], conrelid) as "childNo",
         array_position($1::text[]::regclass[]::oid[], confrelid) as "parentNo",
         array(select attname::text from unnest(conkey) with ordinality k(attnum, i)
                 join pg_attribute a on a.attrelid = conrelid and a.attnum = k.attnum order by i) as fields,
         array(select attname::text from unnest(confkey) with ordinality k(attnum, i)
                 join pg_attribute a on a.attrelid = confrelid and a.attnum = k.attnum order by i) as "to"
    from pg_constraint
   where contype = 'f' and (conrelid = any ($1::text[]::regclass[]) or confrelid = any ($1::text[]::regclass[]))
   order by conrelid::regclass::text, conname`;

async function brokenReferences(
  tx: Tx,
  tables: readonly RestoredTable[],
  limited: boolean,
): Promise<{ readonly of: number; readonly words: string }[]> {
  const lives = tables.map(({ table }) => liveName(table));
  const references = await tx.query<{ [member in keyof Reference]: Reference[member] }>(REFERENCES, [lives]);
  const broken: { of: number; words: string }[] = [];
  for (const { name, child, parent, childNo, parentNo, fields, to } of references) {
    // By columns that the dictionary does not have: a restore leaves them null, or refuses to empty them.
    if (!isStaged(tables, childNo, fields) || !isStaged(tables, parentNo, to)) continue;
    const after = (no: number | null, live: string) =>
      no === null ? live : afterwards(tables[no - 1]!, limited);
    const same = to.map((field, i) => `p.${quoteName(field)} = c.${quoteName(fields[i]!)}`).join(' and ');
    const present = fields.map((field) => `c.${quoteName(field)} is not null`).join(' and ');
    const [row] = await tx.query<{ n: number }>(
      `select count(*)::float8 as n from ${after(childNo, child)} c
        where ${present} and not exists (select from ${after(parentNo, parent)} p where ${same})`,
    );
    if (!row || row.n === 0) continue;
    const words = `${child} (${name}): ${row.n} rows refer to rows of ${parent} that would not be there`;
    broken.push({ of: (childNo ?? parentNo ?? 1) - 1, words });
  }
  return broken;
}

function isStaged(tables: readonly RestoredTable[], no: number | null, columns: readonly string[]): boolean {
  return no === null || columns.every((name) => columnsOf(tables[no - 1]!.table).includes(name));
}

/** The rows of a table as they would be after the restore, as a FROM item without its alias. */
function afterwards({ table, stage }: RestoredTable, limited: boolean): string {
  if (!limited) return stage;
  const columns = quoteNames(columnsOf(table));
  return `(select ${columns} from ${liveName(table)} t where not ${isWanted(table, 't')}
           union all select ${columns} from ${stage})`;
}
