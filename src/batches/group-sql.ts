import { DATA_SCHEMA, LINEAGE_COLUMNS, quoteName, quoteNames, quoteText } from '../db/sql-names.ts';
import { type Part, type Piece, part, type Statement, statement, statementFor } from '../db/statement.ts';
import { uniqueKeysOf } from '../dictionary/unique-keys.ts';
import { gateClosedFor } from '../publish/gate.ts';
import { columnType } from '../rows/column-type.ts';
import { mustFire } from '../tables/must-fire.ts';
import { liveName } from '../tables/table-state.ts';
import type { ForeignKey, Table } from '../types.ts';
import type { BatchMode } from './batch.ts';
import type { GroupShape } from './group-parameters.ts';

/**
 * How references are checked. `triggers`: PostgreSQL's own, a look-up a row. `sets`: each reference of the group once,
 * with the lock that the trigger takes, and the triggers silenced; worth it from some rows on, and only a role that
 * may set `session_replication_role` can.
 */
export type References = 'triggers' | 'sets';

/** Why the statements did not insert the rows. */
export interface Verdict {
  /** An Idempotency-Key of the group is in the ledger. */
  readonly clash: boolean;
  /** A reference leads nowhere. */
  readonly broken: boolean;
  /**
   * The batches have to go in one after the other, since together they could be right where one is not by itself, or
   * the other way round (`inTurn` below). Of a single batch: a merge has a primary key twice, and the second row is a
   * reject.
   */
  readonly inTurn: boolean;
  /** A restore keeps the table closed: nothing goes in, whatever the other flags say. */
  readonly closed: boolean;
}

/** The result for rows that the verdict lets in. */
export interface Put extends Verdict {
  /** Lines of the rows that went in; null: all did. A trigger of the table may keep a row out. */
  readonly kept: readonly number[] | null;
}

export type CommittedRow = Put & { readonly id: number | null; readonly committedAt: Date | null };

/**
 * Writes all of a group without faults in one statement, which is a transaction of its own: its ledger rows, rejects,
 * Idempotency-Keys and rows. If the verdict is against it, or the group is in the ledger already, it writes nothing and
 * returns no `id`; if a primary or unique key is taken it fails.
 *
 * Parameters: `$1` to `$3` see `ledgerParameters`, `$4` workflow ID, `$5` run ID, `$6` table, `$7` mode, `$8…` see
 * `rowParameters`.
 */
export function commitSql(
  table: Table,
  mode: BatchMode,
  references: References,
  shape: GroupShape,
): Statement<CommittedRow> {
  return statementFor`
    with ${lockLive(table)},
    ${LEDGER_INPUT},
    ${rowsInput(table, shape, 8)},
    ${verdictOf(table, mode, references, shape, KEY_CLASH)},
    fresh as (
      insert into longshore.batch_group (workflow_id, run_id, table_name, mode)
      select $4, $5, $6, $7 from verdict where not (clash or broken or in_turn or closed)
      on conflict do nothing returning id, committed_at, table_name, mode),
    ${putRows(table, mode, references, shape)},
    short as (
      select b.id, count(p.line) as kept
        from batches b left join put p on p.line >= b.first_line and p.line < b.first_line + b.sent
       where ${NOT_ALL_PUT} group by b.id),
    ${LEDGER_OUTPUT}
    select ${KEPT} as kept, v.clash, v.broken, v.in_turn as "inTurn", v.closed, f.id::float8 as id, f.committed_at as "committedAt"
      from verdict v left join fresh f on true`;
}

/** Inserts only the rows of the group `$1`, if the verdict allows it, and returns that; `$2…` see `rowParameters`. */
export function putSql(
  table: Table,
  mode: BatchMode,
  references: References,
  shape: GroupShape,
): Statement<Put> {
  return statementFor`
    with ${lockLive(table)},
    ${rowsInput(table, shape, 2)},
    ${verdictOf(table, mode, references, shape, 'false')},
    fresh as materialized (select $1::bigint as id from verdict where not (broken or in_turn or closed)),
    ${putRows(table, mode, references, shape)}
    select ${KEPT} as kept, clash, broken, in_turn as "inTurn", closed from verdict`;
}

const LEDGER_INPUT = `
    batches as materialized (
      select * from json_to_recordset($1::json) as b (
        id text, strict boolean, first_line int, sent int, accepted int, rejected int, discarded int, sent_by text,
        received_at timestamptz, key text, fingerprint text, days int, header text)),
    rejects as materialized (
      select batch_id, index, convert_from(substring($3::bytea from start for bytes), 'UTF8') as row_sent, errors
        from json_to_recordset($2::json) as r (batch_id text, index int, start int, bytes int, errors jsonb))`;

const LEDGER_OUTPUT = part`
    told as (
      insert into longshore.batch (id, group_id, table_name, mode, strict, status, first_line, rows_sent,
                                   rows_accepted, rows_rejected, rows_discarded, sent_by, received_at, header)
      select b.id, f.id, f.table_name, f.mode, strict, 'done', first_line, sent, coalesce(s.kept, accepted), rejected,
             discarded + accepted - coalesce(s.kept, accepted), sent_by, received_at, header
        from fresh f cross join batches b left join short s on s.id = b.id),
    kept as (
      insert into longshore.batch_reject (batch_id, index, row_sent, errors)
      select batch_id, index, row_sent, errors from fresh cross join rejects),
    keyed as (
      insert into longshore.idempotency_key (key_id, key, fingerprint, batch_id, expires_at)
      select b.sent_by, b.key, decode(b.fingerprint, 'hex'), b.id, f.committed_at + b.days * interval '1 day'
        from fresh f cross join batches b where b.key is not null order by b.sent_by, b.key)`;

/** Writes the ledger rows of the batches of the group `$4`; `$1` to `$3` see `ledgerParameters`. */
export const LEDGER_SQL = statement`
    with ${LEDGER_INPUT},
    fresh as materialized (
      select id, committed_at, table_name, mode from longshore.batch_group where id = $4),
    short (id, kept) as (select null, null::bigint where false),
    ${LEDGER_OUTPUT}
    select from fresh`;

const NOT_ALL_PUT = '(select count(*) from put) < (select count(*) from rows)';
const KEPT = `case when ${NOT_ALL_PUT} then array(select line::int from put) end`;

/** Expired keys clash too: `commitCarefully` deletes them. */
const KEY_CLASH = part`exists (
        select from batches b join longshore.idempotency_key k on k.key_id = b.sent_by and k.key = b.key)`;

/**
 * Inserts no row, but takes the table's lock before any other: a publish locks the table and those that it references,
 * and a group that held one of those while waiting for the table would deadlock with it. PostgreSQL takes the
 * lock before the statement's snapshot (read committed), so `closed` is what holds once the lock is held.
 */
function lockLive(table: Table): string {
  const first = quoteNames(table.fields.slice(0, 1).map((field) => field.name));
  return `locked as (insert into ${liveName(table)} (${first}) select null where false)`;
}

function rowsInput(table: Table, { partial }: GroupShape, firstParameter: number): string {
  const types = ['bigint', ...table.fields.map(columnType), ...(partial ? ['text'] : [])];
  const arrays = types.map((type, i) => `$${firstParameter + i}::${type}[]`).join(', ');
  const names = ['line', ...table.fields.map((_, i) => cell(i)), ...(partial ? ['given'] : [])].join(', ');
  if (!partial) return `rows as materialized (select * from unnest(${arrays}) as r (${names}))`;
  // Fields that rows leave out come from the table, so that keys and references are checked as they will be.
  const cells = table.fields.map(({ name }, i) => `${completed(name, i)} as ${cell(i)}`);
  return `sent as materialized (select * from unnest(${arrays}) as r (${names})),
    rows as materialized (
      select r.line, ${cells.join(', ')}, r.given from sent r left join ${liveName(table)} t on ${sameKey(table, 't')})`;
}

/** The field of a row `r`, or of the row `t` of the table where `r` leaves it out. */
function completed(name: string, index: number): string {
  return `case when substr(r.given, ${index + 1}, 1) = '0' then t.${quoteName(name)} else r.${cell(index)} end`;
}

/** Condition that the row `r` has the primary key of a row of the table. */
function sameKey(table: Table, alias: string): string {
  return table.primaryKey
    .map((name) => `${alias}.${quoteName(name)} = r.${cellOf(table, name)}`)
    .join(' and ');
}

/** A generated column name: a field's own could be that of another column. */
function cell(index: number): string {
  return `c${index}`;
}

function cellOf(table: Table, name: string): string {
  return cell(table.fields.findIndex((field) => field.name === name));
}

function verdictOf(
  table: Table,
  mode: BatchMode,
  references: References,
  shape: GroupShape,
  clash: Piece,
): Part {
  const keys = references === 'sets' ? table.foreignKeys : [];
  const broken = keys.map(
    (_, nth) => `(select count(*) from wanted_${nth}) <> (select count(*) from found_${nth})`,
  );
  const found = keys.flatMap((foreignKey, nth) => lookUp(table, foreignKey, nth));
  return part`${found.map((text) => `${text},\n    `).join('')}verdict as materialized (
      select ${clash} as clash, ${broken.join(' or ') || 'false'} as broken,
             ${inTurn(table, mode, shape).join(' or ') || 'false'} as in_turn, ${gateClosedFor(table.name)} as closed)${
               references === 'sets' ? `,\n    ${silenced(table, mode)}` : ''
             }`;
}

/**
 * Conditions under which batches can't go in together. They take effect in their order, each as a set: a value that one
 * of them takes may be given up by itself, but not by a later one. Where that is not sure, they go in one by one:
 *
 * - a merge has a primary key twice: of two batches the later one wins, but the earlier one has to obey the rules;
 * - a merge brings a unique value that another row of the table has, which some row may be about to give up. Where
 *   rows have all fields they go in by their order, and PostgreSQL says so;
 * - a row refers to one of its own table that is not there yet, nor before it among these.
 */
function inTurn(table: Table, mode: BatchMode, { several, partial }: GroupShape): string[] {
  const cells = (fields: readonly string[]) => fields.map((name) => cellOf(table, name));
  const agree = (alias: string, names: readonly string[], with_: readonly string[]) =>
    names.map((name, i) => `${alias}.${quoteName(name)} = r.${with_[i]}`).join(' and ');
  const conditions: string[] = [];
  if (mode === 'merge') {
    // `offset` keeps each value a look-up in the index: a join may read the whole table.
    const key = cells(table.primaryKey);
    conditions.push(`exists (select from rows group by ${key.join(', ')} having count(*) > 1)`);
    for (const { fields } of several && partial ? uniqueKeysOf(table) : []) {
      conditions.push(`exists (
        select from rows r where exists (
          select from ${liveName(table)} t
           where ${agree('t', fields, cells(fields))} and not (${agree('t', table.primaryKey, key)}) offset 0))`);
    }
  }
  for (const { fields, reference } of several ? table.foreignKeys : []) {
    if (reference.table !== table.name) continue;
    const from = cells(fields);
    const before = cells(reference.fields).map((name, i) => `b.${name} = r.${from[i]}`);
    conditions.push(`exists (
        select from rows r
         where ${from.map((name) => `r.${name} is not null`).join(' and ')}
           and not exists (select from ${liveName(table)} t where ${agree('t', reference.fields, from)})
           and not exists (select from rows b where ${before.join(' and ')} and b.line <= r.line))`);
  }
  return conditions;
}

/** The query of PostgreSQL's own trigger (ri_triggers.c), once a reference; MATCH SIMPLE: not where a field is null. */
function lookUp(table: Table, { fields, reference }: ForeignKey, nth: number): string[] {
  const cells = fields.map((name) => cellOf(table, name));
  const present = cells.map((name) => `${name} is not null`).join(' and ');
  const same = cells.map((name, i) => `p.${quoteName(reference.fields[i] ?? '')} = w.${name}`).join(' and ');
  return [
    `wanted_${nth} as materialized (select distinct ${cells.join(', ')} from rows where ${present})`,
    `found_${nth} as materialized (
      select from wanted_${nth} w join only ${quoteName(DATA_SCHEMA, reference.table)} p on ${same}
         for key share of p)`,
  ];
}

/**
 * Switches triggers off until the transaction ends, unless there are some that have to fire: those of users, and in a
 * merge those that enforce references to a key that the merge may change. This is queried each time: it costs a
 * twentieth of a millisecond, and the lock on the table is held by now, so that no trigger can be added.
 */
function silenced(table: Table, mode: BatchMode): string {
  const live = `(select c.oid from pg_class c where c.relname = ${quoteText(table.name)}
                    and c.relnamespace = '${DATA_SCHEMA}'::regnamespace)`;
  const watchers = `and not exists (
         select from pg_constraint f
          where f.confrelid = ${live} and f.contype = 'f'
            and not f.confkey <@ (select p.conkey from pg_constraint p where p.conrelid = ${live} and p.contype = 'p'))`;
  return `silenced as materialized (
      select set_config('session_replication_role', 'replica', true) from verdict
       where not (clash or broken or in_turn or closed)
         and not ${mustFire(live, table)}
         ${mode === 'merge' ? watchers : ''})`;
}

/** The CTE `put`, and those that it depends on. */
function putRows(table: Table, mode: BatchMode, references: References, shape: GroupShape): string {
  const names = table.fields.map((field) => field.name);
  const columns = quoteNames([...names, ...LINEAGE_COLUMNS]);
  const cells = names.map((_, i) => cell(i)).join(', ');
  // The count forces the triggers to be silenced before the first row.
  const quiet = references === 'sets' ? 'cross join (select count(*) from silenced) s' : '';
  const insert = `insert into ${liveName(table)} as own_row (${columns})
      select ${cells}, f.id, r.line from rows r cross join fresh f ${quiet}`;
  if (mode === 'append') return `put as (${insert} returning _line as line)`;
  const key = table.primaryKey.map((name) => cellOf(table, name)).join(', ');
  if (shape.partial) {
    return `${updateRows(table)},
    inserted as (
      ${insert} where not exists (select from held h where ${sameKey(table, 'h')}) order by ${key}
      returning _line as line),
    put as (select line from updated union all select line from inserted)`;
  }
  const rest = [...names.filter((name) => !table.primaryKey.includes(name)), ...LINEAGE_COLUMNS];
  const set = rest.map((name) => `${quoteName(name)} = excluded.${quoteName(name)}`).join(', ');
  // Rows go in the order of keys, so that two merges can't deadlock; but where unique keys matter, in the order of
  // batches, so that a value which a later batch gives up is not free for an earlier one.
  const order = shape.several && uniqueKeysOf(table).length > 0 ? 'r.line' : key;
  return `put as (${insert} order by ${order}
      on conflict (${quoteNames(table.primaryKey)}) do update set ${set} returning _line as line)`;
}

/**
 * Updates rows that the table has, where some leave fields out: an upsert would refuse a row without a required field
 * before it finds that the table has it. Rows are locked in the order of keys, as by an upsert.
 */
function updateRows(table: Table): string {
  const live = liveName(table);
  const key = table.primaryKey.map((name) => `t.${quoteName(name)}`).join(', ');
  const set = table.fields.flatMap(({ name }, i) =>
    table.primaryKey.includes(name) ? [] : [`${quoteName(name)} = ${completed(name, i)}`],
  );
  return `held as materialized (
      select ${key} from ${live} t join rows r on ${sameKey(table, 't')} order by ${key} for no key update of t),
    updated as (
      update ${live} t set ${[...set, '_load_id = f.id', '_line = r.line'].join(', ')}
        from rows r cross join fresh f cross join (select count(*) from held) h
       where ${sameKey(table, 't')} returning t._line as line)`;
}
