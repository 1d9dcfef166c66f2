import type { Sql } from '../db/sql.ts';

/** What a relation inherits from the one that it replaces; PostgreSQL quotes the names in these statements. */

/** Statements that give `to` the owner and the grants of `from`, and no others than those. */
export async function privileges(db: Sql, from: string, to: string): Promise<string[]> {
  const rows = await db.query<{ statement: string }>(
    `with live as (select * from pg_class where oid = $1::regclass),
          made as (select * from pg_class where oid = $2::regclass),
          named as (select 0::oid as oid, 'public' as name union all select oid, oid::regrole::text from pg_roles)
     select format('alter table %s owner to %s', $2::text, relowner::regrole) as statement, 1 as step, 0::bigint as no
       from live where relowner <> current_user::regrole
     union all
     select distinct format('revoke all on %s from %s', $2::text, n.name), 2, 0
       from made m, live l, aclexplode(m.relacl) a join named n on n.oid = a.grantee
      where a.grantee not in (m.relowner, l.relowner)
     union all
     select format('revoke all on %s from %s', $2::text, relowner::regrole), 3, 0
       from live where relacl is not null
     union all
     select format('grant %s on %s to %s%s', a.privilege_type, $2::text, n.name,
                   case when a.is_grantable then ' with grant option' else '' end), 4, a.no
       from live, aclexplode(relacl) with ordinality a (grantor, grantee, privilege_type, is_grantable, no)
       join named n on n.oid = a.grantee
      order by step, no`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}

/** Statements that give the table `to` the comments of the table `from`, of its columns, constraints and indexes. */
export async function comments(db: Sql, from: string, to: string): Promise<string[]> {
  const rows = await db.query<{ statement: string }>(
    `select format('comment on table %s is %L', $2::text, obj_description(oid, 'pg_class')) as statement
       from pg_class where oid = $1::regclass and obj_description(oid, 'pg_class') is not null
     union all
     select format('comment on column %s.%I is %L', $2::text, c.attname, col_description(c.attrelid, c.attnum))
       from pg_attribute c
      where c.attrelid = $1::regclass and c.attnum > 0 and not c.attisdropped
        and col_description(c.attrelid, c.attnum) is not null
     union all
     select format('comment on constraint %I on %s is %L', k.conname, $2::text, obj_description(k.oid, 'pg_constraint'))
       from pg_constraint k join pg_constraint made on made.conname = k.conname and made.conrelid = $2::regclass
      where k.conrelid = $1::regclass and obj_description(k.oid, 'pg_constraint') is not null
     union all
     select format('comment on index %s is %L', made.conindid::regclass, obj_description(k.conindid, 'pg_class'))
       from pg_constraint k join pg_constraint made on made.conname = k.conname and made.conrelid = $2::regclass
      where k.conrelid = $1::regclass and k.contype in ('p', 'u')
        and obj_description(k.conindid, 'pg_class') is not null`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}

/**
 * Statements that give the NOT NULL constraints of the table `to` the names that they have in the table `from`: by way
 * of others, since two of them may have each other's. PostgreSQL names them since version 18.
 */
export async function notNullNames(db: Sql, from: string, to: string): Promise<string[]> {
  const rows = await db.query<{ statement: string }>(
    `with named as (
       select k.conname as name, made.conname as made, format('carried_%s', a.attnum) as between
         from pg_constraint k
         join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
         join pg_attribute b on b.attrelid = $2::regclass and b.attname = a.attname
         join pg_constraint made on made.conrelid = b.attrelid and made.contype = 'n' and made.conkey[1] = b.attnum
        where k.conrelid = $1::regclass and k.contype = 'n' and k.conname <> made.conname)
     select format('alter table %s rename constraint %I to %I', $2::text, made, between) as statement, 1 as step from named
     union all
     select format('alter table %s rename constraint %I to %I', $2::text, between, name), 2 from named
      order by step`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}
