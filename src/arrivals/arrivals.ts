import { jsonb } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import { quoted } from '../shorten.ts';
import { type ArrivalSettings, type ArrivalView, INBOX_ARRIVAL } from './arrival.ts';

/** Arrivals in the ledger. */

/** The arrival of the inbox, as it is made with the ledger. */
export const INBOX_SETTINGS: ArrivalSettings = {
  source: 'storage',
  prefix: 'inbox/',
  pattern: '{table}/**',
  table: null,
  mode: 'append',
  after: 'move',
  order: 'name',
  maxRejects: null,
  dialect: null,
  everySeconds: 10,
  stableSeconds: 2,
  marker: null,
  paused: false,
};

const USED_INBOX = statement<{ used: boolean }>`
  select exists (select from longshore.load where source_kind = 'inbox') as used`;

/**
 * Makes the arrival of the inbox, unless there is one. Where files of the inbox were loaded by request before there were
 * arrivals, they are there still, and nobody expects them to be taken now: then it begins paused.
 * @returns whether it was made paused for that reason
 */
export async function ensureInbox(db: Sql, paused: boolean): Promise<boolean> {
  const [found] = await db.query(USED_INBOX);
  const used = found?.used === true;
  const made = await insertArrival(
    db,
    INBOX_ARRIVAL,
    { ...INBOX_SETTINGS, paused: paused || used },
    'platform',
  );
  return made && used && !paused;
}

/** @returns false when there is one of this ID */
export async function insertArrival(
  db: Sql,
  id: string,
  settings: ArrivalSettings,
  createdBy: string,
): Promise<boolean> {
  const inserted = await db.ledger
    .insertInto('arrival')
    .values({ id, ...columnsOf(settings), created_by: createdBy })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .execute();
  return inserted.length > 0;
}

/** @returns false when there is none of this ID */
export async function changeArrival(db: Sql, id: string, settings: ArrivalSettings): Promise<boolean> {
  const changed = await db.ledger
    .updateTable('arrival')
    .set({ ...columnsOf(settings), changed_at: new Date() })
    .where('id', '=', id)
    .returning('id')
    .execute();
  return changed.length > 0;
}

function columnsOf(settings: ArrivalSettings) {
  return {
    source: settings.source,
    prefix: settings.prefix,
    pattern: settings.pattern,
    table_name: settings.table,
    mode: settings.mode,
    after: settings.after,
    load_order: settings.order,
    max_rejects: settings.maxRejects,
    dialect: settings.dialect === null ? null : jsonb(settings.dialect),
    every_seconds: settings.everySeconds,
    stable_seconds: settings.stableSeconds,
    marker: settings.marker,
    paused: settings.paused,
  };
}

/** null: there is none. */
export async function readArrivalSettings(db: Sql, id: string): Promise<ArrivalSettings | null> {
  const row = await db.ledger.selectFrom('arrival').select(SETTINGS).where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

const SETTINGS = [
  'source',
  'prefix',
  'pattern',
  'table_name as table',
  'mode',
  'after',
  'load_order as order',
  'max_rejects as maxRejects',
  'dialect',
  'every_seconds as everySeconds',
  'stable_seconds as stableSeconds',
  'marker',
  'paused',
] as const;

/** Those that are looked at: prefixes and IDs of all, and whether they are paused. */
export async function readPrefixes(
  db: Sql,
): Promise<readonly { readonly id: string; readonly prefix: string; readonly paused: boolean }[]> {
  return db.ledger.selectFrom('arrival').select(['id', 'prefix', 'paused']).orderBy('id').execute();
}

const OPEN_FILES = statement<{ id: string; state: 'waiting' | 'loading'; files: number }>`
  select arrival_id as id, state, count(*)::float8 as files from longshore.arrival_file
   where state in ('waiting', 'loading') and arrival_id = any ($1::text[]) group by 1, 2`;

/** By ID, from the first after `after`. */
export async function listArrivals(
  db: Sql,
  {
    after = '',
    limit,
    tables,
  }: { readonly after?: string; readonly limit: number; readonly tables?: readonly string[] },
): Promise<readonly ArrivalView[]> {
  const rows = await views(db)
    .where('id', '>', after)
    .$if(tables !== undefined, (query) =>
      query.where((is) => is.or([is('table_name', 'is', null), is('table_name', 'in', [...tables!, ''])])),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
  return viewsOf(db, rows);
}

/** @throws LongshoreError `unknown-arrival` */
export async function readArrival(db: Sql, id: string): Promise<ArrivalView> {
  const rows = await views(db).where('id', '=', id).execute();
  const [view] = await viewsOf(db, rows);
  if (view === undefined) throw unknownArrival(id);
  return view;
}

function views(db: Sql) {
  return db.ledger
    .selectFrom('arrival')
    .select([
      'id',
      ...SETTINGS,
      'created_by as createdBy',
      'created_at as createdAt',
      'changed_at as changedAt',
      'looked_at as lookedAt',
      'look_code as lookCode',
      'look_message as lookMessage',
    ]);
}

async function viewsOf(
  db: Sql,
  rows: Awaited<ReturnType<ReturnType<typeof views>['execute']>>,
): Promise<readonly ArrivalView[]> {
  if (rows.length === 0) return [];
  const open = await db.query(OPEN_FILES, [rows.map(({ id }) => id)]);
  return rows.map(({ createdAt, changedAt, lookedAt, lookCode, lookMessage, ...row }) => {
    const count = (state: 'waiting' | 'loading') =>
      open.find((one) => one.id === row.id && one.state === state)?.files ?? 0;
    return {
      ...row,
      files: { waiting: count('waiting'), loading: count('loading') },
      lookedAt: lookedAt?.toISOString() ?? null,
      lookError: jobError(lookCode, lookMessage),
      createdAt: createdAt.toISOString(),
      changedAt: changedAt.toISOString(),
    };
  });
}

const DELETE_FILES = statement`
  delete from longshore.arrival_file where arrival_id = $1 and state <> 'loading'`;

/** Files that are loading are finished, as they were taken. @returns false when there is none of this ID */
export async function deleteArrival(db: Sql, id: string): Promise<boolean> {
  const deleted = await db.ledger.deleteFrom('arrival').where('id', '=', id).returning('id').execute();
  await db.query(DELETE_FILES, [id]);
  return deleted.length > 0;
}

/** Notes the end of a look. null: it succeeded. */
export async function noteLook(db: Sql, id: string, error: LongshoreError | null): Promise<void> {
  await db.ledger
    .updateTable('arrival')
    .set({ looked_at: new Date(), look_code: error?.code ?? null, look_message: error?.message ?? null })
    .where('id', '=', id)
    .execute();
}

export function unknownArrival(id: string): LongshoreError {
  return new LongshoreError('unknown-arrival', `there is no arrival ${quoted(id)}`);
}
