import { LockMode } from '@mikro-orm/postgresql';
import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { type Part, part, statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { LoadEntity } from '../ledger/load-entities.ts';
import type { RejectCode } from '../types.ts';
import type { RawReject } from './rejects.ts';

/**
 * A load's first rejects, by line, are kept with their record and errors; the others are only counted, by field and rule
 * (`longshore.reject_rest`), and in total (`rejects_dropped`). So neither a wrong file nor an attacker fills the disk.
 *
 * Chunks are loaded concurrently. Each keeps as many as the finished chunks before it leave room for, which is never too
 * few; the excess, few chunks' worth, is dropped after a check and at the load's end.
 */

const COUNT_BEFORE = statement<{ n: number }>`
  select count(*)::int as n from (
    select from longshore.reject where load_id = $1 and line < $2 limit $3) r`;

/** How many rejects of the load, at this line or later, still have to be kept. */
export async function roomForRejects(
  tx: Sql,
  { loadId, firstLine, keep }: { readonly loadId: number; readonly firstLine: number; readonly keep: number },
): Promise<number> {
  const [before] = await tx.query(COUNT_BEFORE, [loadId, firstLine, keep]);
  return keep - (before?.n ?? 0);
}

/** Takes the first rejects of a chunk, and counts the others. */
export class RejectRoom {
  /** Count of rejects that were not kept. */
  dropped = 0;
  #room: number;
  readonly #errors = new Map<string, { code: string; field: string; errors: number }>();

  constructor(room: number) {
    this.#room = room;
  }

  /** @returns the rejects to keep */
  take(rejects: readonly RawReject[]): readonly RawReject[] {
    const kept = rejects.slice(0, this.#room);
    this.#room -= kept.length;
    for (const { code, field } of rejects.slice(kept.length).flatMap(({ errors }) => errors)) {
      this.#count(code, field ?? '', 1);
    }
    this.dropped += rejects.length - kept.length;
    return kept;
  }

  /** A copy with the room as it is now and nothing counted, for a part that may be rolled back. */
  fork(): RejectRoom {
    return new RejectRoom(this.#room);
  }

  /** Adds what such a part has kept and counted. */
  join(part: RejectRoom): void {
    this.#room = part.#room;
    this.dropped += part.dropped;
    for (const { code, field, errors } of part.#errors.values()) this.#count(code, field, errors);
  }

  #count(code: string, field: string, errors: number): void {
    const known = this.#errors.get(`${code} ${field}`);
    if (known) known.errors += errors;
    else this.#errors.set(`${code} ${field}`, { code, field, errors });
  }

  /** Must be last in the chunk's transaction: other chunks that count the same wait for its end from here on. */
  async write(tx: Sql, loadId: number): Promise<void> {
    if (this.dropped === 0) return;
    await tx.query(COUNT_DROPPED, [loadId, JSON.stringify([...this.#errors.values()])]);
  }
}

const ADDED = `on conflict (load_id, code, field) do update set errors = reject_rest.errors + excluded.errors`;

const COUNT_DROPPED = statement`
  insert into longshore.reject_rest (load_id, code, field, errors)
  select $1, code, field, errors from jsonb_to_recordset($2::jsonb) as e (code text, field text, errors float8)
   order by code, field
  ${ADDED}`;

/** SQL of an insert that counts the errors of rows `(line, errors)` of the load $1. */
function countErrors(rows: string): Part {
  return part`insert into longshore.reject_rest (load_id, code, field, errors)
    select $1, e.code, coalesce(e.field, ''), count(*)
      from ${rows} cross join lateral jsonb_to_recordset(errors) as e (code text, field text)
     group by 2, 3 order by 2, 3
    ${ADDED}`;
}

function countRows(rows: string): Part {
  return part`update longshore.load set rejects_dropped = rejects_dropped + dropped.n
    from (select count(*) as n from ${rows}) dropped where id = $1 and dropped.n > 0`;
}

/**
 * SQL that keeps the first $2 of `faulty (line, errors)` as rejects of the load $1 and counts the rest: the body of a
 * common table expression, and further ones.
 */
export const KEEP_FAULTY = part`
  insert into longshore.reject (load_id, line, errors) select $1, line, errors from faulty order by line limit $2),
  beyond as (select line, errors from faulty order by line offset $2),
  beyond_errors as (${countErrors('beyond')}),
  beyond_rows as (${countRows('beyond')}`;

const DROP_REJECTS = statement<{ n: number }>`
  with gone as (
    delete from longshore.reject
     where load_id = $1 and line in (
       select line from longshore.reject where load_id = $1 order by line offset $2 limit $3)
     returning line, errors),
  gone_errors as (${countErrors('gone')})
  ${countRows('gone')} returning dropped.n::float8 as n`;

/**
 * Drops all but the first rejects of the load, and counts them: all, or `limit` at a time.
 * @returns how many were dropped
 */
export async function dropRejects(
  tx: Sql,
  loadId: number,
  keep: number,
  limit: number | null = null,
): Promise<number> {
  const [dropped] = await tx.query(DROP_REJECTS, [loadId, keep, limit]);
  return dropped?.n ?? 0;
}

/**
 * Deletes the rejects of a load that has ended. Their counts stay.
 * @throws LongshoreError `unknown-load`, `load-state`
 */
export async function deleteRejects(tx: Tx, loadId: number): Promise<void> {
  const load = await tx.em.findOne(LoadEntity, loadId, {
    lockMode: LockMode.PESSIMISTIC_WRITE,
    disableIdentityMap: true,
  });
  if (!load) throw new LongshoreError('unknown-load', `there is no load ${loadId}`);
  if (!load.finishedAt)
    throw new LongshoreError('load-state', `load ${loadId} is ${load.status}: it has not ended`);
  await dropRejects(tx, loadId, 0);
}

export interface RejectsSummary {
  /** Rejected rows: of a load that runs, those of its finished chunks. */
  readonly rejected: number;
  /** Of these, the first ones, whose records and errors are kept. */
  readonly kept: number;
  /** How often which field broke which rule, most often first; a row can break several. */
  readonly errors: readonly {
    readonly code: RejectCode;
    /** null: the row as a whole. */
    readonly field: string | null;
    readonly errors: number;
  }[];
}

const COUNT_REJECTS = statement<{ kept: number; dropped: number }>`
  select (select count(*)::float8 from longshore.reject where load_id = $1) as kept,
         ${droppedOf('$1')} as dropped`;

export async function summarizeRejects(db: Sql, loadId: number): Promise<RejectsSummary> {
  const [rows] = await db.query(COUNT_REJECTS, [loadId]);
  const errors = await db.query(COUNT_ERRORS, [loadId]);
  const { kept = 0, dropped = 0 } = rows ?? {};
  return { rejected: kept + dropped, kept, errors };
}

const SUMMARY_LINES = 1000;

const COUNT_ERRORS = statement<RejectsSummary['errors'][number]>`
  select code, nullif(field, '') as field, sum(errors)::float8 as errors from (
    select code, field, errors from longshore.reject_rest where load_id = $1
    union all
    select e.code, coalesce(e.field, ''), count(*)
      from longshore.reject cross join lateral jsonb_to_recordset(errors) as e (code text, field text)
     where load_id = $1 group by 1, 2) found (code, field, errors)
   group by 1, 2 order by 3 desc, 1, 2 limit ${SUMMARY_LINES}`;

/** SQL: how many rejected rows of a load are counted and not kept. */
export function droppedOf(loadId: string): Part {
  return part`(coalesce((select sum(rejects_dropped) from longshore.load_chunk where load_id = ${loadId}), 0)
    + (select rejects_dropped from longshore.load where id = ${loadId}))::float8`;
}
