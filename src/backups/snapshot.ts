import type { ClientBase } from 'pg';
import { quoteNames } from '../db/sql-names.ts';
import { sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { lockForReading } from '../publish/reading-lock.ts';
import { columnsOf, liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { type PlannedPart, planParts } from './plan-parts.ts';

/** A snapshot that one connection holds, so that others can read the same moment. */
export interface Snapshot {
  /** ID for `set transaction snapshot`, valid as long as the connection that took it lives. */
  readonly id: string;
  readonly at: Date;
  readonly parts: readonly PlannedPart[];
  /** The newest load that was done, by table. */
  readonly lastLoads: Readonly<Record<string, number>>;
}

/** The snapshot can't be read (any more): its connection ended, or a waiting lock blocks the table's readers. */
export class SnapshotLost extends Error {
  override name = 'SnapshotLost';
}

/** A reader that waits longer is queued behind a lock that waits for the snapshot's end: a deadlock. */
const READER_WAITS = '10s';

/** A backup that waits longer for somebody's lock begins anew, and lets others have its connection meanwhile. */
const LOCK_WAITS = '1min';

/** One look-up a table. */
const LAST_LOADS = statement<{ table_name: string; id: number }>`
  select t.name as table_name, l.id from unnest($1::text[]) t (name) cross join lateral (
    select id from longshore.load where table_name = t.name and status = 'done' order by id desc limit 1) l`;

/**
 * Takes a snapshot of these tables: all of them at one moment. The connection is in a transaction from then on, whose
 * end releases the snapshot and its locks.
 */
export async function takeSnapshot(client: ClientBase, tables: readonly Table[]): Promise<Snapshot> {
  const names = tables.map(({ name }) => name);
  await lockForReading(client, names);
  await client.query('begin isolation level repeatable read read only');
  // LOCK takes no snapshot; everything else would. After it nobody can drop or truncate a table.
  const sorted = tables.map(liveName).sort().join(', ');
  await client.query(`set local lock_timeout = '${LOCK_WAITS}'`);
  await client.query(`lock table ${sorted} in access share mode`);
  await client.query('set local lock_timeout = 0');
  const { rows } = await client.query('select pg_export_snapshot() as id, clock_timestamp() as at');
  const sizes = await client.query(
    'select name, pg_relation_size(live::regclass)::float8 as bytes from unnest($1::text[], $2::text[]) t(name, live)',
    [names, tables.map(liveName)],
  );
  const loads = await client.query(LAST_LOADS, [names]);
  return {
    id: rows[0].id,
    at: rows[0].at,
    parts: planParts(sizes.rows.map(({ name, bytes }) => ({ table: name, bytes }))),
    lastLoads: Object.fromEntries(loads.rows.map(({ table_name, id }) => [table_name, id])),
  };
}

/**
 * Begins a transaction that sees what the snapshot saw.
 * @throws SnapshotLost
 */
export async function joinSnapshot(client: ClientBase, snapshotId: string): Promise<void> {
  await client.query('begin isolation level repeatable read read only');
  await client.query(`set local lock_timeout = '${READER_WAITS}'`);
  // A backup of only the rows that a policy shows to this role would look whole: PostgreSQL fails instead, as in pg_dump.
  await client.query('set local row_security = off');
  try {
    // A literal: SET takes no parameters.
    await client.query(`set transaction snapshot ${literal(snapshotId)}`);
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    throw new SnapshotLost(`the snapshot ${snapshotId} is gone`, { cause: error });
  }
}

function literal(snapshotId: string): string {
  if (!/^[0-9A-F-]+$/i.test(snapshotId)) throw new Error('not the ID of a snapshot');
  return `'${snapshotId}'`;
}

/** The COPY of one part, in PostgreSQL's binary format. Page numbers are numbers: COPY takes no parameters. */
export function copyPart(
  table: Table,
  { fromPage, toPage }: Pick<PlannedPart, 'fromPage' | 'toPage'>,
): string {
  const bounds = [
    ...(fromPage > 0 ? [`ctid >= '(${Math.trunc(fromPage)},0)'`] : []),
    ...(toPage !== null ? [`ctid < '(${Math.trunc(toPage)},0)'`] : []),
  ];
  const where = bounds.length > 0 ? ` where ${bounds.join(' and ')}` : '';
  return `copy (select ${quoteNames(columnsOf(table))} from only ${liveName(table)}${where}) to stdout (format binary)`;
}
