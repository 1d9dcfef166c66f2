import { moment } from '../db/ledger-queries.ts';
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

/** Newest first. */
export async function listAudit(db: Sql, filter: AuditFilter): Promise<AuditEntry[]> {
  const { keyId, action, table, since, until, before, limit } = filter;
  let page = db.ledger.selectFrom('audit').select(ENTRY).orderBy('id', 'desc').limit(limit);
  if (keyId !== undefined) page = page.where('key_id', '=', keyId);
  if (action !== undefined) page = page.where('action', '=', action);
  if (table !== undefined) page = page.where('table_name', '=', table);
  if (since !== undefined) page = page.where('at', '>=', moment(since));
  if (until !== undefined) page = page.where('at', '<', moment(until));
  if (before !== undefined) page = page.where('id', '<', before);
  const rows = await page.execute();
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

const ENTRY = [
  'id',
  'at',
  'key_id as keyId',
  'key_name as keyName',
  'action',
  'target',
  'table_name as table',
  'status',
  'request_id as requestId',
] as const;
