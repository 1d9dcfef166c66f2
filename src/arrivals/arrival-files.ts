import type { Database, Tx } from '../db/database.ts';
import type { LedgerRow } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import { nameIn } from '../installation/names.ts';
import { jobError, LARGEST_JOB_NUMBER } from '../jobs/job.ts';
import type { ArrivalFileView, ArrivalOrder, ArrivalSettings, FilePlan, FileState } from './arrival.ts';

/** Files of arrivals in the ledger. */

/** A file as a look has seen it. */
export interface SeenFile {
  readonly key: string;
  readonly path: string;
  readonly version: string;
  readonly bytes: number;
  readonly modifiedAt: string | null;
  readonly table: string | null;
  /** Why it is not to be loaded; null: it is. */
  readonly skipped: { readonly code: ErrorCode; readonly message: string } | null;
}

const NOW = part`clock_timestamp()`;

const CONFIRM = statement`
  update longshore.arrival_file f set confirmed_at = ${NOW}
    from unnest($2::text[]) s (key) where f.file_key = s.key and f.arrival_id = $1 and f.state = 'waiting'`;

/** Of a version that is there again after it was cleared, another row; while it is not cleared, none. */
const NOTE_NEW = statement`
  insert into longshore.arrival_file (arrival_id, source, path, version, file_key, drop_no, bytes, modified_at,
                                      table_name, state, marked, error_code, error_message, seen_at, confirmed_at, ended_at)
  select $1, $2, s.path, s.version, s.key,
         (select count(*)::int from longshore.arrival_file f where f.file_key = s.key), s.bytes, s.modified_at,
         s.table_name, case when s.code is null then 'waiting' else 'skipped' end, $3, s.code, s.message, ${NOW}, ${NOW},
         case when s.code is not null then ${NOW} end
    from unnest($4::text[], $5::text[], $6::text[], $7::float8[], $8::timestamptz[], $9::text[], $10::text[], $11::text[])
         s (key, path, version, bytes, modified_at, table_name, code, message)
   where not exists (select from longshore.arrival_file f where f.file_key = s.key and not f.cleared)
      on conflict do nothing`;

/** Notes what a look has seen: new files, and that those which wait are there still. */
export async function noteSeen(
  db: Sql,
  arrivalId: string,
  { source, marker }: Pick<ArrivalSettings, 'source' | 'marker'>,
  files: readonly SeenFile[],
): Promise<void> {
  if (files.length === 0) return;
  const of = <T>(get: (file: SeenFile) => T) => files.map(get);
  const keys = of(({ key }) => key);
  await db.query(CONFIRM, [arrivalId, keys]);
  await db.query(NOTE_NEW, [
    ...[arrivalId, source, marker === null, keys],
    of(({ path }) => withoutNul(path)),
    of(({ version }) => version),
    of(({ bytes }) => bytes),
    of(({ modifiedAt }) => modifiedAt),
    of(({ table }) => table),
    of(({ skipped }) => skipped?.code ?? null),
    of(({ skipped }) => skipped?.message ?? null),
  ]);
}

function withoutNul(text: string): string {
  return text.replaceAll('\0', '\u2400');
}

const MARK_FILES = statement`
  update longshore.arrival_file set marked = true
   where arrival_id = $1 and state = 'waiting' and not marked and path = any ($2::text[])`;

const MARK_FOLDERS = statement`
  update longshore.arrival_file f set marked = true from unnest($2::text[]) s (folder)
   where f.arrival_id = $1 and f.state = 'waiting' and not f.marked and starts_with(f.path, s.folder)
     and position('/' in substr(f.path, length(s.folder) + 1)) = 0`;

/** Notes that the markers of these files, or of all files in these folders, are there. */
export async function noteMarked(
  db: Sql,
  arrivalId: string,
  { files, folders }: { readonly files: readonly string[]; readonly folders: readonly string[] },
): Promise<void> {
  if (files.length > 0) await db.query(MARK_FILES, [arrivalId, files]);
  if (folders.length > 0) await db.query(MARK_FOLDERS, [arrivalId, folders]);
}

const REVIVE = statement`
  update longshore.arrival_file
     set state = 'waiting', error_code = null, error_message = null, ended_at = null, seen_at = ${NOW}, confirmed_at = ${NOW}
   where arrival_id = $1 and state = 'skipped' and error_code = 'unknown-table' and not cleared
     and table_name = any ($2::text[])`;

const FORGET = statement`
  delete from longshore.arrival_file where arrival_id = $1 and state = 'waiting' and confirmed_at < $2`;

const CLOCK_NOW = statement<{ now: Date }>`select ${NOW} as now`;

/** Lets files wait again whose table the dictionary has by now. @returns the moment at which the look begins */
export async function beginLook(db: Sql, arrivalId: string, tables: readonly string[]): Promise<Date> {
  const [clock] = await db.query(CLOCK_NOW);
  await db.query(REVIVE, [arrivalId, tables]);
  return clock!.now;
}

/** Forgets files that waited and that the look has not seen: another version is there, or none. */
export async function endLook(db: Sql, arrivalId: string, began: Date): Promise<void> {
  await db.query(FORGET, [arrivalId, began]);
}

const UNDER_WAY = statement<{ table: string | null; files: number }>`
  select table_name as "table", count(*)::int as files from longshore.arrival_file
   where arrival_id = $1 and state = 'loading' group by 1`;

/** How many files of each table are being loaded. */
export async function countUnderWay(db: Sql, arrivalId: string): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query(UNDER_WAY, [arrivalId]);
  return new Map(rows.map(({ table, files }) => [table ?? '', files]));
}

const TAKABLE = part`arrival_id = $1 and state = 'waiting' and marked
       and confirmed_at >= seen_at + make_interval(secs => $2) and table_name <> all ($3::text[])`;

const TAKEN = part`
  update longshore.arrival_file f
     set state = 'loading', started_at = ${NOW}, tries = tries + 1,
         plan = $5::jsonb || jsonb_build_object('table', f.table_name, 'key', f.path, 'bytes', f.bytes, 'version', f.version)
    from chosen where f.id = chosen.id returning f.id, f.file_key as key, f.drop_no as "dropNo"`;

interface TakenRow extends Record<string, unknown> {
  readonly id: number;
  readonly key: string;
  readonly dropNo: number;
}

const TAKE_BY_NAME = statement<TakenRow>`
  with chosen as (
    select id from longshore.arrival_file where ${TAKABLE}
     order by left(path, 500) collate "C", id limit $4 for update skip locked),
  taken as (${TAKEN})
  select t.* from taken t join longshore.arrival_file f on f.id = t.id order by f.path collate "C", t.id`;

const TAKE_BY_TIME = statement<TakenRow>`
  with chosen as (
    select id from longshore.arrival_file where ${TAKABLE}
     order by modified_at, left(path, 500) collate "C", id limit $4 for update skip locked),
  taken as (${TAKEN})
  select t.* from taken t join longshore.arrival_file f on f.id = t.id
   order by f.modified_at, f.path collate "C", t.id`;

/** Takes the next files that are stable, in their order: from now on they are loading, whatever dies. */
export async function takeNext(
  db: Sql,
  arrivalId: string,
  settings: ArrivalSettings,
  { limit, busy }: { readonly limit: number; readonly busy: readonly string[] },
): Promise<readonly TakenRow[]> {
  const { prefix, mode, after, maxRejects, dialect, marker, stableSeconds, order } = settings;
  const plan = { prefix, mode, after, maxRejects, dialect, marker, force: false, formerReceipt: null };
  const take: Readonly<Record<ArrivalOrder, typeof TAKE_BY_NAME>> = {
    name: TAKE_BY_NAME,
    time: TAKE_BY_TIME,
  };
  return db.query(take[order], [arrivalId, stableSeconds, busy, limit, JSON.stringify(plan)]);
}

const STALE = statement<TakenRow>`
  select id, file_key as key, drop_no as "dropNo" from longshore.arrival_file
   where arrival_id = $1 and state = 'loading' and started_at < ${NOW} - make_interval(secs => $2)
   order by started_at, path collate "C", id limit $3`;

/** Files that have been loading for a while: their workflow may be one that was never started, or was lost. */
export async function listStale(
  db: Sql,
  arrivalId: string,
  { seconds, limit }: { readonly seconds: number; readonly limit: number },
): Promise<readonly TakenRow[]> {
  return db.query(STALE, [arrivalId, seconds, limit]);
}

const SETTLING = statement<{ waiting: boolean }>`
  select exists (select from longshore.arrival_file where arrival_id = $1 and state = 'waiting' and marked
     and confirmed_at < seen_at + make_interval(secs => $2)) as waiting`;

/** Whether there are files that are not stable yet. */
export async function isSettling(db: Sql, arrivalId: string, stableSeconds: number): Promise<boolean> {
  const [row] = await db.query(SETTLING, [arrivalId, stableSeconds]);
  return row?.waiting === true;
}

const LOCK = statement<
  LedgerRow<'arrival_file'>
>`select * from longshore.arrival_file where id = $1 for update`;

/** The row, locked until the transaction ends; null: it is gone, with its arrival. */
export async function lockFile(tx: Tx, id: number): Promise<LedgerRow<'arrival_file'> | null> {
  const [row] = await tx.query(LOCK, [id]);
  return row ?? null;
}

const READ = statement<LedgerRow<'arrival_file'>>`select * from longshore.arrival_file where id = $1`;

export async function readFile(db: Sql, id: number): Promise<LedgerRow<'arrival_file'> | null> {
  const [row] = await db.query(READ, [id]);
  return row ?? null;
}

/** Workflow of a file, made of its source, path and version: there is one, however often it is asked for. */
export function fileWorkflowId(
  installationId: string,
  { key, dropNo }: { readonly key: string; readonly dropNo: number },
): string {
  return nameIn(installationId, `arrival-${key.slice(0, 40)}${dropNo > 0 ? `-${dropNo}` : ''}`);
}

/** Workflow of an arrival's looks. */
export function lookWorkflowId(installationId: string, arrivalId: string): string {
  return nameIn(installationId, `look-${arrivalId}`);
}

export interface FileFilter {
  readonly state?: FileState;
  /** Only files of these tables; absent: of every table, and of none. */
  readonly tables?: readonly string[];
  /** Only files with a smaller ID. */
  readonly before?: number;
  readonly limit: number;
}

/** Newest first. */
export async function listFiles(db: Sql, arrivalId: string, filter: FileFilter): Promise<ArrivalFileView[]> {
  const { state, tables, before, limit } = filter;
  const rows = await db.ledger
    .selectFrom('arrival_file')
    .selectAll()
    .where('arrival_id', '=', arrivalId)
    .$if(state !== undefined, (query) => query.where('state', '=', state!))
    .$if(tables !== undefined, (query) => query.where('table_name', 'in', [...tables!, '']))
    // The column can't be compared with more than its type holds, and every ID is smaller than that.
    .$if(before !== undefined && before <= LARGEST_JOB_NUMBER, (query) => query.where('id', '<', before!))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(viewOf);
}

/** @throws LongshoreError `unknown-arrival-file` */
export async function readFileView(db: Sql, arrivalId: string, id: number): Promise<ArrivalFileView> {
  const row = id > LARGEST_JOB_NUMBER ? null : await readFile(db, id);
  if (row === null || row.arrival_id !== arrivalId) throw unknownFile(arrivalId, id);
  return viewOf(row);
}

export function unknownFile(arrivalId: string, id: number): LongshoreError {
  return new LongshoreError('unknown-arrival-file', `the arrival ${arrivalId} has no file ${id}`);
}

function viewOf(row: LedgerRow<'arrival_file'>): ArrivalFileView {
  return {
    id: row.id,
    arrival: row.arrival_id,
    source: row.source,
    path: row.path,
    version: row.version,
    bytes: row.bytes,
    modifiedAt: row.modified_at?.toISOString() ?? null,
    table: row.table_name,
    state: row.state,
    loadId: row.load_id,
    tries: row.tries,
    error: jobError(row.error_code, row.error_message),
    movedTo: row.ended_at === null ? null : row.moved_to,
    receipt: row.ended_at === null ? null : row.receipt,
    seenAt: row.seen_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
  };
}

/** Takes a file that has ended once more. @returns its workflow's name; null: it is under way */
export async function takeAgain(
  db: Database,
  id: number,
  plan: FilePlan,
): Promise<{ readonly key: string; readonly dropNo: number } | null> {
  return db.transaction(async (tx) => {
    const row = await lockFile(tx, id);
    if (row === null || row.ended_at === null) return null;
    await tx.ledger
      .updateTable('arrival_file')
      .set({
        state: 'loading',
        plan: JSON.stringify(plan) as never,
        outcome: null,
        load_id: null,
        tries: row.tries + 1,
        error_code: null,
        error_message: null,
        moved_to: null,
        receipt: null,
        started_at: new Date(),
        ended_at: null,
      })
      .where('id', '=', id)
      .execute();
    return { key: row.file_key, dropNo: row.drop_no };
  });
}
