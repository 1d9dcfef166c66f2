import { DATA_SCHEMA, quoteText } from '../db/sql-names.ts';
import type { Table } from '../types.ts';

/**
 * SQL that is true where switching triggers off (`session_replication_role`) would switch off more than the checks of
 * the dictionary's references, which are made otherwise then: triggers of users, references and deferrable keys that
 * the dictionary does not know, and rules.
 *
 * @param live an SQL expression that gives the table's OID
 */
export function mustFire(live: string, { name, foreignKeys }: Pick<Table, 'name' | 'foreignKeys'>): string {
  const known = foreignKeys.map(({ fields, reference }) => ({
    parent: reference.table === '' ? name : reference.table,
    columns: Object.fromEntries(fields.map((field, i) => [field, reference.fields[i]])),
  }));
  return `(exists (
      select from pg_trigger g left join pg_constraint k on k.oid = g.tgconstraint
       where g.tgrelid = ${live}
         and (not g.tgisinternal or (k.conrelid = g.tgrelid and (k.contype <> 'f' or not exists (
           select from jsonb_array_elements(${quoteText(JSON.stringify(known))}::jsonb) f (key)
             join pg_class p on p.relname = f.key->>'parent' and p.relnamespace = '${DATA_SCHEMA}'::regnamespace
            where p.oid = k.confrelid and k.confmatchtype = 's' and f.key->'columns' = (
              select jsonb_object_agg(a.attname, b.attname)
                from unnest(k.conkey, k.confkey) as c (own, other)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.own
                join pg_attribute b on b.attrelid = k.confrelid and b.attnum = c.other))))))
    or exists (select from pg_rewrite r where r.ev_class = ${live}))`;
}
