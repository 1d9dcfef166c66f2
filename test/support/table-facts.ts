import type { Sql } from '../../src/db/sql.ts';
import { quoteName, quoteNames } from '../../src/db/sql-names.ts';

/**
 * All that the schema of the data tables holds, as one text a fact: columns, constraints, indexes, comments, views,
 * triggers, grants and every cell of every row with the row's place. What only adds leaves each of them as it is.
 */
export async function factsOf(db: Sql): Promise<Set<string>> {
  const facts = await db.query<{ fact: string }>(FACTS);
  const tables = await db.query<{ name: string; columns: string[] }>(TABLES);
  const all = new Set(facts.map(({ fact }) => fact));
  for (const { name, columns } of tables) {
    const rows = await db.query<{ at: string; cells: (string | null)[] }>(
      `select ctid::text || xmin::text as at, array[${columns.map((one) => `${quoteName(one)}::text`).join(', ')}]::text[] as cells
         from only ${quoteName('public', name)}`,
    );
    for (const { at, cells } of rows) {
      for (const [i, cell] of cells.entries()) all.add(`cell ${name} ${at} ${columns[i]} ${cell}`);
    }
  }
  return all;
}

const TABLES = `
  select relname::text as name,
         array(select attname::text from pg_attribute
                where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns
    from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'`;

const FACTS = `
  with c as (select * from pg_class where relnamespace = 'public'::regnamespace)
  select concat_ws(' ', 'relation', oid, relname, relkind, relowner, relfilenode, relacl, reloptions) as fact from c
  union all
  select concat_ws(' ', 'comment', c.relname, a.attname, description)
    from pg_description d join c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
    left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
  union all
  select concat_ws(' ', 'column', c.relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                   attgenerated, attcollation, attstorage, attacl, pg_get_expr(adbin, adrelid))
    from c join pg_attribute a on a.attrelid = c.oid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where attnum > 0 and c.relkind in ('r', 'v')
  union all
  select concat_ws(' ', 'constraint', c.relname, k.oid, conname, pg_get_constraintdef(k.oid),
                   obj_description(k.oid, 'pg_constraint'))
    from c join pg_constraint k on k.conrelid = c.oid
  union all
  select concat_ws(' ', 'index', indexrelid, pg_get_indexdef(indexrelid)) from c join pg_index on indrelid = c.oid
  union all
  select concat_ws(' ', 'view', relname, pg_get_viewdef(oid)) from c where relkind in ('v', 'm')
  union all
  select concat_ws(' ', 'trigger', c.relname, tgname) from c join pg_trigger on tgrelid = c.oid where not tgisinternal`;

/** A rule as the catalog has it: `p orders (a, b)`, `u orders (a)`, `f orders (a) people (id)`. */
export async function rulesOf(db: Sql): Promise<Set<string>> {
  const rows = await db.query<{
    kind: string;
    table: string;
    fields: string[];
    to: string | null;
    pairs: string[];
  }>(
    `select contype::text as kind, t.relname::text as "table", r.relname::text as "to",
            array(select a.attname::text from unnest(conkey) k join pg_attribute a on a.attrelid = conrelid and a.attnum = k
                   order by 1) as fields,
            array(select a.attname::text || '>' || b.attname::text
                    from unnest(conkey, confkey) k (x, y)
                    join pg_attribute a on a.attrelid = conrelid and a.attnum = k.x
                    join pg_attribute b on b.attrelid = confrelid and b.attnum = k.y order by 1) as pairs
       from pg_constraint k join pg_class t on t.oid = conrelid left join pg_class r on r.oid = confrelid
      where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f') and convalidated`,
  );
  return new Set(
    rows.map(({ kind, table, fields, to, pairs }) =>
      kind === 'f' ? ruleText('f', table, pairs, to) : ruleText(kind, table, fields),
    ),
  );
}

export function ruleText(
  kind: string,
  table: string,
  fields: readonly string[],
  to: string | null = null,
): string {
  return JSON.stringify([kind, table, [...fields].sort(), to]);
}

/** An empty schema of the data tables. */
export async function emptySchema(db: Sql): Promise<void> {
  await db.query('drop schema public cascade');
  await db.query('create schema public');
}

/** Every row that the tables take, of those that were made up; the others are left out. */
export async function insertSome(
  db: Sql,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  for (const row of rows) {
    const sql = `insert into ${quoteName('public', table)} (${quoteNames(columns)}) values (${row.map((_, i) => `$${i + 1}`).join(', ')})`;
    await db.query(sql, row).catch((error) => {
      if (!/^23/.test((error as { code?: string }).code ?? '')) throw error;
    });
  }
}
