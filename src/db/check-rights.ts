import { LongshoreError } from '../errors.ts';
import { connectSession } from './session.ts';
import { DATA_SCHEMA, LEDGER_SCHEMA, OWN_SCHEMAS, quoteName } from './sql-names.ts';

const CONNECT_TIMEOUT_MS = 10_000;

interface Rights {
  readonly role: string;
  readonly database: string;
  /** On the database, `create`. */
  readonly mayMakeSchemas: boolean;
  /** null: there is no such schema. */
  readonly mayMakeTables: boolean | null;
  /** Those of our schemas that there are, and whether the role may make tables there. */
  readonly schemas: readonly { readonly name: string; readonly mayUse: boolean }[];
  /** A table of the ledger that belongs to a role that this one is no member of. */
  readonly foreign: string | null;
  readonly owner: string | null;
}

const RIGHTS = `
  select current_user as role, current_database() as database,
         has_database_privilege(current_database(), 'create') as "mayMakeSchemas",
         (select has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')
            from pg_namespace where nspname = $1) as "mayMakeTables",
         coalesce((select json_agg(json_build_object('name', nspname, 'mayUse',
                                     has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')))
                     from pg_namespace where nspname = any ($2)), '[]') as schemas,
         foreign_table.name as "foreign", foreign_table.owner
    from (select 1) one left join lateral (
      select c.oid::regclass::text as name, pg_get_userbyid(c.relowner) as owner
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $3 and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage')
       order by 1 limit 1) foreign_table on true`;

/**
 * Sees that the role may do in this database what Longshore needs, before any of it is done: a refusal in the middle of
 * the schema migrations would only name a statement.
 *
 * @throws LongshoreError `database-rights`, with everything that is missing and the statements that grant it
 */
export async function checkRights(url: string): Promise<void> {
  const client = await connectSession({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  let found: Rights | undefined;
  try {
    const { rows } = await client.query<Rights>(RIGHTS, [DATA_SCHEMA, OWN_SCHEMAS, LEDGER_SCHEMA]);
    found = rows[0];
  } finally {
    await client.end().catch(() => undefined);
  }
  const missing = found === undefined ? [] : missingOf(found);
  if (missing.length > 0) throw rightsMissing(found!.role, missing);
}

/** @param missing each with the statement that mends it */
export function rightsMissing(role: string, missing: readonly string[]): LongshoreError {
  return new LongshoreError('database-rights', `the role "${role}" ${missing.join('; and it ')}`);
}

function missingOf({
  role,
  database,
  mayMakeSchemas,
  mayMakeTables,
  schemas,
  foreign,
  owner,
}: Rights): string[] {
  const to = quoteName(role);
  const absent = OWN_SCHEMAS.filter((name) => !schemas.some((schema) => schema.name === name));
  return [
    ...(absent.length > 0 && !mayMakeSchemas
      ? [`may not make the schema ${absent[0]}: grant create on database ${quoteName(database)} to ${to}`]
      : []),
    ...schemas
      .filter(({ mayUse }) => !mayUse)
      .map(
        ({ name }) =>
          `may not use the schema ${name}: grant usage, create on schema ${quoteName(name)} to ${to}`,
      ),
    ...(mayMakeTables === true ? [] : [tablesFault(mayMakeTables, to)]),
    ...(foreign === null ? [] : [`does not own ${foreign}: grant ${quoteName(owner ?? '')} to ${to}`]),
  ];
}

function tablesFault(mayMakeTables: false | null, to: string): string {
  const schema = quoteName(DATA_SCHEMA);
  return mayMakeTables === null
    ? `has no schema ${DATA_SCHEMA} for its tables: create schema ${schema} authorization ${to}`
    : `may not make tables in the schema ${DATA_SCHEMA}: grant usage, create on schema ${schema} to ${to}`;
}
