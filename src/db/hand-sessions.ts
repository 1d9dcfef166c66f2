import type { Sql } from './sql.ts';
import { DATA_SCHEMA, OWN_SCHEMAS, quoteName } from './sql-names.ts';
import { sqlstateOf } from './sqlstate.ts';

/** Where a session of the role begins that sets nothing, as psql's. */
export interface HandSessions {
  readonly role: string;
  /** The platform's own schema in which it began. */
  readonly schema: string;
  /** It begins in `public` now; false: the role may not set that. */
  readonly changed: boolean;
}

/**
 * Lets sessions by hand begin in the schema of the data tables. PostgreSQL's default search path begins with the schema
 * that is called as the role is: for a role named `longshore` that is the ledger's, and a table that somebody makes with
 * psql would stand among the ledger's. A path that somebody has chosen stays. Longshore's own sessions set theirs.
 *
 * @returns null where they begin elsewhere
 */
export async function settleHandSessions(db: Sql): Promise<HandSessions | null> {
  const [found] = await db.query<{ role: string; schema: string; database: string }>(FOUND, [OWN_SCHEMAS]);
  if (!found) return null;
  const { role, schema, database } = found;
  try {
    await db.query(
      `alter role session_user in database ${quoteName(database)} set search_path = ${DATA_SCHEMA}`,
    );
    return { role, schema, changed: true };
  } catch (error) {
    // The role lacks the right, or another process does the same at this moment: the next start looks again.
    if (sqlstateOf(error) === undefined) throw error;
    return { role, schema, changed: false };
  }
}

const FOUND = `
  select session_user::text as role, current_user::text as schema, current_database()::text as database
    from pg_namespace n
   where n.nspname = current_user and n.nspname = any ($1)
     and not exists (
       select from pg_db_role_setting s, unnest(s.setconfig) entry
        where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
          and s.setrole in (0, session_user::regrole) and entry like 'search_path=%')`;
