import { CLOCK, jsonb } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { isRowFault } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import { BackupEntity } from '../ledger/backup-entities.ts';
import { Faults } from '../runtime/faults.ts';
import { stampOf } from '../storage/stamp.ts';
import { type BackupStatus, MANIFEST } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { BACKUP_ID, backupFolder } from './backup-id.ts';
import { type Doubt, doubt } from './doubts.ts';
import { recordAdopted, recordDoubted } from './found-backups.ts';
import { type Judged, judgeManifest } from './judge-manifest.ts';
import { manifestDoubt, readManifestFile } from './manifest.ts';

/**
 * Compares the storage with the ledger. Anyone with access to the storage can put anything there, so:
 *
 *     the ledger knows it (done)    trusted as long as its manifest is exactly the one that was written
 *     a key authenticates it        adopted, if it is this ledger's, and not of the future
 *     anything else                 `unverified`, with every reason why; only a person can adopt it
 *
 *     done ⇄ unverified (edited, emptied, missing)      deleted ⇄ unverified (put-back)
 *     found → done (adopted) | unverified → done, once it has no doubts
 *
 * A new ledger, as after the loss of the old one, also adopts the backups of another ledger, if all are of the same one;
 * and without a key those that agree with the hash beside them.
 */

/** The most unverified backups that the ledger keeps; the rest are only counted. */
export const MAX_DOUBTED = 1000;

export interface Reviewed {
  /** Found in the storage, and trusted from now on. */
  readonly adopted: readonly string[];
  /** Not trusted as of now, or for new reasons. */
  readonly doubted: readonly { readonly id: string; readonly doubts: readonly Doubt[] }[];
  /** Trusted again: their manifest is as it was written. */
  readonly cleared: readonly string[];
  /** Not trusted either, but beyond the number that the ledger keeps. */
  readonly uncounted: number;
}

export interface ReviewOptions {
  /** The ledger was empty when this process started; see `ledgerIsFresh`. */
  readonly fresh: boolean;
  readonly nowMs?: number;
  /** Keeps what could not be reviewed; without it the review ends with an error, once all others are reviewed. */
  readonly faults?: Faults;
  /** Stamps by ID of the manifests that the caller's previous review read; they are not read again. */
  readonly seen?: Map<string, string>;
}

interface Known {
  readonly id: string;
  readonly status: BackupStatus;
  readonly found: boolean;
  readonly sha256: string | null;
  readonly deleted: boolean;
  readonly cleared: boolean;
  readonly unverified: readonly Doubt[] | null;
}

const LEDGER_IS_FRESH = statement`
  select from longshore.backup where not found union all select from longshore.load
   union all select from longshore.load_past union all select from longshore.batch_group limit 1`;

/** Whether this ledger was never used: it is of a new installation, or replaces a lost one. */
export async function ledgerIsFresh(db: Sql): Promise<boolean> {
  const used = await db.query(LEDGER_IS_FRESH);
  return used.length === 0;
}

const KNOWN_BACKUPS = statement<{ [member in keyof Known]: Known[member] }>`
  select id, status, found, manifest_sha256 as sha256, deleted_at is not null as deleted,
         cleared_at is not null as cleared, unverified
    from longshore.backup where id = any ($1) or status in ('done', 'unverified')`;

export async function reviewBackups(deps: BackupDeps, options: ReviewOptions): Promise<Reviewed> {
  const { db, storage } = deps;
  const faults = options.faults ?? new Faults();
  const review = new Review(deps, options, faults);
  const stored = await storedIds(storage);
  const known = await db.query(KNOWN_BACKUPS, [[...stored]]);
  const rows = new Map(known.map((row) => [row.id, row]));
  for (const row of known) {
    await faults.alone(`backup ${row.id}`, async () => {
      if (!row.found) await review.known(row, stored.has(row.id));
      else if (!stored.has(row.id)) await review.gone(row);
    });
  }
  const strange: { readonly id: string; readonly row: Known | null }[] = [];
  for (const id of [...stored].sort()) {
    const row = rows.get(id) ?? null;
    if (row === null || row.found) strange.push({ id, row });
  }
  await review.strangers(strange);
  if (options.faults === undefined) faults.end();
  return review.result;
}

/** IDs of the folders that hold a manifest. */
async function storedIds(storage: BackupDeps['storage']): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const key of await storage.list('backups/')) {
    const [, id = '', name, more] = key.split('/');
    if (BACKUP_ID.test(id) && name === MANIFEST && more === undefined) ids.add(id);
  }
  return ids;
}

const READ_ORIGIN = statement<{ origin: string }>`
  select id::text as origin from longshore.backup_origin
  union select manifest ->> 'origin' from longshore.backup
   where status = 'done' and started_by = 'storage' and manifest ->> 'origin' is not null`;

class Review {
  readonly #deps: BackupDeps;
  readonly #options: ReviewOptions;
  readonly #nowMs: number;
  readonly #faults: Faults;
  readonly result = {
    adopted: [] as string[],
    doubted: [] as { id: string; doubts: readonly Doubt[] }[],
    cleared: [] as string[],
    uncounted: 0,
  };

  constructor(deps: BackupDeps, options: ReviewOptions, faults: Faults) {
    this.#deps = deps;
    this.#options = options;
    this.#faults = faults;
    this.#nowMs = options.nowMs ?? Date.now();
  }

  /** Reviews a backup that this ledger made or adopted. */
  async known(row: Known, stored: boolean): Promise<void> {
    const { id, status, sha256 } = row;
    if (sha256 === null || (status !== 'done' && status !== 'unverified' && status !== 'deleted')) return;
    // Its deletion is under way, or was interrupted: the sweep completes it.
    if (row.deleted && !row.cleared) return;
    if (row.deleted && !stored) {
      if (status === 'unverified') await this.#setStatus(row, 'deleted', null);
      return;
    }
    const stamp = await this.#unseenStamp(id);
    if (stamp === null && status === 'done') return;
    const changed = await manifestDoubt(this.#deps.storage, id, sha256);
    const back = row.deleted ? [doubt('put-back', `backup ${id} was deleted here, and is there again`)] : [];
    const doubts = [...back, ...(changed ? [changed] : [])];
    if (doubts.length === 0) {
      if (stamp !== null) this.#options.seen?.set(id, stamp);
      if (status === 'unverified') await this.#setStatus(row, 'done', null);
    } else {
      this.#options.seen?.delete(id);
      if (!sameDoubts(doubts, row.unverified)) await this.#setStatus(row, 'unverified', doubts);
    }
  }

  /** Forgets a found, never trusted backup whose manifest is gone. A restore may still refer to its row. */
  async gone({ id, status }: Known): Promise<void> {
    if (status !== 'unverified') return;
    const { ledger } = this.#deps.db;
    await ledger
      .deleteFrom('backup')
      .where('id', '=', id)
      .where('found', '=', true)
      .where('status', '=', 'unverified')
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('restore').select('restore.id').where('backup_id', '=', id))),
      )
      .execute();
    await ledger
      .updateTable('backup')
      .set({ status: 'deleted', unverified: null, deleted_at: CLOCK, cleared_at: CLOCK })
      .where('id', '=', id)
      .where('found', '=', true)
      .where('status', '=', 'unverified')
      .execute();
  }

  /** Reviews backups that the ledger does not know, or has never trusted. */
  async strangers(all: readonly { readonly id: string; readonly row: Known | null }[]): Promise<void> {
    const judged: { readonly id: string; readonly row: Known | null; readonly judged: Judged }[] = [];
    for (const { id, row } of all) {
      if (row?.status === 'running' || row?.status === 'done') continue;
      if (row?.deleted && !row.cleared) continue;
      await this.#faults.alone(`backup ${id}`, async () => {
        const stamp = await this.#unseenStamp(id);
        const settled = row?.unverified && !row.unverified.some(({ reason }) => reason === 'future-dated');
        if (stamp === null && settled) return;
        judged.push({ id, row, judged: await this.#judge(id, row) });
        if (stamp !== null) this.#options.seen?.set(id, stamp);
      });
    }
    const origins = await this.#origins(judged.map((one) => one.judged));
    let kept = await this.#countDoubted();
    for (const { id, row, judged: one } of judged) {
      const doubts = [...one.doubts, ...foreignDoubt(one, origins)];
      const believed = this.#options.fresh && doubts.every(({ reason }) => reason === 'no-key') ? [] : doubts;
      await this.#faults.alone(`backup ${id}`, async () => {
        if (believed.length === 0 && one.manifest !== null) {
          if (await recordAdopted(this.#deps.db, one.manifest, one)) this.result.adopted.push(id);
        } else if (row === null && kept >= MAX_DOUBTED) {
          this.result.uncounted++;
        } else {
          if (row === null) kept++;
          await this.#doubt(id, row, one, doubts);
        }
      });
    }
  }

  async #judge(id: string, row: Known | null): Promise<Judged> {
    const file = await readManifestFile(this.#deps.storage, id);
    if (file === null) {
      const doubts = [doubt('unreadable', 'its manifest is gone again, or too large to be one')];
      return { manifest: null, sha256: '', keyId: null, doubts };
    }
    const judged = judgeManifest(file, this.#deps.keys, this.#nowMs);
    if (!row?.deleted) return judged;
    const back = doubt('put-back', `backup ${id} was deleted here, and is there again`);
    return { ...judged, doubts: [back, ...judged.doubts] };
  }

  async #doubt(id: string, row: Known | null, judged: Judged, doubts: readonly Doubt[]): Promise<void> {
    const { db } = this.#deps;
    try {
      await recordDoubted(db, id, judged, doubts);
    } catch (error) {
      if (!isRowFault(error)) throw error;
      // A text that PostgreSQL does not store.
      const unreadable = [...doubts, doubt('unreadable', 'its manifest can not be stored')];
      await recordDoubted(db, id, { ...judged, manifest: null }, unreadable);
    }
    if (!sameDoubts(doubts, row?.unverified ?? null)) this.result.doubted.push({ id, doubts });
  }

  /**
   * The ledgers whose backups belong here: this one, and the one that it replaces. An authenticated manifest of any other
   * ledger came from another installation with the same key.
   */
  async #origins(judged: readonly Judged[]): Promise<ReadonlySet<string>> {
    const rows = await this.#deps.db.query(READ_ORIGIN);
    const origins = new Set(rows.map(({ origin }) => origin));
    if (!this.#options.fresh) return origins;
    const others = new Set(
      judged.flatMap(({ doubts, keyId, manifest }) =>
        doubts.length === 0 && keyId !== null && manifest?.origin ? [manifest.origin] : [],
      ),
    );
    for (const own of origins) others.delete(own);
    // Of two others, only a person can say which one this ledger replaces.
    if (others.size === 1) for (const other of others) origins.add(other);
    return origins;
  }

  async #countDoubted(): Promise<number> {
    return this.#deps.db.em.count(BackupEntity, { found: true, status: 'unverified' });
  }

  async #setStatus(
    { id, status: before }: Known,
    status: BackupStatus,
    doubts: readonly Doubt[] | null,
  ): Promise<void> {
    const { numUpdatedRows } = await this.#deps.db.ledger
      .updateTable('backup')
      .set({ status, unverified: doubts && jsonb(doubts) })
      .where('id', '=', id)
      .where('status', '=', before)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return;
    if (doubts) this.result.doubted.push({ id, doubts });
    else if (status === 'done') this.result.cleared.push(id);
  }

  /** The stamp of a manifest; null: an earlier review has read this version of it. */
  async #unseenStamp(id: string): Promise<string | null> {
    const { seen } = this.#options;
    const stamp = (await stampOf(this.#deps.storage, backupFolder(id) + MANIFEST)) ?? '';
    return seen !== undefined && stamp !== '' && seen.get(id) === stamp ? null : stamp;
  }
}

function foreignDoubt({ manifest, keyId }: Judged, origins: ReadonlySet<string>): Doubt[] {
  const origin = manifest?.origin;
  if (keyId === null || origin === undefined || origins.has(origin)) return [];
  return [doubt('foreign', `it was made by another installation (${origin})`)];
}

function sameDoubts(a: readonly Doubt[], b: readonly Doubt[] | null): boolean {
  return JSON.stringify(a.map(({ reason }) => reason)) === JSON.stringify(b?.map(({ reason }) => reason));
}
