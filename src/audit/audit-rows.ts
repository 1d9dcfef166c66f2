import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { AuditEntry } from './audit-entry.ts';

const INSERT_AUDIT = statement`
  insert into longshore.audit (id, at, key_id, key_name, action, target, table_name, status, request_id)
  select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::int[], $9::text[])
  on conflict (id) do nothing`;

/** Writes entries in one statement; those that are there already stay as they are, so it may be repeated. */
export async function insertAudit(sql: Sql, entries: readonly AuditEntry[]): Promise<void> {
  const column = <T>(of: (entry: AuditEntry) => T): T[] => entries.map(of);
  await sql.query(INSERT_AUDIT, [
    column((entry) => entry.id),
    column((entry) => entry.at),
    column((entry) => entry.keyId),
    column((entry) => entry.keyName),
    column((entry) => entry.action),
    column((entry) => entry.target),
    column((entry) => entry.table),
    column((entry) => entry.status),
    column((entry) => entry.requestId),
  ]);
}

export interface AuditFilter {
  readonly keyId?: string;
  readonly action?: string;
  readonly table?: string;
  /** RFC 3339; from then on. */
  readonly since?: string;
  /** RFC 3339; before then. */
  readonly until?: string;
  /** Only entries that are older than the one with this ID. */
  readonly before?: string;
  readonly limit: number;
}

const LIST_AUDIT = statement<Omit<AuditEntry, 'at'> & { at: Date }>`
  select id, at, key_id as "keyId", key_name as "keyName", action, target, table_name as "table", status,
         request_id as "requestId"
    from longshore.audit
   where ($1::text is null or key_id = $1) and ($2::text is null or action = $2)
     and ($3::text is null or table_name = $3) and ($4::timestamptz is null or at >= $4)
     and ($5::timestamptz is null or at < $5) and ($6::uuid is null or id < $6)
   order by id desc limit $7`;

/** Newest first. */
export async function listAudit(sql: Sql, filter: AuditFilter): Promise<AuditEntry[]> {
  const rows = await sql.query(LIST_AUDIT, [
    filter.keyId ?? null,
    filter.action ?? null,
    filter.table ?? null,
    filter.since ?? null,
    filter.until ?? null,
    filter.before ?? null,
    filter.limit,
  ]);
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}
