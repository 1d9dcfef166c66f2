import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, STAGE_SCHEMA } from '../db/sql-names.ts';

/** The part of PostgreSQL's catalog of the data schema that a dictionary concerns. */
export interface Catalog {
  /** Relations that have a name of the dictionary, by name. */
  readonly relations: ReadonlyMap<string, Relation>;
  /** Every relation of the schema: tables, views, indexes and sequences share one list of names. */
  readonly names: ReadonlySet<string>;
  /** Types of the schema that no table may be named after: a table makes a type of its own name. */
  readonly types: ReadonlySet<string>;
  /** References of other tables, in any schema, to the relations. */
  readonly referrers: readonly PresentReferrer[];
}

export interface Relation {
  readonly oid: string;
  /** `pg_class.relkind`: r, a table; p, a partitioned one */
  readonly kind: string;
  /** File of the rows; another one means that they were rewritten. */
  readonly file: string;
  /** Columns that it ever had: those that were dropped count towards PostgreSQL's limit. */
  readonly columnsEver: number;
  readonly comment: string | null;
  readonly columns: readonly PresentColumn[];
  readonly keys: readonly PresentKey[];
  readonly references: readonly PresentReference[];
  /** Definitions of all constraints, of any kind, by name. */
  readonly constraints: ReadonlyMap<string, string>;
  /** What no dictionary has: checks, exclusions, and unique indexes over expressions or a part of the rows. */
  readonly others: readonly PresentRule[];
}

export interface PresentColumn {
  readonly name: string;
  readonly number: number;
  /** As `format_type` writes it. */
  readonly type: string;
  readonly required: boolean;
  /** A default or an identity. */
  readonly fills: boolean;
  /** It is generated: values can't be inserted into it. */
  readonly generated: boolean;
  readonly comment: string | null;
  /** Name of its NOT NULL, which is a constraint since PostgreSQL 18. */
  readonly notNull: string | null;
}

/** A unique index over plain columns and all rows, whether a constraint made it or not. */
export interface PresentKey {
  readonly name: string;
  readonly primary: boolean;
  readonly columns: readonly string[];
  /** Of the constraint; null: an index without one. */
  readonly constraint: string | null;
}

export interface PresentReference {
  readonly name: string;
  readonly columns: readonly string[];
  /** null: of another schema */
  readonly table: string | null;
  readonly to: readonly string[];
  /** PostgreSQL 18 has foreign keys that it does not enforce. */
  readonly enforced: boolean;
}

export interface PresentRule {
  readonly name: string;
  readonly kind: 'check' | 'exclusion' | 'index';
  readonly definition: string;
}

export interface PresentReferrer {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/** @param tables names of the dictionary's tables */
export async function readCatalog(db: Sql, tables: readonly string[]): Promise<Catalog> {
  const names = await db.query<{ name: string }>(NAMES);
  const types = await db.query<{ name: string }>(TYPES, [tables]);
  const relations = await db.query<Omit<Relation, 'constraints' | 'others'> & { name: string }>(RELATIONS, [
    tables,
  ]);
  const oids = relations.map(({ oid }) => oid);
  const columns = byRelation(await db.query<PresentColumn & Of>(COLUMNS, [oids]));
  const keys = byRelation(await db.query<PresentKey & Of>(KEYS, [oids]));
  const references = byRelation(await db.query<PresentReference & Of>(REFERENCES, [oids]));
  const constraints = byRelation(
    await db.query<Of & { name: string; definition: string }>(CONSTRAINTS, [oids]),
  );
  const others = byRelation(await db.query<PresentRule & Of>(OTHERS, [oids]));
  const referrers = await db.query<{ [member in keyof PresentReferrer]: PresentReferrer[member] }>(
    REFERRERS,
    [oids],
  );
  return {
    referrers,
    names: new Set(names.map(({ name }) => name)),
    types: new Set(types.map(({ name }) => name)),
    relations: new Map(
      relations.map((relation) => {
        const { oid } = relation;
        const listed = constraints.get(oid) ?? [];
        const found: Relation = {
          ...relation,
          columns: columns.get(oid) ?? [],
          keys: keys.get(oid) ?? [],
          references: references.get(oid) ?? [],
          others: others.get(oid) ?? [],
          constraints: new Map(listed.map(({ name, definition }) => [name, definition])),
        };
        return [relation.name, found];
      }),
    ),
  };
}

/** A row of the catalog that belongs to a relation. */
interface Of {
  readonly of: string;
}

function byRelation<Row extends Of>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, (row) => row.of);
}

const SCHEMA = `'${DATA_SCHEMA}'::regnamespace`;

const NAMES = `select relname::text as name from pg_class where relnamespace = ${SCHEMA}`;

/** Types of arrays are left out: PostgreSQL renames them on a conflict. */
const TYPES = `
  select typname::text as name from pg_type
   where typnamespace = ${SCHEMA} and typname = any ($1) and typrelid = 0 and typcategory <> 'A'`;

const RELATIONS = `
  select oid::text as oid, relname::text as name, relkind::text as kind, relfilenode::text as file,
         relnatts::int as "columnsEver", obj_description(oid, 'pg_class') as comment
    from pg_class where relnamespace = ${SCHEMA} and relname = any ($1)`;

const COLUMNS = `
  select attrelid::text as of, attname::text as name, attnum::int as number,
         format_type(atttypid, atttypmod) as type, attnotnull as required,
         (atthasdef and attgenerated = '') or attidentity <> '' as fills,
         attgenerated <> '' or attidentity = 'a' as generated, col_description(attrelid, attnum) as comment,
         (select conname::text from pg_constraint
           where conrelid = attrelid and contype = 'n' and conkey[1] = attnum) as "notNull"
    from pg_attribute where attrelid = any ($1::oid[]) and attnum > 0 and not attisdropped
   order by attrelid, attnum`;

const KEYS = `
  select i.indrelid::text as of, c.relname::text as name, i.indisprimary as primary,
         array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k (num, place)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num
                where k.place <= i.indnkeyatts order by k.place) as columns,
         (select conname::text from pg_constraint where conindid = i.indexrelid and contype in ('p', 'u')) as constraint
    from pg_index i join pg_class c on c.oid = i.indexrelid
   where i.indrelid = any ($1::oid[]) and i.indisunique and i.indisvalid and not i.indisexclusion
     and i.indpred is null and i.indexprs is null
   order by c.relname`;

const REFERENCES = `
  select f.conrelid::text as of, f.conname::text as name, ${columnsOf('f.conrelid', 'f.conkey')} as columns,
         case when t.relnamespace = ${SCHEMA} then t.relname::text end as "table",
         ${columnsOf('f.confrelid', 'f.confkey')} as "to",
         ${enforced('f')} as enforced
    from pg_constraint f join pg_class t on t.oid = f.confrelid
   where f.conrelid = any ($1::oid[]) and f.contype = 'f'
   order by f.conname`;

const CONSTRAINTS = `
  select conrelid::text as of, conname::text as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where conrelid = any ($1::oid[])`;

const OTHERS = `
  select conrelid::text as of, conname::text as name, case contype when 'c' then 'check' else 'exclusion' end as kind,
         pg_get_constraintdef(oid) as definition
    from pg_constraint k where conrelid = any ($1::oid[]) and contype in ('c', 'x') and ${enforced('k')}
  union all
  select indrelid::text, c.relname::text, 'index', pg_get_indexdef(indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid
   where indrelid = any ($1::oid[]) and indisunique and indisready and not indisexclusion
     and (indpred is not null or indexprs is not null)
   order by 2`;

const REFERRERS = `
  select s.nspname::text as schema, t.relname::text as "table", f.conname::text as name,
         pg_get_constraintdef(f.oid) as definition
    from pg_constraint f join pg_class t on t.oid = f.conrelid join pg_namespace s on s.oid = t.relnamespace
   where f.confrelid = any ($1::oid[]) and f.conrelid <> all ($1::oid[]) and f.contype = 'f' and f.conparentid = 0
     and s.nspname <> '${STAGE_SCHEMA}' and ${enforced('f')}
   order by 1, 2, 3`;

/** PostgreSQL 18 has constraints that it does not enforce. */
function enforced(constraint: string): string {
  return `coalesce((to_jsonb(${constraint}) ->> 'conenforced')::boolean, true)`;
}

function columnsOf(relation: string, numbers: string): string {
  return `array(select a.attname::text from unnest(${numbers}) with ordinality k (num, place)
                  join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.num order by k.place)`;
}
