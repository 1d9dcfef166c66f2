import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, quoteName } from '../db/sql-names.ts';
import { READ_SCHEMA } from '../reports/report.ts';
import type { Table } from '../types.ts';
import { columnsOf } from './stage.ts';

/** A constraint as PostgreSQL writes it. */
export interface Constraint {
  readonly name: string;
  /** p: primary key, u: unique, f: foreign key */
  readonly kind: 'p' | 'u' | 'f';
  readonly definition: string;
  /** The other table that a foreign key points at, as PostgreSQL writes it; null: itself, or no foreign key. */
  readonly parent: string | null;
}

/** A foreign key of another table that points at this one. */
export interface Referrer {
  /** Quoted and qualified. */
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/** What the catalog says of a live table: all that a swap has to carry, and all that stands in its way. */
export interface TableState {
  readonly empty: boolean;
  /** The planner's estimate; of a table that was never analyzed, by its size on disk. */
  readonly rows: number;
  readonly constraints: readonly Constraint[];
  readonly referrers: readonly Referrer[];
  /** How PostgreSQL writes the table's own name in the definitions above. */
  readonly selfName: string;
  /** Quoted and qualified names of the other tables that this one references. */
  readonly parents: readonly string[];
  /** Why the table can not be swapped; empty when it can. */
  readonly obstacles: readonly string[];
  /** Triggers of users have to fire, whatever the way. */
  readonly userTriggers: boolean;
}

export function liveName(table: Pick<Table, 'name'>): string {
  return quoteName(DATA_SCHEMA, table.name);
}

export function dropReferrer(r: Referrer): string {
  return `alter table ${r.table} drop constraint ${quoteName(r.name)}`;
}

export function addReferrer(r: Referrer): string {
  return `alter table ${r.table} add constraint ${quoteName(r.name)} ${r.definition}`;
}

/** The caller holds a lock that keeps the table's definition as it is. */
export async function readTableState(tx: Pick<Tx, 'query'>, table: Table): Promise<TableState> {
  const live = liveName(table);
  const [size] = await tx.query<{ empty: boolean; rows: number; selfName: string }>(
    `select c.oid::regclass::text as "selfName", not exists (select from ${live}) as empty,
            case when c.reltuples < 0 then pg_relation_size(c.oid) / 100.0
                 else c.reltuples * greatest(pg_relation_size(c.oid) / 8192.0, 1) / greatest(c.relpages, 1)
            end::float8 as rows
       from pg_class c where c.oid = $1::regclass`,
    [live],
  );
  const constraints = await tx.query<{ [member in keyof Constraint]: Constraint[member] }>(
    `select conname as name, contype as kind, pg_get_constraintdef(oid) as definition,
            case when confrelid <> 0 and confrelid <> conrelid then confrelid::regclass::text end as parent
       from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u', 'f')
      order by array_position(array['p', 'u', 'f']::"char"[], contype), conname`,
    [live],
  );
  const referrers = await tx.query<{ table: string; name: string; definition: string }>(
    `select conrelid::regclass::text as "table", conname as name, pg_get_constraintdef(oid) as definition
       from pg_constraint where confrelid = $1::regclass and conrelid <> confrelid and contype = 'f'
      order by conrelid::regclass::text, conname`,
    [live],
  );
  const obstacles = await tx.query<{ what: string }>(OBSTACLES, [live, columnsOf(table)]);
  return {
    empty: size?.empty ?? true,
    rows: size?.rows ?? 0,
    constraints,
    referrers,
    selfName: size?.selfName ?? live,
    parents: [...new Set(constraints.map((c) => c.parent).filter((p) => p !== null))].sort(),
    obstacles: obstacles.map((o) => o.what),
    userTriggers: obstacles.some((o) => o.what.startsWith('trigger ')),
  };
}

/**
 * Whatever hangs on the table beside what the dictionary gave it. A swap would lose these, so their presence means
 * that the rows are put into the table as it stands. The view through which reports read is carried.
 */
const OBSTACLES = `
  select 'view ' || v.oid::regclass::text as what
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid
    join pg_class v on v.oid = r.ev_class
    join pg_class t on t.oid = d.refobjid
   where d.classid = 'pg_rewrite'::regclass and d.refobjid = $1::regclass and v.oid <> t.oid
     and (v.relnamespace, v.relname) is distinct from (to_regnamespace('${READ_SCHEMA}')::oid, t.relname)
  union
  select 'trigger ' || tgname from pg_trigger where tgrelid = $1::regclass and not tgisinternal
  union
  select 'publication ' || pubname from pg_publication_tables
   where format('%I.%I', schemaname, tablename)::regclass = $1::regclass
  union
  select 'policy ' || polname from pg_policy where polrelid = $1::regclass
  union
  select 'rule ' || rulename from pg_rewrite where ev_class = $1::regclass
  union
  select 'index ' || i.indexrelid::regclass::text from pg_index i
   where i.indrelid = $1::regclass
     and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = i.indrelid)
  union
  select 'constraint ' || conname from pg_constraint
   where conrelid = $1::regclass and contype in ('c', 'x', 't')
  union
  select 'column ' || attname from pg_attribute
   where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> all ($2)
  union
  select 'default of ' || adrelid::regclass::text from pg_attrdef where adrelid = $1::regclass
  union
  select 'inheritance' from pg_inherits where inhparent = $1::regclass or inhrelid = $1::regclass
  union
  select 'row type used by ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    from pg_depend d join pg_type t on t.oid = d.refobjid
   where d.refclassid = 'pg_type'::regclass and t.typrelid = $1::regclass and d.deptype = 'n'
  union
  select 'statistics ' || stxname from pg_statistic_ext where stxrelid = $1::regclass
  union
  select 'storage options' from pg_class where oid = $1::regclass and reloptions is not null
  union
  select 'replica identity' from pg_class where oid = $1::regclass and relreplident <> 'd'
  union
  select 'row security' from pg_class where oid = $1::regclass and (relrowsecurity or relforcerowsecurity)
  union
  select 'column options of ' || attname from pg_attribute
   where attrelid = $1::regclass and attnum > 0 and not attisdropped
     and (attacl is not null or attoptions is not null or attstattarget is not null)`;
