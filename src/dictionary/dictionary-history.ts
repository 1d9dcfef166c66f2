import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { DictionaryBase, DictionaryChange } from './dictionary-kinds.ts';

/** A version of the dictionary, and how it differs from the one before. */
export interface VersionView {
  /** Counts versions from 1. */
  readonly no: number;
  /** As the API shows it. */
  readonly version: string;
  readonly at: string;
  readonly change: DictionaryChange;
  /** ID of the API key, or `start`. */
  readonly changedBy: string;
  /** What the last start before it applied. */
  readonly base: DictionaryBase;
  /** Names of tables, sorted. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface HistoryPage {
  readonly limit: number;
  /** Only versions before this one. */
  readonly before?: number | undefined;
}

/**
 * What `jsonb` has not: NUL, and half a surrogate pair, which `JSON.stringify` writes as escapes. Each is compared as
 * U+FFFD.
 */
const UNREADABLE = '\\\\u(?:0000|d[89a-f][0-9a-f]{2})';

/** The tables of a descriptor, comparable whatever the order of their members. */
function tablesOf(column: string): string {
  return `select r ->> 'name' as name, r as content
            from jsonb_array_elements(regexp_replace(${column}, '${UNREADABLE}', '\\\\ufffd', 'g')::jsonb -> 'resources') r`;
}

/** The newest version comes first. */
const HISTORY = statement<{
  no: number;
  version: string;
  at: Date;
  change: DictionaryChange;
  changedBy: string;
  base: DictionaryBase;
  added: string[];
  removed: string[];
  changed: string[];
}>`
  with page as materialized (
    select no, version, created_at, change, changed_by, base, descriptor,
           (select b.descriptor from longshore.dictionary b where b.no < d.no order by b.no desc limit 1) as before
      from longshore.dictionary d
     where $1::int is null or no < $1
     order by no desc limit $2)
  select no, version, created_at as at, change, changed_by as "changedBy", base,
         coalesce(t.added, '{}') as added, coalesce(t.removed, '{}') as removed, coalesce(t.changed, '{}') as changed
    from page p cross join lateral (
      select array_agg(name order by name) filter (where b.content is null) as added,
             array_agg(name order by name) filter (where a.content is null) as removed,
             array_agg(name order by name) filter (where a.content <> b.content) as changed
        from (${tablesOf('p.descriptor')}) a full join (${tablesOf('p.before')}) b using (name)) t
   order by no desc`;

export async function readHistory(
  db: Pick<Sql, 'query'>,
  { limit, before }: HistoryPage,
): Promise<readonly VersionView[]> {
  const rows = await db.query(HISTORY, [before ?? null, limit]);
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
}
