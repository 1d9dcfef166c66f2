import type { Sql } from '../db/sql.ts';
import { READ_SCHEMA } from '../db/sql-names.ts';

/**
 * Everything that a swap of a table for its stage would lose. The catalogs' entries of the table are compared with those
 * of the stage, and the table's dependents with what a swap is known to carry; any difference is an obstacle, even a
 * property that only later versions of PostgreSQL have. A table with obstacles is not swapped: the rows go into it.
 *
 * Carried are keys and references with their comments and the names of NOT NULL constraints, references from other
 * tables, the owner where the role may give tables away, grants, comments of table and columns, and the view through
 * which reports read.
 *
 * @param live quoted and qualified, as is `stage`
 * @returns each obstacle in a few words
 */
export async function obstaclesOf(db: Sql, live: string, stage: string): Promise<readonly string[]> {
  const rows = await db.query<{ what: string }>(OBSTACLES, [live, stage]);
  return rows.map(({ what }) => what);
}

/** Columns of `pg_class` to ignore: location, size, and what other catalogs have as well. */
const OWN_OF_CLASS = `array['oid', 'relname', 'relnamespace', 'reltype', 'relowner', 'relfilenode', 'relpages',
  'reltuples', 'relallvisible', 'relallfrozen', 'reltoastrelid', 'relhasindex', 'relhasrules', 'relhastriggers',
  'relhassubclass', 'relnatts', 'relfrozenxid', 'relminmxid', 'relacl', 'reloptions']`;

/** Columns of `pg_attribute` to ignore; a default is an object of its own (`pg_attrdef`). */
const OWN_OF_ATTRIBUTE = `array['attrelid', 'attnum', 'attcacheoff', 'atthasdef', 'atthasmissing', 'attmissingval']`;

/** Columns of `pg_constraint` to ignore, for NOT NULL, which PostgreSQL keeps there since version 18. */
const OWN_OF_CONSTRAINT = `array['oid', 'conname', 'connamespace', 'conrelid', 'conkey']`;

/** Where the stage's own indexes will lie: 0 stands for the database's own table space. */
const NEW_TABLESPACE = `(
  select coalesce(max(s.oid) filter (where s.oid <> d.dattablespace), 0)
    from pg_database d left join pg_tablespace s on s.spcname = current_setting('default_tablespace')
   where d.datname = current_database())`;

const OBSTACLES = `
  with t as materialized (select * from pg_class where oid = $1::regclass),
  s as materialized (select * from pg_class where oid = $2::regclass),
  own as materialized (
    select k.* from pg_constraint k join t on k.conrelid = t.oid where k.contype in ('p', 'u', 'f', 'n')),
  referrer as materialized (
    select k.* from pg_constraint k join t on k.confrelid = t.oid where k.contype = 'f'),
  key_index as materialized (
    select i.* from pg_index i join own on own.conindid = i.indexrelid and own.contype in ('p', 'u')),
  internal as materialized (
    select g.* from pg_trigger g
     where g.tgisinternal and g.tgconstraint in (select oid from own union all select oid from referrer)),
  part (class, oid) as materialized (
    select 'pg_class'::regclass, oid from t
    union select 'pg_class'::regclass, reltoastrelid from t where reltoastrelid <> 0
    union select 'pg_class'::regclass, i.indexrelid from pg_index i join t on i.indrelid = t.reltoastrelid
    union select 'pg_class'::regclass, indexrelid from key_index
    union select 'pg_type'::regclass, reltype from t
    union select 'pg_type'::regclass, y.typarray from pg_type y join t on y.oid = t.reltype
    union select 'pg_constraint'::regclass, oid from own
    union select 'pg_trigger'::regclass, oid from internal),
  carried (class, oid) as materialized (
    select class, oid from part
    union select 'pg_constraint'::regclass, oid from referrer
    union select 'pg_rewrite'::regclass, r.oid from t
            join pg_class v on v.relname = t.relname and v.relnamespace = to_regnamespace('${READ_SCHEMA}')
            join pg_rewrite r on r.ev_class = v.oid)
  select pg_describe_object(d.classid, d.objid, d.objsubid) as what
    from part p join pg_depend d on d.refclassid = p.class and d.refobjid = p.oid
   where not exists (select from carried c where c.class = d.classid and c.oid = d.objid)
  union
  select pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) || ', which the table depends on'
    from part p join pg_depend d on d.classid = p.class and d.objid = p.oid
   where not exists (select from part o where o.class = d.refclassid and o.oid = d.refobjid)
     and d.refclassid <> 'pg_namespace'::regclass
     and (d.deptype in ('e', 'x') or p.class not in ('pg_constraint'::regclass, 'pg_trigger'::regclass))
  union
  select 'role, policy or tablespace of ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    from part p join pg_shdepend d on d.classid = p.class and d.objid = p.oid
   where d.dbid = (select oid from pg_database where datname = current_database())
     and (d.deptype not in ('o', 'a') or (d.deptype = 'a' and d.classid <> 'pg_class'::regclass))
  union
  select 'comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid)
    from part p join pg_description d on d.classoid = p.class and d.objoid = p.oid
   where p.class not in ('pg_class'::regclass, 'pg_constraint'::regclass)
  union
  select 'security label of ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
    from part p join pg_seclabel l on l.classoid = p.class and l.objoid = p.oid
  union
  select 'publication ' || pubname
    from pg_publication_tables p join t on p.tablename = t.relname and p.schemaname = t.relnamespace::regnamespace::text
  union
  select 'subscription' from pg_subscription_rel r join t on r.srrelid = t.oid
  union
  select 'inheritance' from pg_inherits i join t on t.oid in (i.inhparent, i.inhrelid)
  union
  select 'another owner' from t
   where t.relowner <> current_user::regrole
     and not (select rolsuper from pg_roles where rolname = current_user)
  union
  select 'grants by others than the owner' from t, aclexplode(t.relacl) a where a.grantor <> t.relowner
  union
  select 'storage options' from pg_class c join t on c.oid in (t.oid, t.reltoastrelid) where c.reloptions is not null
  union
  select 'table property ' || key
    from t, jsonb_each(to_jsonb(t) - ${OWN_OF_CLASS}) l
    full join (select r.* from s, jsonb_each(to_jsonb(s) - ${OWN_OF_CLASS}) r) r using (key)
   where l.value is distinct from r.value
  union
  select 'column ' || coalesce(l.attname, r.attname)
    from (select a.* from pg_attribute a join t on a.attrelid = t.oid where a.attnum > 0 and not a.attisdropped) l
    full join (select a.* from pg_attribute a join s on a.attrelid = s.oid where a.attnum > 0 and not a.attisdropped) r
      on l.attname = r.attname
   where to_jsonb(l) - ${OWN_OF_ATTRIBUTE} is distinct from to_jsonb(r) - ${OWN_OF_ATTRIBUTE}
  union
  select 'constraint ' || own.conname from own
   where own.contype = 'n' and not exists (
     select from s join pg_constraint k on k.conrelid = s.oid and k.contype = 'n'
      where to_jsonb(k) - ${OWN_OF_CONSTRAINT} = to_jsonb(own) - ${OWN_OF_CONSTRAINT}
        and (select attname from pg_attribute where attrelid = s.oid and attnum = k.conkey[1])
          = (select attname from pg_attribute where attrelid = own.conrelid and attnum = own.conkey[1]))
  union
  select 'index ' || i.indexrelid::regclass::text
    from key_index i join pg_class c on c.oid = i.indexrelid
   where i.indisclustered or i.indisreplident or not (i.indisvalid and i.indisready and i.indislive)
      or c.reloptions is not null or c.reltablespace <> ${NEW_TABLESPACE}
      or exists (select from pg_attribute a
                  where a.attrelid = i.indexrelid and (a.attoptions is not null or coalesce(a.attstattarget, -1) <> -1))
  union
  select 'trigger ' || g.tgname from internal g join t on g.tgrelid = t.oid
   where g.tgenabled <> 'O' and g.tgconstraint in (select oid from own)
   order by 1`;
