import type { Sql } from '../db/sql.ts';
import { quoteName, quoteText } from '../db/sql-names.ts';
import { isRefusal } from '../db/sqlstate.ts';
import { liveName } from '../tables/table-state.ts';
import type { LoadMode, Table } from '../types.ts';
import { present, type RowsToCheck, rejectRows, type SetFault } from './reject-rows.ts';

/**
 * Rejects rows that PostgreSQL would refuse by rules that were added to the table beside the dictionary: NOT NULL,
 * checks, unique keys and indexes, and references. Each rule is one statement over all rows, made from the catalogs.
 * Rules that can't be checked that way (exclusions, domains, triggers, policies) are left to `findRefused`, as are all
 * rules where a trigger or a rewrite rule may change a row before it is checked.
 *
 * @returns how many rows left and became rejects
 */
export async function rejectByCatalog(
  tx: Sql,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  const live = liveName(table);
  const columns = table.fields.map(({ name }) => name);
  const [changed] = await tx.query(
    `select from pg_class c where oid = $1::regclass
        and (exists (select from pg_rewrite where ev_class = c.oid)
          or exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal and tgenabled <> 'D' and tgtype & 2 = 2))`,
    [live],
  );
  if (changed) return 0;
  const unique = await uniqueRules(tx, table, live, columns);
  const rules: SetFault[] = [
    ...(await notNullRules(tx, live, columns, rows)),
    ...(await checkRules(tx, live, columns, rows)),
    ...(await referenceRules(tx, table, live, columns, mode, rows)),
  ];
  let total = await tryRules(tx, rows, rules);
  for (const one of unique) {
    total += await tryRules(tx, rows, [sameInRows(one, rows)]);
    if (mode !== 'replace') total += await tryRules(tx, rows, [sameInTable(one, table, mode, rows)]);
  }
  return total;
}

/** An expression that fails on one row hides the others: the rule is left to PostgreSQL then. */
async function tryRules(tx: Sql, rows: RowsToCheck, rules: readonly SetFault[]): Promise<number> {
  let total = 0;
  for (const rule of rules) {
    await tx.query('savepoint rule');
    try {
      total += await rejectRows(tx, rows, [rule]);
      await tx.query('release savepoint rule');
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await tx.query('rollback to savepoint rule');
    }
  }
  return total;
}

async function notNullRules(
  tx: Sql,
  live: string,
  columns: readonly string[],
  rows: RowsToCheck,
): Promise<SetFault[]> {
  const found = await tx.query<{ column: string; name: string | null }>(
    `select a.attname::text as column,
            (select conname::text from pg_constraint
              where conrelid = a.attrelid and contype = 'n' and conkey[1] = a.attnum) as name
       from pg_attribute a
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attnotnull and attname = any ($2)
      order by attnum`,
    [live, columns],
  );
  return found.map(({ column, name }) => ({
    fields: [column],
    code: 'constraint-error',
    faulty: `
      select s.ctid as at, s._line as line, ${quoteText(refusedBy(name, 'NOT NULL'))} as message
        from ${rows.table} s where s.${quoteName(column)} is null`,
  }));
}

async function checkRules(
  tx: Sql,
  live: string,
  columns: readonly string[],
  rows: RowsToCheck,
): Promise<SetFault[]> {
  const found = await tx.query<{ name: string; definition: string; expression: string; fields: string[] }>(
    `select conname::text as name, pg_get_constraintdef(k.oid) as definition,
            pg_get_expr(conbin, conrelid) as expression, f.fields
       from pg_constraint k, lateral (${columnsOf('k.conrelid', 'k.conkey')}) f
      where conrelid = $1::regclass and contype = 'c' and f.fields <@ $2::text[] and not 0 = any (k.conkey)
        and ${ENFORCED} order by conname`,
    [live, columns],
  );
  return found.map(({ name, definition, expression, fields }) => ({
    fields,
    code: 'constraint-error',
    faulty: `
      select s.ctid as at, s._line as line, ${quoteText(refusedBy(name, definition))} as message
        from ${rows.table} s where not (${expression})`,
  }));
}

interface Reference {
  readonly name: string;
  readonly parent: string;
  readonly self: boolean;
  readonly full: boolean;
  readonly fields: string[];
  readonly others: string[];
}

async function referenceRules(
  tx: Sql,
  table: Table,
  live: string,
  columns: readonly string[],
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<SetFault[]> {
  const found = await tx.query<{ [member in keyof Reference]: Reference[member] }>(
    `select conname::text as name, confrelid::regclass::text as parent, confrelid = conrelid as self,
            confmatchtype = 'f' as full, f.fields, o.fields as others
       from pg_constraint k, lateral (${columnsOf('k.conrelid', 'k.conkey')}) f,
            lateral (${columnsOf('k.confrelid', 'k.confkey')}) o
      where conrelid = $1::regclass and contype = 'f' and conparentid = 0 and f.fields <@ $2::text[]
        and ${ENFORCED} and to_jsonb(k)->>'conperiod' is distinct from 'true'
        and not exists (select from pg_trigger where tgconstraint = k.oid and tgenabled = 'D')
      order by conname`,
    [live, columns],
  );
  const unknown = found.filter((one) => one.full || !isInDictionary(table, one));
  return unknown.map(({ name, parent, self, full, fields, others }) => {
    const same = fields.map((field, i) => `r.${quoteName(others[i]!)} = s.${quoteName(field)}`).join(' and ');
    const homes = [...(self && mode === 'replace' ? [] : [parent]), ...(self ? [rows.table] : [])];
    const nowhere = homes.map((home) => `not exists (select from ${home} r where ${same})`).join(' and ');
    const all = present('s', fields);
    const some = fields.map((field) => `s.${quoteName(field)} is not null`).join(' or ');
    const broken = `(${all}) and ${nowhere}`;
    const where = full ? `(${broken}) or (not (${all}) and (${some}))` : broken;
    const shown = shownOrNull(fields, others);
    return {
      fields,
      code: 'foreign-key',
      faulty: `
        select s.ctid as at, s._line as line,
               ${quoteText(`no row of ${parent} has `)} || ${shown} || ${quoteText(` (constraint ${name})`)} as message
          from ${rows.table} s where ${where}`,
    };
  });
}

function isInDictionary(table: Table, { parent, fields, others }: Reference): boolean {
  const pairs = (from: readonly string[], to: readonly string[]) =>
    JSON.stringify(from.map((field, i) => [field, to[i]]).sort());
  return table.foreignKeys.some(
    ({ fields: own, reference }) =>
      [reference.table, quoteName(reference.table)].includes(parent) &&
      pairs(own, reference.fields) === pairs(fields, others),
  );
}

interface UniqueRule {
  readonly name: string;
  /** Its columns, when it has no expressions. */
  readonly fields: string[];
  /** SQL over a row's columns. */
  readonly expressions: string[];
  readonly predicate: string | null;
  readonly nullsDistinct: boolean;
}

/** Unique indexes other than the dictionary's keys. */
async function uniqueRules(
  tx: Sql,
  table: Table,
  live: string,
  columns: readonly string[],
): Promise<UniqueRule[]> {
  const found = await tx.query<{ [member in keyof UniqueRule]: UniqueRule[member] }>(
    `select i.indexrelid::regclass::text as name, f.fields, e.expressions,
            pg_get_expr(i.indpred, i.indrelid) as predicate, not i.indnullsnotdistinct as "nullsDistinct"
       from pg_index i,
            lateral (${columnsOf('i.indrelid', '(i.indkey::int2[])[0:i.indnkeyatts - 1]')}) f,
            lateral (select array_agg(pg_get_indexdef(i.indexrelid, n, false) order by n) as expressions
                       from generate_series(1, i.indnkeyatts) n) e
      where i.indrelid = $1::regclass and i.indisunique and i.indisready
        and not exists (
          select from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
           where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = i.indrelid
             and not (a.attname = any ($2)))
      order by 1`,
    [live, columns],
  );
  const known = new Set(dictionaryKeys(table));
  return found.filter(
    ({ fields, expressions, predicate, nullsDistinct }) =>
      predicate !== null ||
      !nullsDistinct ||
      fields.length < expressions.length ||
      !known.has(JSON.stringify([...fields].sort())),
  );
}

function dictionaryKeys({ primaryKey, fields, uniqueKeys }: Table): string[] {
  const single = fields.filter(({ constraints }) => constraints.unique).map(({ name }) => [name]);
  return [primaryKey, ...single, ...uniqueKeys].map((key) => JSON.stringify([...key].sort()));
}

/** SQL of a query that gives an index key as `k0`, `k1`, … from the columns of the outer row; no row without an entry. */
function keyOf({ expressions, predicate }: UniqueRule): string {
  const keys = expressions.map((expression, n) => `${expression} as k${n}`).join(', ');
  return `lateral (select ${keys} ${predicate === null ? '' : `where ${predicate}`}) e`;
}

function sameInRows(rule: UniqueRule, rows: RowsToCheck): SetFault {
  const keys = rule.expressions.map((_, n) => `k${n}`);
  return {
    fields: rule.fields,
    code: 'unique-error',
    faulty: `
      select s.at, s.line, ${shownEntry(rule)} || ${quoteText(` ${rows.sameAs} `)} || s.first
                           || ${quoteText(` (index ${rule.name})`)} as message
        from (select s.ctid as at, s._line as line, e.*,
                     first_value(s._line) over same as first, row_number() over same as nth
                from ${rows.table} s, ${keyOf(rule)} ${rule.nullsDistinct ? `where ${present('e', keys)}` : ''}
              window same as (partition by ${keys.map((key) => `e.${key}`).join(', ')} order by s._line)) s
       where s.nth > 1`,
  };
}

/** A merge replaces the rows whose primary key it brings, so that their values are free again. */
function sameInTable(rule: UniqueRule, table: Table, mode: LoadMode, rows: RowsToCheck): SetFault {
  const operator = rule.nullsDistinct ? '=' : 'is not distinct from';
  const same = rule.expressions.map((_, n) => `s.k${n} ${operator} e.k${n}`).join(' and ');
  const primary = table.primaryKey.map((name) => `n.${quoteName(name)} = t.${quoteName(name)}`).join(' and ');
  const stays = mode === 'merge' ? `and not exists (select from ${rows.table} n where ${primary})` : '';
  return {
    fields: rule.fields,
    code: 'unique-error',
    faulty: `
      select s.at, s.line, ${shownEntry(rule)} || ${quoteText(` is in the table already (index ${rule.name})`)} as message
        from (select s.ctid as at, s._line as line, e.* from ${rows.table} s, ${keyOf(rule)}) s
       where exists (select from ${liveName(table)} t, ${keyOf(rule)} where ${same} ${stays})`,
  };
}

function shownEntry({ fields, expressions }: UniqueRule): string {
  const plain = fields.length === expressions.length;
  return shownOrNull(
    expressions.map((_, n) => `k${n}`),
    plain ? fields : expressions,
  );
}

/** As `shownKey`, where a part of the key may be null. */
function shownOrNull(columns: readonly string[], names: readonly string[]): string {
  return columns
    .map(
      (column, i) =>
        `${quoteText(`${names[i]} `)} || coalesce(left(s.${quoteName(column)}::text, 60), 'null')`,
    )
    .join(` || ', ' || `);
}

function refusedBy(name: string | null, rule: string): string {
  return `expected ${rule}${name === null ? '' : ` (constraint ${name})`}, as the table in PostgreSQL has it`;
}

/** SQL: the names of columns by their numbers, in that order; those of expressions (0) are left out. */
function columnsOf(relation: string, numbers: string): string {
  return `select coalesce(array_agg(a.attname::text order by c.nth), '{}') as fields
            from unnest(${numbers}) with ordinality c (no, nth)
            join pg_attribute a on a.attrelid = ${relation} and a.attnum = c.no`;
}

/** PostgreSQL 18 has constraints that are not enforced. */
const ENFORCED = `to_jsonb(k)->>'conenforced' is distinct from 'false'`;
