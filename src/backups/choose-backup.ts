import { sql } from 'kysely';
import { moment } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { Part } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { backupFolder } from './backup-id.ts';
import { backupKeysHere } from './backup-keys.ts';
import { describeDoubts } from './doubts.ts';
import { futureDoubt } from './judge-manifest.ts';
import { manifestDoubt } from './manifest.ts';
import type { Skipped } from './skipped.ts';

/** At most so many skipped backups are reported. */
const MOST_TOLD = 20;

export interface Choice {
  /** null: there is none. */
  readonly backupId: string | null;
  readonly skipped: readonly Skipped[];
}

/**
 * The newest readable backup of a table: verified, with its backup key configured, with its files in the storage, and
 * not found damaged by a drill. Never a safety backup: that holds data which somebody wanted to replace.
 * @param before RFC 3339: only snapshots of this moment or earlier
 */
export async function newestReadable(deps: BackupDeps, table: string, before?: string): Promise<Choice> {
  const { db } = deps;
  const done = await holdersOf(db, table, before)
    .select(['id', 'snapshot_at as at'])
    .where('status', '=', 'done')
    .orderBy('snapshot_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  const skipped: Skipped[] = [];
  let chosen: { readonly id: string; readonly at: Date | null } | undefined;
  for (const one of done) {
    const why = await faultOf(deps, one.id, table);
    if (why === null) {
      chosen = one;
      break;
    }
    skipped.push({ backupId: one.id, snapshotAt: one.at?.toISOString() ?? null, why, strange: false });
  }
  const doubted = await newerDoubted(db, table, chosen?.at ?? null, before);
  // This ledger's own come first, so that no number of backups put into the storage can hide them.
  const told = [...skipped, ...doubted].sort(
    (a, b) => Number(a.strange) - Number(b.strange) || byNewest(a, b),
  );
  return { backupId: chosen?.id ?? null, skipped: told.slice(0, MOST_TOLD) };
}

/** Backups that hold the table, but for safety backups. */
function holdersOf({ ledger }: Sql, table: string, before?: string) {
  return ledger
    .selectFrom('backup')
    .where('purpose', '<>', 'safety')
    .where('tables', '@>', sql<string[]>`array[${table}]`)
    .$if(before !== undefined, (until) => until.where('snapshot_at', '<=', moment(before!)));
}

function byNewest(a: Skipped, b: Skipped): number {
  return (
    Date.parse(b.snapshotAt ?? '') - Date.parse(a.snapshotAt ?? '') || (a.backupId < b.backupId ? 1 : -1)
  );
}

/** The properties of a finished backup that decide whether it can be relied on. */
export interface Reliance {
  readonly id: string;
  readonly sha256: string;
  /** ID of the backup key that encrypts its parts; null: they are not encrypted. */
  readonly keyId: string | null;
  readonly snapshotAt: Date | null;
  readonly damaged: boolean;
}

/** Columns of `longshore.backup b`, as a `Reliance`. */
export const RELIANCE = `b.id, b.manifest_sha256 as sha256, b.manifest -> 'encryption' ->> 'keyId' as "keyId",
  b.snapshot_at as "snapshotAt", coalesce(not (b.verification->>'ok')::boolean, false) as damaged`;

/**
 * Why a backup that the ledger calls done can't be relied on at present; null: it can. Reads its manifest, which anyone
 * with access to the storage may have changed since it was last read.
 */
export async function relianceFault(
  { storage, keys }: Pick<BackupDeps, 'storage' | 'keys'>,
  { id, sha256, keyId, snapshotAt, damaged }: Reliance,
): Promise<string | null> {
  if (damaged) return 'a drill found it damaged';
  const future = snapshotAt && futureDoubt(snapshotAt.toISOString(), Date.now());
  if (future) return future.detail;
  if (keyId !== null && !keys.byId.has(keyId))
    return `it is encrypted with the key ${keyId}; ${backupKeysHere(keys)}`;
  return (await manifestDoubt(storage, id, sha256))?.detail ?? null;
}

const READ_MANIFEST = statement<
  { [member in keyof Reliance]: Reliance[member] } & { readonly parts: readonly Part[] }
>`
  select ${RELIANCE}, (select one -> 'parts' from jsonb_array_elements(b.manifest -> 'tables') one
                        where one ->> 'table' = $2) as parts
    from longshore.backup b where b.id = $1 and b.status = 'done'`;

async function faultOf(deps: BackupDeps, id: string, table: string): Promise<string | null> {
  const [row] = await deps.db.query(READ_MANIFEST, [id, table]);
  if (!row) return 'it was deleted just now';
  const fault = await relianceFault(deps, row);
  if (fault !== null) return fault;
  const folder = backupFolder(id);
  const stored = new Set(await deps.storage.list(folder));
  const missing = row.parts.find(({ name }) => !stored.has(folder + name));
  return missing ? `its file ${missing.name} is missing` : null;
}

/** Unverified backups that claim to be newer. */
async function newerDoubted(db: Sql, table: string, than: Date | null, before?: string): Promise<Skipped[]> {
  const rows = await holdersOf(db, table, before)
    .select(['id', 'snapshot_at as at', 'found', 'unverified'])
    .where('status', '=', 'unverified')
    .$if(than !== null, (newer) => newer.where('snapshot_at', '>', than))
    .orderBy('found')
    .orderBy('snapshot_at', 'desc')
    .orderBy('id', 'desc')
    .limit(MOST_TOLD)
    .execute();
  return rows.map(({ id, at, found, unverified }) => ({
    backupId: id,
    snapshotAt: at?.toISOString() ?? null,
    why: `it is unverified (${describeDoubts(unverified ?? [])})`,
    strange: found,
  }));
}

/** The skipped backups in one line, for errors and logs; empty when none was skipped. */
export function describeSkipped(skipped: readonly Skipped[]): string {
  return skipped.map(({ backupId, why }) => `${backupId}: ${why}`).join('; ');
}
