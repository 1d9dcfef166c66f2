import { resolve } from '../avro/resolve.ts';
import { avroSchemaOf, columnsWithTypes } from '../avro/schema.ts';
import type { Manifest } from '../backups/backup.ts';
import type { BackupDeps } from '../backups/backup-deps.ts';
import { unknownBackup } from '../backups/backups.ts';
import { describeSkipped, newestReadable } from '../backups/choose-backup.ts';
import type { Skipped } from '../backups/skipped.ts';
import type { Database } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { quoteName } from '../db/sql-names.ts';
import { isRowFault } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { holdTables, type LedgerDictionary } from '../dictionary/dictionary-versions.ts';
import { LongshoreError } from '../errors.ts';
import { restoreWorkflowId } from '../installation/workflow-ids.ts';
import { STAGE_NAMES } from '../publish/stage.ts';
import { quoted } from '../shorten.ts';
import { makeMissing } from '../tables/ensure-tables.ts';
import { brokenTables } from '../tables/measure-tables.ts';
import type { Dictionary, Table } from '../types.ts';
import { refuseTaken, reserveCopy } from './copies.ts';
import { requireRestorable } from './restorable.ts';
import type { RestoreTarget } from './restore.ts';

/** The most primary keys that a restore of single rows may name. */
export const MAX_KEYS = 10_000;
/** A name that PostgreSQL does not truncate, that needs no quotes except for its case, and is not reserved. */
const NEW_NAME = /^(?!pg_)[A-Za-z_][A-Za-z0-9_]{0,62}$/;

export interface NewRestore {
  readonly kind: 'restore' | 'dry-run';
  readonly backupId: string;
  /** null: every table of the backup. */
  readonly tables: readonly string[] | null;
  readonly target: RestoreTarget;
  readonly dictionary: Dictionary & Partial<LedgerDictionary>;
  /** Accept an unverified backup. */
  readonly acceptUnverified?: boolean;
  /** Newer backups that were skipped when this one was chosen. */
  readonly skipped?: readonly Skipped[];
  /** The most copies that there may be; required for a restore under another name, which makes one. */
  readonly maxCopies?: number;
  /** ID of the API key that requested it. */
  readonly startedBy: string;
}

/**
 * Records a restore or a dry run in the ledger, and nothing else: the caller starts its workflow. All faults that show
 * before a row is read are refused here.
 *
 * @returns its ID
 * @throws LongshoreError `unknown-backup`, `backup-state`, `backup-unverified`, `unknown-table` (not in the backup),
 *   `restore-mismatch`, `restore-state` (the new name), `invalid-request` (the keys), `table-broken`
 */
export async function createRestore(db: Database, request: NewRestore): Promise<number> {
  const { kind, backupId, skipped = [] } = request;
  const doubts = await requireRestorable(db, backupId, request.acceptUnverified ?? false);
  const target: RestoreTarget = { ...request.target, ...(doubts && { acceptUnverified: true }) };
  const manifest = await readStored(db, backupId);
  const definitions = definitionsOf(manifest, request);
  if (target.as !== null) await refuseName(db, target.as, definitions, request.dictionary);
  if (target.keys !== null) await refuseKeys(db, target.keys, definitions);
  if (target.as === null) await makeReady(db, request, definitions);
  const insert = (sql: Sql) =>
    insertRestore(sql, { ...request, target, skipped }, definitions, doubts !== null);
  const { as } = target;
  return db.transaction(async (tx) => {
    if (as === null)
      await holdTables(
        tx,
        request.dictionary,
        definitions.map(({ name }) => name),
      );
    else if (kind === 'restore') await reserveCopy(tx, as, request.maxCopies ?? 0);
    return insert(tx);
  });
}

/** Makes tables and columns that somebody has dropped, so that their rows can come back. */
async function makeReady(
  db: Database,
  { kind, dictionary }: NewRestore,
  tables: readonly Table[],
): Promise<void> {
  const missing = (await brokenTables(db, tables)).filter((one) => one.missing);
  if (missing.length === 0) return;
  if (kind === 'dry-run')
    throw new LongshoreError('table-broken', missing.map(({ what }) => what).join('; '));
  await makeMissing(
    db,
    dictionary,
    missing.map(({ name }) => name),
  );
}

const INSERT_RESTORE = statement<{ id: number }>`
  with b as materialized (
    select id, manifest from longshore.backup where id = $2 and status = $7 for share),
  t as (
    select sum(jsonb_array_length(one -> 'parts'))::int as parts, sum((one ->> 'rows')::float8) as rows
      from b, jsonb_array_elements(b.manifest -> 'tables') one where one ->> 'table' = any ($3))
  insert into longshore.restore (id, uid, kind, backup_id, tables, target, definitions, status, workflow_id,
                                 started_by, skipped, parts_total, rows_total)
  select next.id, u.uid, $1, b.id, $3, $4, $5, 'accepted', ${restoreWorkflowId('$1')}, $6, $8, t.parts, t.rows
    from b, t, nextval(pg_get_serial_sequence('longshore.restore', 'id')) as next(id), gen_random_uuid() as u(uid)
  returning id`;

/** @throws LongshoreError `backup-state` */
export async function insertRestore(
  sql: Sql,
  { kind, backupId, target, startedBy, skipped }: NewRestore & { readonly skipped: readonly Skipped[] },
  definitions: readonly Table[],
  isUnverified: boolean,
): Promise<number> {
  // The insert and the backup's deletion lock the same row: the second of them sees the first.
  const [made] = await sql.query(INSERT_RESTORE, [
    kind,
    backupId,
    definitions.map(({ name }) => name),
    JSON.stringify(target),
    JSON.stringify(definitions),
    startedBy,
    isUnverified ? 'unverified' : 'done',
    skipped.length === 0 ? null : JSON.stringify(skipped),
  ]);
  if (!made) throw new LongshoreError('backup-state', `backup ${backupId} was deleted just now`);
  return made.id;
}

/**
 * The backup that `latest` means: see `newestReadable`.
 * @param known whether the dictionary has the table
 * @throws LongshoreError `unknown-backup`, naming the skipped backups and why they were skipped; `unknown-table`
 */
export async function latestBackupOf(
  deps: BackupDeps,
  table: string,
  { before, known }: { readonly before: string | undefined; readonly known: boolean },
): Promise<{ readonly backupId: string; readonly skipped: readonly Skipped[] }> {
  const { backupId, skipped } = await newestReadable(deps, table, before);
  if (backupId !== null) return { backupId, skipped };
  if (!known && skipped.length === 0) {
    throw new LongshoreError(
      'unknown-table',
      `the dictionary has no table ${quoted(table)}, and there is no backup of it that could be restored`,
    );
  }
  const until = before === undefined ? 'yet' : `from ${before} or before`;
  const none = `there is no good backup of ${table} ${until}, beside those that restores made`;
  throw new LongshoreError(
    'unknown-backup',
    skipped.length === 0 ? none : `no backup of ${table} can be read here: ${describeSkipped(skipped)}`,
  );
}

/** @throws LongshoreError `unknown-backup` */
export async function readStored(db: Sql, backupId: string): Promise<Manifest> {
  const row = await db.ledger
    .selectFrom('backup')
    .select('manifest')
    .where('id', '=', backupId)
    .executeTakeFirst();
  if (!row?.manifest) throw unknownBackup(backupId);
  return row.manifest;
}

/** The definitions by which tables are restored, in the order of their references. */
function definitionsOf(manifest: Manifest, { tables, target, dictionary }: NewRestore): readonly Table[] {
  const held = manifest.tables.map(({ table }) => table);
  const names = tables ?? held;
  const missing = names.filter((name) => !held.includes(name));
  if (missing.length > 0) {
    throw new LongshoreError('unknown-table', `backup ${manifest.id} does not hold ${missing.join(', ')}`);
  }
  const saved = manifest.tables.filter(({ table }) => names.includes(table));
  if (target.as !== null) return saved.map(({ definition }) => definition);
  const unknown = names.filter((name) => !dictionary.tables.some((table) => table.name === name));
  if (unknown.length > 0) {
    throw new LongshoreError(
      'restore-mismatch',
      `the dictionary has no table ${unknown.join(', ')} any more: it can be restored under another name`,
    );
  }
  const present = dictionary.tables.filter(({ name }) => names.includes(name));
  for (const table of present) {
    const { definition } = saved.find((one) => one.table === table.name)!;
    resolve(avroSchemaOf(definition), table);
  }
  return present;
}

async function refuseName(
  db: Sql,
  as: string,
  definitions: readonly Table[],
  dictionary: Dictionary,
): Promise<void> {
  const shown = JSON.stringify(as);
  if (definitions.length !== 1) {
    throw new LongshoreError('restore-state', 'only one table at a time can be restored under another name');
  }
  if (!NEW_NAME.test(as) || STAGE_NAMES.test(as)) {
    throw new LongshoreError('restore-state', `${shown} can not be the name of a table here`);
  }
  if (dictionary.tables.some(({ name }) => name === as)) {
    throw new LongshoreError('restore-state', `${shown} is a table of the dictionary`);
  }
  await refuseTaken(db, as);
}

async function refuseKeys(
  db: Sql,
  keys: readonly (readonly string[])[],
  definitions: readonly Table[],
): Promise<void> {
  const [table] = definitions;
  if (!table || definitions.length > 1) throw invalidKeys('keys can be given for one table only');
  const { primaryKey, name } = table;
  if (primaryKey.length === 0) throw invalidKeys(`${name} has no primary key`);
  if (keys.length > MAX_KEYS) throw invalidKeys(`at most ${MAX_KEYS} keys at once`);
  if (keys.some((key) => key.length !== primaryKey.length)) {
    throw invalidKeys(`a key of ${name} is ${primaryKey.join(', ')}`);
  }
  try {
    await db.query(`select from ${keysAsRows(table)}`, keysAsParameters(table, keys));
  } catch (error) {
    if (!isRowFault(error)) throw error;
    throw invalidKeys(`a key does not fit ${primaryKey.join(', ')} of ${name}`);
  }
}

function invalidKeys(message: string): LongshoreError {
  return new LongshoreError('invalid-request', message);
}

/** SQL of a function that gives the keys as rows with the names of the key's fields; see `keysAsParameters`. */
export function keysAsRows(table: Table): string {
  const types = new Map(columnsWithTypes(table).map(({ name, type }) => [name, type]));
  const arrays = table.primaryKey.map((name, i) => `$${i + 1}::text[]::${types.get(name)}[]`);
  return `unnest(${arrays.join(', ')}) as k (${table.primaryKey.map((name) => quoteName(name)).join(', ')})`;
}

export function keysAsParameters(table: Table, keys: readonly (readonly string[])[]): string[][] {
  return table.primaryKey.map((_, i) => keys.map((key) => key[i]!));
}
