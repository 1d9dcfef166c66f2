import type { Manifest, ManifestTable } from '../backups/backup.ts';
import { jsonb } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { LARGEST_JOB_NUMBER, orphaned } from '../jobs/job.ts';
import { restoreStageName } from '../publish/stage.ts';
import type { Table } from '../types.ts';
import type { RestoreKind, RestoreStatus, RestoreTarget, RestoreView, TableChange } from './restore.ts';
import { type RestoreRow, toRestoreView } from './restore-view.ts';

/** The properties of a restore that its activities need; constant, except for the status. */
export interface RestorePlan {
  readonly id: number;
  readonly uid: string;
  readonly kind: RestoreKind;
  readonly status: RestoreStatus;
  readonly target: RestoreTarget;
  readonly safetyBackupId: string | null;
  readonly backup: Pick<Manifest, 'id' | 'encryption'> & { readonly manifestSha256: string };
  /** In the order in which references allow them to be restored. */
  readonly tables: readonly RestoredTable[];
  /** The dictionary's tables when a drill was requested; null: not a drill, or one of an earlier version. */
  readonly today: readonly Table[] | null;
}

export interface RestoredTable {
  /**
   * The definition of the current dictionary; for a drill, and for a restore under another name, that of the backup. For
   * a restore of single rows the stage allows nulls everywhere: only the wanted rows have to satisfy the rules.
   */
  readonly table: Table;
  /** The rules that rows have to satisfy; null: none. */
  readonly rules: Table | null;
  /** Quoted and qualified. */
  readonly stage: string;
  readonly saved: ManifestTable;
}

interface PlanRow extends Omit<RestorePlan, 'backup' | 'tables'> {
  readonly tables: readonly string[];
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly definitions: readonly Table[];
}

/** The restore that an activity belongs to. Without the uid: its workflow began before there were any. */
export interface RestoreStep {
  readonly restoreId: number;
  readonly uid?: string;
}

/** @throws LongshoreError `unknown-restore`; `workflow-orphaned` when another one has the number */
export async function requireRestore(db: Sql, { restoreId, uid }: RestoreStep): Promise<void> {
  if (uid === undefined || (await uidOfRestore(db, restoreId)) === uid) return;
  throw orphaned(`restore ${restoreId}`);
}

/** @throws LongshoreError `unknown-restore` */
export async function uidOfRestore(db: Sql, restoreId: number): Promise<string> {
  const row = await db.ledger
    .selectFrom('restore')
    .select('uid')
    .where('id', '=', restoreId)
    .executeTakeFirst();
  if (!row) throw unknownRestore(restoreId);
  return row.uid;
}

const READ_RESTORE_PLAN = statement<{ [member in keyof PlanRow]: PlanRow[member] } & { backupId: string }>`
  select r.id, r.uid, r.kind, r.status, r.target, r.tables, r.safety_backup_id as "safetyBackupId",
         b.id as "backupId", b.manifest, b.manifest_sha256 as "manifestSha256",
         coalesce(r.definitions, b.definitions) as definitions, r.today
    from longshore.restore r join longshore.backup b on b.id = r.backup_id where r.id = $1`;

/** @throws LongshoreError `unknown-restore`; `backup-state` when its backup is no more */
export async function readRestorePlan(db: Sql, restoreId: number): Promise<RestorePlan> {
  const [row] = await db.query(READ_RESTORE_PLAN, [restoreId]);
  if (!row) throw unknownRestore(restoreId);
  const { id, uid, kind, status, target, safetyBackupId, manifest, manifestSha256, today } = row;
  if (manifest === null) throw new LongshoreError('backup-state', `backup ${row.backupId} has no manifest`);
  const chosen = row.definitions.filter(({ name }) => row.tables.includes(name));
  const obeys =
    kind !== 'drill' && target.as === null && !target.acceptBrokenRows && target.between === undefined;
  const tables = chosen.map((table, no): RestoredTable => {
    const saved = manifest.tables.find((one) => one.table === table.name);
    if (!saved) throw new LongshoreError('internal', `backup ${row.backupId} does not hold ${table.name}`);
    const staged = target.keys === null ? table : lenient(table);
    return { table: staged, rules: obeys ? table : null, saved, stage: restoreStageName(id, no) };
  });
  const backup = { id: manifest.id, encryption: manifest.encryption, manifestSha256 };
  return { id, uid, kind, status, target, safetyBackupId, backup, tables, today };
}

/** The table with nulls allowed wherever the primary key allows them. */
export function lenient(table: Table): Table {
  const fields = table.fields.map((field) =>
    table.primaryKey.includes(field.name)
      ? field
      : { ...field, constraints: { ...field.constraints, required: false } },
  );
  return { ...table, fields };
}

const VIEW = part`
  select r.id, r.kind, r.backup_id, b.snapshot_at, r.skipped, r.tables, r.target, r.status, r.safety_backup_id, r.workflow_id, r.run_id, r.result,
         r.error_code, r.error_message, r.note, r.started_by, r.created_at, r.finished_at, p.parts, p.rows,
         coalesce(r.parts_total, t.parts_total) as parts_total, coalesce(r.rows_total, t.rows_total) as rows_total
    from longshore.restore r
    join longshore.backup b on b.id = r.backup_id
    cross join lateral (
      select count(*)::int as parts, coalesce(sum(rows), 0) as rows
        from longshore.restore_part where restore_id = r.id) p
    cross join lateral (
      select coalesce(sum(jsonb_array_length(one -> 'parts')), 0)::int as parts_total,
             coalesce(sum((one ->> 'rows')::float8), 0) as rows_total
        from jsonb_array_elements(case when r.parts_total is null then b.manifest -> 'tables' end) one
       where one ->> 'table' = any (r.tables)) t`;

const READ_RESTORE = statement<RestoreRow>`${VIEW} where r.id = $1`;

/** @throws LongshoreError `unknown-restore` */
export async function readRestore(db: Sql, id: number): Promise<RestoreView> {
  if (id > LARGEST_JOB_NUMBER) throw unknownRestore(id);
  const [row] = await db.query(READ_RESTORE, [id]);
  if (!row) throw unknownRestore(id);
  return toRestoreView(row);
}

export interface RestoreFilter {
  readonly kind?: RestoreKind;
  readonly status?: RestoreStatus;
  readonly backupId?: string;
  readonly table?: string;
  /** Only restores that touch no other tables than these; absent: of every table. */
  readonly within?: readonly string[];
  /** Only restores with a lower ID. */
  readonly before?: number;
  readonly limit: number;
}

const LIST_RESTORES = statement<RestoreRow>`
  ${VIEW}
   where ($1::text is null or r.kind = $1) and ($2::text is null or r.status = $2)
     and ($3::text is null or r.backup_id = $3) and ($4::text is null or r.tables @> array[$4])
     and ($5::text[] is null or r.tables <@ $5) and ($6::bigint is null or r.id < $6)
   order by r.id desc limit $7`;

/** Newest first. */
export async function listRestores(db: Sql, filter: RestoreFilter): Promise<RestoreView[]> {
  const rows = await db.query(LIST_RESTORES, [
    filter.kind ?? null,
    filter.status ?? null,
    filter.backupId ?? null,
    filter.table ?? null,
    filter.within ?? null,
    filter.before ?? null,
    filter.limit,
  ]);
  return rows.map(toRestoreView);
}

/** Records the status of a restore, unless it has ended. */
export async function setRestoreStatus(db: Sql, id: number, status: RestoreStatus): Promise<void> {
  await unfinished(db, id).set({ status }).execute();
}

export async function recordChanges(db: Sql, id: number, changes: readonly TableChange[]): Promise<void> {
  await unfinished(db, id)
    .set({ result: jsonb(changes) })
    .execute();
}

/** The restore's row, unless it has ended. */
function unfinished({ ledger }: Sql, id: number) {
  return ledger.updateTable('restore').where('id', '=', id).where('finished_at', 'is', null);
}

/**
 * Locks the restore's row until the transaction ends, so that nobody else ends it meanwhile.
 * @throws LongshoreError `restore-state` when it has ended, `unknown-restore`
 */
export async function lockRestore(tx: Sql, id: number): Promise<void> {
  const row = await tx.ledger
    .selectFrom('restore')
    .select(['status', 'finished_at'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw unknownRestore(id);
  if (row.finished_at !== null)
    throw new LongshoreError('restore-state', `restore ${id} is ${row.status}: it has ended`);
}

export function unknownRestore(id: number): LongshoreError {
  return new LongshoreError('unknown-restore', `there is no restore ${id}`);
}
