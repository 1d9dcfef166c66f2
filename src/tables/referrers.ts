import type { Sql } from '../db/sql.ts';
import { quoteName, quoteText } from '../db/sql-names.ts';

/** A foreign key of another table that points at this one: dropped before the rows are replaced, and made again. */
export interface Referrer {
  /** Quoted and qualified. */
  readonly table: string;
  readonly name: string;
  readonly definition: string;
  readonly comment: string | null;
  /** Its triggers that do not fire as new ones do (`alter table … disable trigger`), by their functions. */
  readonly firing: readonly { readonly function: string; readonly enabled: 'D' | 'R' | 'A' }[];
}

/** Condition on a foreign key `k`. */
const OF_OTHERS = 'k.conrelid <> k.confrelid';

/**
 * Reads foreign keys without those of partitions, which come and go with their partitioned table's.
 * @param which condition on a foreign key `k` that points at the table `$1`
 */
export async function readReferrers(tx: Sql, live: string, which = OF_OTHERS): Promise<readonly Referrer[]> {
  return tx.query<{ [member in keyof Referrer]: Referrer[member] }>(
    `select conrelid::regclass::text as "table", conname as name, pg_get_constraintdef(oid) as definition,
            obj_description(oid, 'pg_constraint') as comment,
            (select coalesce(jsonb_agg(jsonb_build_object('function', tgfoid::regproc, 'enabled', tgenabled)), '[]')
               from pg_trigger where tgconstraint = k.oid and tgenabled <> 'O') as firing
       from pg_constraint k
      where confrelid = $1::regclass and (${which}) and contype = 'f' and conparentid = 0
      order by conrelid::regclass::text, conname`,
    [live],
  );
}

export async function dropReferrer(tx: Sql, r: Pick<Referrer, 'table' | 'name'>): Promise<void> {
  await tx.query(`alter table ${r.table} drop constraint ${quoteName(r.name)}`);
}

/** Adds the foreign key again as it was, which checks it. */
export async function addReferrer(tx: Sql, r: Referrer): Promise<void> {
  await tx.query(addConstraint(r));
  if (r.comment !== null) {
    await tx.query(`comment on constraint ${quoteName(r.name)} on ${r.table} is ${quoteText(r.comment)}`);
  }
  if (r.firing.length === 0) return;
  const triggers = await tx.query<{ statement: string }>(
    `select format('alter table %s %s trigger %I', tgrelid::regclass,
                   case f.enabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end,
                   tgname) as statement
       from jsonb_to_recordset($3::jsonb) as f (function text, enabled text)
       join pg_trigger on tgfoid = f.function::regproc
        and tgconstraint = (select oid from pg_constraint where conrelid = $1::regclass and conname = $2)`,
    [r.table, r.name, JSON.stringify(r.firing)],
  );
  for (const { statement } of triggers) await tx.query(statement);
}

export function addConstraint(r: Pick<Referrer, 'table' | 'name' | 'definition'>): string {
  return `alter table ${r.table} add constraint ${quoteName(r.name)} ${r.definition}`;
}
