import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Tx } from '../db/database.ts';
import type { LedgerRow } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { holdTable, type LedgerDictionary } from '../dictionary/dictionary-versions.ts';
import { inEncoding, readTableAs } from '../dictionary/read-as.ts';
import { rulesFingerprint } from '../dictionary/rules-fingerprint.ts';
import { LongshoreError } from '../errors.ts';
import { INSTALLATION_ID } from '../installation/installation.ts';
import { nameIn, numberedName } from '../installation/names.ts';
import { jobError, LARGEST_JOB_NUMBER, orphaned } from '../jobs/job.ts';
import { LoadEntity } from '../ledger/load-entities.ts';
import { droppedOf } from '../rejects/kept-rejects.ts';
import type { Chunk, Dictionary, LoadMode, LoadStatus, MaxRejects, ReadAs, Survey, Table } from '../types.ts';
import { FIRST_GROUP_ID } from './lineage-ids.ts';
import type { LoadFilter } from './load-service.ts';
import type { LoadSource, LoadView } from './load-view.ts';
import { CHANGED_BY_RESTORE, RESTORED_AWAY } from './restored-since.ts';

export interface NewLoad {
  /** As the dictionary has it. */
  readonly table: Table;
  /** How the file is read in place of that. */
  readonly readAs?: ReadAs | null;
  /** The encoding of the stored text, where it is not the one that it is asked to be read in. */
  readonly textEncoding?: string | null;
  readonly dictionary: Pick<Dictionary, 'version'> & Partial<LedgerDictionary>;
  readonly mode: LoadMode;
  readonly source: LoadSource;
  /** The storage's stamp of an inbox file when the load was requested. */
  readonly sourceStamp: string | null;
  readonly survey: Survey | null;
  readonly maxRejects: MaxRejects | null;
  readonly force: boolean;
  readonly startedBy: string;
}

export interface CreatedLoad {
  readonly id: number;
  /** null: the load existed before. */
  readonly uid: string | null;
  readonly existing: boolean;
  /** The table's rules are not those that the load went by. */
  readonly rulesChanged: boolean;
  /** The load read the file with another dialect or encoding than is asked for now. */
  readonly readOtherwise: boolean;
}

/** The properties of a load that its activities need; constant once it is surveyed. */
export interface LoadPlan {
  readonly id: number;
  readonly uid: string;
  /** As the file is read. */
  readonly table: Table;
  /** How that differs from the dictionary; null: it does not. */
  readonly readAs: ReadAs | null;
  readonly mode: LoadMode;
  readonly status: LoadStatus;
  readonly paused: boolean;
  readonly sourceKey: string;
  readonly sourceKind: LoadSource['kind'];
  readonly sourceStamp: string | null;
  /** Where the text of a wrapped file of the inbox is; null: the text is the file itself. */
  readonly plainKey: string | null;
  readonly sha256: string | null;
  readonly forced: boolean;
  readonly header: readonly string[] | null;
  readonly chunks: readonly Chunk[] | null;
  readonly maxRejects: MaxRejects | null;
}

/** The key of the text that chunks are read from. */
export function textKeyOf({ plainKey, sourceKey }: LoadPlan): string {
  return plainKey ?? sourceKey;
}

const NEXT_LOAD = statement<{
  id: number;
  installation: string;
}>`select nextval(pg_get_serial_sequence('longshore.load', 'id'))::int as id, ${INSTALLATION_ID} as installation`;

/**
 * Creates the load of a request, or finds the one that already does the same: content that arrives twice is loaded
 * once. A `replace` or `merge` is only the same while nothing later has changed the table, an `append` while no restore
 * has removed its rows.
 *
 * One transaction at a time creates loads of a table. Otherwise two could create the same load, and a load could become
 * visible after a later one had looked for those ahead of it (`loadAhead`): both would have the table's turn.
 */
export async function createLoad(tx: Tx, request: NewLoad): Promise<CreatedLoad> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`load-${request.table.name}`]);
  const readAs = request.readAs ?? null;
  const definition = inEncoding(readTableAs(request.table, readAs), request.textEncoding ?? null);
  const tableSince = await holdTable(tx, request.dictionary, request.table.name);
  if (!request.force) {
    const same = await findSameLoad(tx, request, definition, tableSince);
    if (same !== undefined) return { id: same.id, uid: null, existing: true, ...differences(same, request) };
  }
  const [next] = await tx.query(NEXT_LOAD);
  const { id, installation } = next!;
  const uid = randomUUID();
  const load = tx.em.create(LoadEntity, {
    id,
    uid,
    tableName: request.table.name,
    mode: request.mode,
    status: 'accepted',
    paused: false,
    workflowId: nameIn(installation, numberedName('load', id, uid)),
    sourceKind: request.source.kind,
    sourceName: request.source.name,
    sourceKey: request.source.key,
    sourceStamp: request.sourceStamp,
    wrappings: request.source.wrappings ?? null,
    ...surveyColumns(request.survey),
    definition,
    readAs,
    dictionaryVersion: request.dictionary.version,
    tableSince,
    maxRejects: request.maxRejects,
    forced: request.force,
    rowsRead: 0,
    rowsLoaded: 0,
    rowsRejected: 0,
    rowsUnchanged: 0,
    rowsDiscarded: 0,
    startedBy: request.startedBy,
    createdAt: new Date(),
  });
  await tx.em.persist(load).flush();
  return { id, uid, existing: false, rulesChanged: false, readOtherwise: false };
}

/** How the file was read by request is no rule of the table's: it is compared as that load read it. */
function differences({ definition, readAs }: SameLoad, request: NewLoad) {
  // A text that had to be recoded says its encoding itself.
  const recoded = request.textEncoding ? definition.encoding : null;
  const ofToday = inEncoding(readTableAs(request.table, readAs), recoded);
  const rulesChanged = rulesFingerprint(definition) !== rulesFingerprint(ofToday);
  const asked = request.readAs ?? null;
  const now = inEncoding(readTableAs(request.table, asked), recoded);
  const isAsked = readAs !== null || asked !== null;
  return { rulesChanged, readOtherwise: isAsked && readingText(definition) !== readingText(now) };
}

function readingText({ dialect, encoding }: Pick<Table, 'dialect' | 'encoding'>): string {
  const members = Object.entries(dialect).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([encoding, members]);
}

export function surveyColumns(survey: Survey | null) {
  return {
    bytes: survey?.bytes ?? null,
    sha256: survey?.sha256 ?? null,
    header: survey?.header ?? null,
    chunks: survey?.chunks ?? null,
    chunkCount: survey?.chunks.length ?? null,
  };
}

interface SameLoad extends Record<string, unknown> {
  readonly id: number;
  readonly definition: Table;
  readonly readAs: ReadAs | null;
}

/**
 * Of load `l`: it rejected every row, and read the file otherwise than with the dialect $5 and the encoding $6. That is
 * most often why, and nobody can have its rows twice.
 */
export const MISREAD = part`(
  l.status = 'done' and l.rows_read = l.rows_rejected
  and (l.definition -> 'dialect' <> $5::jsonb or l.definition ->> 'encoding' <> $6))`;

/** The last load `l` of table $1, as it came in version $4, in mode $2 that does the same. */
const LAST_SAME = part`
  coalesce(table_since, 1) = coalesce($4, 1) and status not in ('failed', 'cancelled') and not ${MISREAD}
     and case when mode = 'append' then not ${RESTORED_AWAY}
              else not ${CHANGED_BY_RESTORE} and not exists (
                select from longshore.load later
                 where later.table_name = l.table_name and later.id > l.id
                   and later.status not in ('failed', 'cancelled')) end
   order by id desc limit 1`;

const SAME_CONTENT = statement<SameLoad>`
  select id, definition, read_as as "readAs" from longshore.load l
   where table_name = $1 and mode = $2 and sha256 = $3 and ${LAST_SAME}`;

const SAME_SOURCE = statement<SameLoad>`
  select id, definition, read_as as "readAs" from longshore.load l
   where table_name = $1 and mode = $2 and source_kind = 'inbox'
     and hashtextextended(source_key || '@' || coalesce(source_stamp, ''), 0) = hashtextextended($3, 0)
     and source_key || '@' || coalesce(source_stamp, '') = $3 and ${LAST_SAME}`;

async function findSameLoad(
  tx: Tx,
  request: NewLoad,
  definition: Table,
  tableSince: number | null,
): Promise<SameLoad | undefined> {
  const { table, mode, survey, source, sourceStamp } = request;
  const reading = [JSON.stringify(definition.dialect), definition.encoding];
  const [row] = survey
    ? await tx.query(SAME_CONTENT, [table.name, mode, survey.sha256, tableSince, ...reading])
    : await tx.query(SAME_SOURCE, [
        table.name,
        mode,
        `${source.key}@${sourceStamp ?? ''}`,
        tableSince,
        ...reading,
      ]);
  return row;
}

/** @throws LongshoreError `unknown-load`, `workflow-orphaned` */
export async function readLoadPlan(db: Sql, { loadId: id, uid }: LoadStep): Promise<LoadPlan> {
  const row = await db.ledger
    .selectFrom('load')
    .select([
      'id',
      'uid',
      'definition as table',
      'read_as as readAs',
      'mode',
      'status',
      'paused',
      'source_key as sourceKey',
      'source_kind as sourceKind',
      'source_stamp as sourceStamp',
      'plain_key as plainKey',
      'sha256',
      'forced',
      'header',
      'chunks',
      'max_rejects as maxRejects',
    ])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) throw unknownLoad(id);
  if (uid !== undefined && uid !== row.uid) throw orphaned(`load ${id}`);
  return row;
}

/** The load that an activity belongs to. Without the uid: its workflow began before there were any. */
export interface LoadStep {
  readonly loadId: number;
  readonly uid?: string;
  /** It takes moments: its steps wait for none of a longer load. */
  readonly short?: boolean;
}

/** The load of the same table that this one has to wait for: the latest unfinished one before it. */
export async function loadAhead(db: Sql, id: number): Promise<number | null> {
  const row = await db.ledger
    .selectFrom('load as me')
    .innerJoin('load as other', (join) =>
      join.onRef('other.table_name', '=', 'me.table_name').onRef('other.id', '<', 'me.id'),
    )
    .where('me.id', '=', id)
    .where('other.finished_at', 'is', null)
    .select(({ fn }) => fn.max<number | null>('other.id').as('ahead'))
    .executeTakeFirst();
  return row?.ahead ?? null;
}

export async function setLoadStatus(db: Sql, { loadId, uid }: LoadStep, status: LoadStatus): Promise<void> {
  const startedAt = status === 'queued' ? null : sql<Date>`coalesce(started_at, now())`;
  await db.ledger
    .updateTable('load')
    .set({ status, started_at: startedAt })
    .where('id', '=', loadId)
    .where('finished_at', 'is', null)
    .$if(uid !== undefined, (update) => update.where('uid', '=', uid!))
    .execute();
}

type Columns =
  | 'id'
  | 'table_name'
  | 'mode'
  | 'status'
  | 'paused'
  | 'workflow_id'
  | 'run_id'
  | 'source_kind'
  | 'source_name'
  | 'source_key'
  | 'wrappings'
  | 'sha256'
  | 'max_rejects'
  | 'read_as'
  | 'bytes'
  | 'chunk_count'
  | 'rows_read'
  | 'rows_loaded'
  | 'rows_rejected'
  | 'rows_unchanged'
  | 'rows_discarded'
  | 'error_code'
  | 'error_message'
  | 'hint'
  | 'note'
  | 'started_by'
  | 'created_at'
  | 'started_at'
  | 'finished_at';

type ViewRow = Pick<LedgerRow<'load'>, Columns> & {
  ahead: number | null;
  chunks_done: number;
  bytes_done: number;
  read_so_far: number;
  good_so_far: number;
  rejected_so_far: number;
  /** Includes rejects that the checks of keys found after the chunks. */
  rejects_found: number;
  seconds: number | null;
};

const VIEW = part`
  select l.id, l.table_name, l.mode, l.status, l.paused, l.workflow_id, l.run_id, l.source_kind, l.source_name,
         l.source_key, l.wrappings, l.sha256, l.max_rejects, l.read_as, l.bytes, l.chunk_count, l.rows_read, l.rows_loaded,
         l.rows_rejected, l.rows_unchanged, l.rows_discarded, l.error_code, l.error_message, l.hint, l.note, l.started_by,
         l.created_at, l.started_at, l.finished_at,
         case when l.status = 'queued' then (
           select max(a.id) from longshore.load a
            where a.table_name = l.table_name and a.id < l.id and a.finished_at is null) end as ahead,
         c.chunks_done, c.bytes_done, c.read_so_far, c.good_so_far, c.rejected_so_far,
         case when l.status in ('failed', 'cancelled') then ${droppedOf('l.id')} + (
           select count(*)::float8 from longshore.reject r where r.load_id = l.id) else 0 end as rejects_found,
         extract(epoch from coalesce(l.finished_at, now()) - l.started_at)::float8 as seconds
    from longshore.load l
    cross join lateral (
      select count(*)::int as chunks_done, coalesce(sum(bytes), 0) as bytes_done,
             coalesce(sum(rows_read), 0) as read_so_far, coalesce(sum(rows_good), 0) as good_so_far,
             coalesce(sum(rows_rejected), 0) as rejected_so_far
        from longshore.load_chunk where load_id = l.id) c`;

const READ_LOAD = statement<ViewRow>`${VIEW} where l.id = $1`;

/** @throws LongshoreError `unknown-load` */
export async function readLoad(db: Sql, id: number): Promise<LoadView> {
  if (id > LARGEST_JOB_NUMBER) throw unknownLoad(id);
  const [row] = await db.query(READ_LOAD, [id]);
  if (!row) throw unknownLoad(id);
  return toView(row);
}

export function unknownLoad(id: number): LongshoreError {
  const isGroup = id >= FIRST_GROUP_ID;
  return new LongshoreError(
    'unknown-load',
    isGroup
      ? `${id} is no load but a group of batches: see /v1/batches?loadId=${id}`
      : `there is no load ${id}`,
  );
}

/** The newest loads, chosen by an index of each table that is asked for, or of the status, or of all. */
const CHOSEN = part`($1::text is null or l.status = $1) and ($2::bigint is null or l.id < $2)
   order by l.id desc limit $3`;

const LIST_LOADS = statement<ViewRow>`${VIEW} where ${CHOSEN}`;

const LIST_LOADS_OF_TABLES = statement<ViewRow>`
  ${VIEW} join (
    select n.id from unnest($4::text[]) t (name) cross join lateral (
      select l.id from longshore.load l where l.table_name = t.name and ${CHOSEN}) n
     order by n.id desc limit $3) newest on newest.id = l.id
   order by l.id desc`;

/** Newest first. */
export async function listLoads(db: Sql, filter: LoadFilter): Promise<LoadView[]> {
  const { tables, status = null, before = null, limit } = filter;
  const rows =
    tables === undefined
      ? await db.query(LIST_LOADS, [status, before, limit])
      : await db.query(LIST_LOADS_OF_TABLES, [status, before, limit, [...new Set(tables)]]);
  return rows.map(toView);
}

function toView(row: ViewRow): LoadView {
  const ended = row.finished_at !== null;
  const done = row.status === 'done';
  const read = done ? row.rows_read : row.read_so_far;
  const rejected = done ? row.rows_rejected : Math.max(row.rejected_so_far, row.rejects_found);
  const rate = row.seconds && row.seconds > 0 && read > 0 ? Math.round(read / row.seconds) : null;
  const left =
    !ended && !row.paused && row.bytes && row.bytes_done > 0 && row.seconds
      ? Math.ceil(((row.bytes - row.bytes_done) * row.seconds) / row.bytes_done)
      : null;
  return {
    id: row.id,
    table: row.table_name,
    mode: row.mode,
    status: row.status,
    paused: row.paused,
    queuedBehind: row.ahead,
    workflowId: row.workflow_id,
    runId: row.run_id,
    source: {
      kind: row.source_kind,
      name: row.source_name,
      key: row.source_key,
      ...(row.wrappings && { wrappings: row.wrappings }),
    },
    sha256: row.sha256,
    maxRejects: row.max_rejects,
    readAs: row.read_as,
    progress: {
      bytes: done ? (row.bytes ?? 0) : row.bytes_done,
      bytesTotal: row.bytes,
      chunks: row.chunks_done,
      chunksTotal: row.chunk_count,
      rowsPerSecond: rate,
      secondsLeft: left,
    },
    rows: {
      read,
      loaded: done ? row.rows_loaded : ended ? 0 : row.good_so_far,
      rejected,
      unchanged: done ? row.rows_unchanged : 0,
      discarded: done ? row.rows_discarded : ended ? read - rejected : 0,
    },
    error: jobError(row.error_code, row.error_message),
    waitingFor: null,
    ...(row.hint !== null && { hint: row.hint }),
    note: row.note,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}
