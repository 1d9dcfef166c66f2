import type { Sql } from '../db/sql.ts';
import { LEDGER_SCHEMA, quoteName, REPORT_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';

/** The role may read the views of reports, and their versions; nothing else. Roles belong to the whole server. */
export const READER_ROLE = 'longshore_reader';

/** Errors of a race: two processes, or two platforms on one server, may do the same at the same moment. */
const DONE_BY_ANOTHER: readonly (string | undefined)[] = [SQLSTATE.uniqueViolation, SQLSTATE.duplicateObject];
const TRIES = 5;

/**
 * Makes the role that reads reports and grants it what it needs, also for views to come.
 *
 * @returns its name; null where this connection's role may not make roles, or not act as this one
 */
export async function ensureReaderRole(db: Sql): Promise<string | null> {
  try {
    await ensureRole(db);
    await ensureMember(db);
    for (const grant of GRANTS) await retried(() => db.query(grant));
    return READER_ROLE;
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.insufficientPrivilege) return null;
    throw error;
  }
}

const ROLE = quoteName(READER_ROLE);
const SCHEMA = quoteName(REPORT_SCHEMA);
const LEDGER = quoteName(LEDGER_SCHEMA);

const GRANTS: readonly string[] = [
  `grant usage on schema ${SCHEMA}, ${LEDGER} to ${ROLE}`,
  `grant select on all tables in schema ${SCHEMA} to ${ROLE}`,
  `alter default privileges in schema ${SCHEMA} grant select on tables to ${ROLE}`,
  `grant select (name, version) on ${LEDGER}.report to ${ROLE}`,
];

async function ensureRole(db: Sql): Promise<void> {
  const [found] = await db.query('select 1 from pg_roles where rolname = $1', [READER_ROLE]);
  if (found === undefined) await unlessDone(db.query(`create role ${ROLE} nologin`));
}

/** To act as a role one has to be its member; superusers always may. */
async function ensureMember(db: Sql): Promise<void> {
  const [row] = await db.query<{ member: boolean }>("select pg_has_role($1, 'MEMBER') as member", [
    READER_ROLE,
  ]);
  if (!row?.member || !(await mayAct(db))) await unlessDone(db.query(`grant ${ROLE} to current_user`));
}

/** Since PostgreSQL 16 a member may lack the right to act as the role. */
async function mayAct(db: Sql): Promise<boolean> {
  const [version] = await db.query<{ num: number }>(
    "select current_setting('server_version_num')::int as num",
  );
  if ((version?.num ?? 0) < 160_000) return true;
  const [row] = await db.query<{ may: boolean }>("select pg_has_role($1, 'SET') as may", [READER_ROLE]);
  return row?.may ?? false;
}

async function unlessDone(statement: Promise<unknown>): Promise<void> {
  await statement.catch((error) => {
    if (!DONE_BY_ANOTHER.includes(sqlstateOf(error))) throw error;
  });
}

/** Retries on "tuple concurrently updated": another process changed the same grants; the error has no own SQLSTATE. */
async function retried(grant: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await grant();
      return;
    } catch (error) {
      if (tries === TRIES || sqlstateOf(error) !== SQLSTATE.internalError) throw error;
    }
  }
}
