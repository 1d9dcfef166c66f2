import type { Sql } from './sql.ts';
import { type ServerError, serverErrorOf } from './sqlstate.ts';

/** A function of the database's that an error was raised in, as the catalogs have it. */
export interface RaisedIn {
  readonly schema: string;
  readonly name: string;
  /** Its text. No value of a row is part of it. */
  readonly source: string;
  /** What calls it, as PostgreSQL describes it: `trigger audit on table jobs`. */
  readonly usedBy: readonly string[];
}

const explained = new WeakMap<ServerError, readonly RaisedIn[]>();
/** What was found for one transaction, in which many rows may be refused by the same function. */
const foundIn = new WeakMap<Pick<Sql, 'query'>, Map<string, readonly RaisedIn[]>>();

/** Users of a function that are named. */
const NAMED_USERS = 3;

/**
 * Looks up which functions an error was raised in, and what calls them, for `refusalOf`. An error that can not be
 * explained, since the catalogs can not be read at the moment, only loses words.
 *
 * @param sql no transaction that the error has aborted
 */
export async function explainRaised(sql: Pick<Sql, 'query'>, error: unknown): Promise<void> {
  const fault = serverErrorOf(error);
  if (fault === undefined || explained.has(fault)) return;
  const called = functionsIn(fault.where ?? '');
  if (called.length === 0) return;
  const known = foundIn.get(sql) ?? new Map<string, readonly RaisedIn[]>();
  foundIn.set(sql, known);
  const key = JSON.stringify(called);
  const found = known.get(key) ?? (await lookUp(sql, called).catch(() => []));
  known.set(key, found);
  explained.set(fault, found);
}

/** Innermost first; empty: in none, or it was not looked up. */
export function raisedIn(fault: ServerError): readonly RaisedIn[] {
  return explained.get(fault) ?? [];
}

/** Whether the error has a function in its context. */
export function isInFunction({ where }: ServerError): boolean {
  return functionsIn(where ?? '').length > 0;
}

interface Called {
  /** With the types of its arguments; null: only its name is told. */
  readonly signature: string | null;
  readonly name: string;
}

/**
 * The functions of a context: lines such as `PL/pgSQL function audit() line 3 at RAISE` and `SQL function "total" statement 1`.
 * Others may look like one, since a statement is quoted in full: what is no function is not found in the catalogs.
 */
function functionsIn(where: string): readonly Called[] {
  return where.split('\n').flatMap((line): readonly Called[] => {
    if (!line.startsWith('PL/') && !line.startsWith('SQL function ')) return [];
    const at = line.indexOf(' function ');
    if (at < 0) return [];
    const rest = line.slice(at + ' function '.length);
    const quotedEnd = rest.startsWith('"') ? rest.indexOf('" ', 1) : -1;
    if (quotedEnd > 0 || (rest.startsWith('"') && rest.endsWith('"'))) {
      return [{ signature: null, name: rest.slice(1, quotedEnd > 0 ? quotedEnd : -1) }];
    }
    const end = rest.indexOf(')');
    return end < 0 ? [] : [{ signature: rest.slice(0, end + 1), name: '' }];
  });
}

/** A check, a default, a trigger, a rule or a view calls it; those of stages are copies. */
const LOOK_UP = `
  select n.nspname::text as schema, p.proname::text as name, p.prosrc as source,
         array(select description
                 from (select distinct pg_describe_object(classid, objid, objsubid) as description from pg_depend
                        where refclassid = 'pg_proc'::regclass and refobjid = p.oid and deptype in ('n', 'a')
                          and classid in ('pg_trigger'::regclass, 'pg_constraint'::regclass, 'pg_rewrite'::regclass,
                                          'pg_attrdef'::regclass)) users
                where description not like '%longshore_stage.%' order by 1 limit ${NAMED_USERS + 1}) as "usedBy"
    from unnest($1::text[], $2::text[]) with ordinality called (signature, name, no)
    join pg_proc p on case when signature is null then p.proname = called.name
                           else p.oid = to_regprocedure(signature) end
    join pg_namespace n on n.oid = p.pronamespace
   order by no`;

async function lookUp(
  { query }: Pick<Sql, 'query'>,
  called: readonly Called[],
): Promise<readonly RaisedIn[]> {
  const rows = await query<{ schema: string; name: string; source: string; usedBy: string[] }>(LOOK_UP, [
    called.map(({ signature }) => signature),
    called.map(({ name }) => name),
  ]);
  return rows.map(({ schema, name, source, usedBy }) => {
    const more = usedBy.length > NAMED_USERS ? ['others'] : [];
    return { schema, name, source, usedBy: [...usedBy.slice(0, NAMED_USERS), ...more] };
  });
}
