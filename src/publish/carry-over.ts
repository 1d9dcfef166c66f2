import type { Sql } from '../db/sql.ts';

/** What a relation that takes another's place gets from it; PostgreSQL quotes what the statements name. */

/** Statements that give `to` the owner and the grants of `from`. */
export async function privileges(db: Sql, from: string, to: string): Promise<string[]> {
  const rows = await db.query<{ statement: string }>(
    `with live as (select * from pg_class where oid = $1::regclass)
     select format('alter table %s owner to %s', $2::text, relowner::regrole) as statement, 1 as step
       from live where relowner <> current_user::regrole
     union all
     select format('grant %s on %s to %s%s', a.privilege_type, $2::text,
                   case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
                   case when a.is_grantable then ' with grant option' else '' end), 2
       from live, aclexplode(relacl) a
      order by step`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}

/** Statements that give the table `to` the comments of the table `from`. */
export async function comments(db: Sql, from: string, to: string): Promise<string[]> {
  const rows = await db.query<{ statement: string }>(
    `select format('comment on table %s is %L', $2::text, obj_description(oid, 'pg_class')) as statement
       from pg_class where oid = $1::regclass and obj_description(oid, 'pg_class') is not null
     union all
     select format('comment on column %s.%I is %L', $2::text, c.attname, col_description(c.attrelid, c.attnum))
       from pg_attribute c
      where c.attrelid = $1::regclass and c.attnum > 0 and not c.attisdropped
        and col_description(c.attrelid, c.attnum) is not null`,
    [from, to],
  );
  return rows.map((row) => row.statement);
}
