import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { DATA_SCHEMA } from '../db/sql-names.ts';
import { postgresAppPasswordPath, writeFileAtomically } from '../runtime/home.ts';
import { READER_ROLE } from '../tables/reader-role.ts';
import { POSTGRES_DATABASE } from './postgres-cluster.ts';

/**
 * What Longshore's own processes connect as: it owns its database and nothing else, and is no superuser, so that no
 * statement of theirs can read the host's files, run programs (`COPY … PROGRAM`) or change the server. The superuser
 * that `initdb` made is for who administers the server, and for the supervisor at a start.
 */
export const POSTGRES_APP_ROLE = 'longshore_app';

/** Made at the first start that needs it; stays. */
export function appPassword(home: string): string {
  const path = postgresAppPasswordPath(home);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const password = randomBytes(24).toString('base64url');
  writeFileAtomically(path, `${password}\n`, 0o600);
  return password;
}

/**
 * Makes the database and its role where they are missing, and gives the role what a superuser made there, as starts of
 * earlier versions did. Idempotent.
 *
 * @param adminUrl of the superuser, for any database of the server
 */
export async function ensureAppRole(adminUrl: (database: string) => string, password: string): Promise<void> {
  await run(adminUrl('postgres'), async (client) => {
    await ensureRole(client, POSTGRES_APP_ROLE, `login password ${pg.escapeLiteral(password)}`);
    // So that the role need not be able to make roles: see `ensureReaderRole`.
    await ensureRole(client, READER_ROLE, 'nologin');
    await client.query(`grant ${READER_ROLE} to ${POSTGRES_APP_ROLE}`);
    // Appends check references as sets and switch the triggers off that would check them row by row.
    await client.query(`grant set on parameter session_replication_role to ${POSTGRES_APP_ROLE}`);
    const found = await client.query('select 1 from pg_database where datname = $1', [POSTGRES_DATABASE]);
    await client.query(
      found.rowCount === 0
        ? `create database ${POSTGRES_DATABASE} owner ${POSTGRES_APP_ROLE}`
        : `alter database ${POSTGRES_DATABASE} owner to ${POSTGRES_APP_ROLE}`,
    );
  });
  await run(adminUrl(POSTGRES_DATABASE), async (client) => {
    await client.query(HAND_OVER);
    await client.query(BEGIN_IN_PUBLIC);
  });
}

async function ensureRole(client: pg.Client, role: string, options: string): Promise<void> {
  const found = await client.query('select 1 from pg_roles where rolname = $1', [role]);
  await client.query(`${found.rowCount === 0 ? 'create' : 'alter'} role ${role} ${options}`);
}

/**
 * What the superuser owns in this database, but not what `initdb` made (PostgreSQL gives out OIDs from 16384 on) and
 * what belongs to an extension or follows its table. `reassign owned` refuses the role of `initdb`. Publications of all
 * tables and event triggers need a superuser, and stay its own.
 */
const HAND_OVER = `
  do $$
  declare
    one record;
  begin
    for one in
      select i.type, i.identity
        from (select 'pg_namespace'::regclass as class, oid, nspowner as owner from pg_namespace
              union all
              select 'pg_class'::regclass, c.oid, relowner from pg_class c
               where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                 and not (relkind = 'S' and exists (select from pg_depend d
                           where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))
              union all
              select 'pg_proc'::regclass, oid, proowner from pg_proc
              union all
              select 'pg_type'::regclass, t.oid, typowner from pg_type t
               where typtype in ('d', 'e', 'r')
                  or typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c')
              union all
              select 'pg_collation'::regclass, oid, collowner from pg_collation
              union all
              select 'pg_operator'::regclass, oid, oprowner from pg_operator
              union all
              select 'pg_statistic_ext'::regclass, oid, stxowner from pg_statistic_ext) o,
             pg_identify_object(o.class, o.oid, 0) i
       where o.owner = (select oid from pg_roles where rolname = current_user) and o.oid >= 16384
         and not exists (select from pg_depend d
                          where d.classid = o.class and d.objid = o.oid and d.deptype = 'e')
         and i.identity !~ '^pg_(toast|temp)'
    loop
      execute format('alter %s %s owner to ${POSTGRES_APP_ROLE}',
                     case one.type when 'composite type' then 'type' when 'statistics object' then 'statistics' else one.type end, one.identity);
    end loop;
  end
  $$`;

/**
 * Sessions of any role begin among the data tables: by PostgreSQL's default those of the superuser, which is called as
 * the ledger's schema, would begin there, and make tables there. A search path that somebody chose stays.
 */
const BEGIN_IN_PUBLIC = `
  do $$
  begin
    if not exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase,
                               unnest(s.setconfig) entry
                    where d.datname = current_database() and s.setrole = 0 and entry like 'search_path=%') then
      execute format('alter database %I set search_path = ${DATA_SCHEMA}', current_database());
    end if;
  end
  $$`;

async function run(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
