import type { Database } from '../db/database.ts';
import type { LedgerRow } from '../db/ledger-queries.ts';
import { statement } from '../db/statement.ts';
import { columnNames } from '../dictionary/match-header.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import { hasEnded } from '../jobs/job.ts';
import type { LoadView } from '../loads/load-view.ts';
import { readLoad, readLoadPlan } from '../loads/loads.ts';
import { summarizeRejects } from '../rejects/kept-rejects.ts';
import { hasExtraCells, listRejects } from '../rejects/rejects.ts';
import { type RejectPages, RejectsCsv, rejectsCsvLines } from '../rejects/rejects-csv.ts';
import type { Cleared } from '../storage/file-tree.ts';
import type { Storage } from '../storage/storage.ts';
import type { FileOutcome, FilePlan } from './arrival.ts';
import { lockFile, readFile } from './arrival-files.ts';
import { DONE, FAILED, markerOf, movedPlace, RECEIPT, REJECTS, withEnding } from './places.ts';
import { receiptOf } from './receipt.ts';

type FileRow = LedgerRow<'arrival_file'>;
type SettleDeps = { readonly db: Database; readonly storage: Pick<Storage, 'tree' | 'stat' | 'delete'> };

/** Content that is in the table already is no fault of the file's. */
const IN_ALREADY: ErrorCode = 'already-loaded';
/** What was never loaded and is not there in this version any more, or waits for its table, stays as it is. */
const LEFT_ALONE: readonly ErrorCode[] = ['source-not-found', 'file-changed', 'unknown-table'];

/**
 * Brings a file to its end, once its load has ended:
 *
 *   choose its place ─ move or delete it ─ rejects ─ receipt ─ record the end
 *
 * Each step finds what an earlier attempt has done. The receipt is written last, so it is there only when all it tells of
 * is so; and the end is recorded only when the receipt is there.
 *
 * @returns false: its load has not ended
 */
export async function settleFile(deps: SettleDeps, fileId: number): Promise<boolean> {
  const { db, storage } = deps;
  const row = await readFile(db, fileId);
  if (row === null || row.state !== 'loading' || row.plan === null) return true;
  const load = row.load_id === null ? null : await readLoad(db, row.load_id);
  if (load === null ? row.outcome === null : !hasEnded(load)) return false;
  const outcome = outcomeOf(row, load);
  const { plan } = row;
  if (load === null && row.error_code !== null && LEFT_ALONE.includes(row.error_code)) {
    await end(db, row, {
      outcome,
      load,
      cleared: row.error_code === 'unknown-table' ? null : 'gone',
      receipt: null,
    });
    return true;
  }
  const target = targetOf(plan, outcome);
  const { place, cleared } = await bringAway(deps, row, target);
  const receipt = withEnding(place, RECEIPT);
  const kept = load === null ? 0 : (await summarizeRejects(db, load.id)).kept;
  const rejects = kept > 0 ? withEnding(place, REJECTS) : null;
  if (rejects !== null) await storage.tree.put(rejects, rejectsOf(db, load!.id));
  const isThere = target !== 'delete' && (cleared === null || cleared === 'cleared');
  const told = receiptOf({ row, outcome, load, kept, place: isThere ? place : null, rejects });
  await storage.tree.put(receipt, once(`${JSON.stringify(told, null, 2)}\n`));
  if (plan.formerReceipt !== null && plan.formerReceipt !== receipt) {
    await storage.delete(plan.formerReceipt);
    await storage.delete(`${plan.formerReceipt.slice(0, -RECEIPT.length)}${REJECTS}`);
  }
  await end(db, row, { outcome, load, cleared, receipt });
  return true;
}

function outcomeOf(row: FileRow, load: LoadView | null): FileOutcome {
  if (load === null) return row.outcome ?? 'failed';
  if (load.status === 'done') return 'done';
  return load.error?.code === IN_ALREADY ? 'skipped' : 'failed';
}

/** What becomes of the file itself; null: it stays. One that failed is never deleted. */
function targetOf({ after }: FilePlan, outcome: FileOutcome): typeof DONE | typeof FAILED | 'delete' | null {
  if (after === 'keep') return null;
  if (outcome === 'failed') return FAILED;
  return after === 'delete' ? 'delete' : DONE;
}

const TAKEN_PLACE = statement<{ taken: boolean }>`
  select exists (select from longshore.arrival_file where moved_to = $1 and id <> $2) as taken`;

/** Somebody may put another file where it was to go, after the place was chosen: then it gets another one. */
async function bringAway(
  deps: SettleDeps,
  row: FileRow,
  target: ReturnType<typeof targetOf>,
): Promise<{ readonly place: string; readonly cleared: Cleared | null }> {
  const { db, storage } = deps;
  const place = await choosePlace(deps, row, target);
  if (target === null) return { place, cleared: null };
  try {
    return { place, cleared: await clear(storage.tree, row.plan!, target, place) };
  } catch (error) {
    if (!(error instanceof LongshoreError) || error.code !== 'file-changed') throw error;
    await db.ledger.updateTable('arrival_file').set({ moved_to: null }).where('id', '=', row.id).execute();
    const other = await choosePlace(deps, row, target);
    return { place: other, cleared: await clear(storage.tree, row.plan!, target, other) };
  }
}

/**
 * Chooses where the file goes, and with it where its receipt lies, and records that before anything is moved: so that a
 * crash in between leaves no doubt, and no two files get one place.
 */
async function choosePlace(
  { db, storage }: SettleDeps,
  { id, plan, file_key: key, drop_no: dropNo }: FileRow,
  target: ReturnType<typeof targetOf>,
): Promise<string> {
  const { prefix, key: now } = plan!;
  const folder = target === FAILED ? FAILED : DONE;
  return db.transaction(async (tx) => {
    const row = await lockFile(tx, id);
    if (row?.moved_to != null) return row.moved_to;
    const claim = async (place: string) => {
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`longshore place ${place}`]);
      await tx.ledger
        .updateTable('arrival_file')
        .set({ moved_to: place, receipt: withEnding(place, RECEIPT) })
        .where('id', '=', id)
        .execute();
      return place;
    };
    // It stays, or is there already: where a try before has left it.
    if (target === null || now.startsWith(`${prefix}${folder}`)) return claim(now);
    const origin = originOf(prefix, now);
    const place = movedPlace(prefix, origin, folder, null);
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`longshore place ${place}`]);
    const [found] = await tx.query(TAKEN_PLACE, [place, id]);
    const beside = [place, withEnding(place, RECEIPT), withEnding(place, REJECTS)];
    const there = found?.taken === true ? [] : await Promise.all(beside.map((one) => storage.stat(one)));
    if (found?.taken !== true && there.every((one) => one === null)) return claim(place);
    const distinct = `${key.slice(0, 10)}${dropNo > 0 ? `-${dropNo}` : ''}`;
    return claim(
      movedPlace(prefix, origin, folder, row!.tries > 1 ? `${distinct}-try${row!.tries}` : distinct),
    );
  });
}

/** Without the folder that a try before has moved it to. */
function originOf(prefix: string, key: string): string {
  for (const folder of [DONE, FAILED]) {
    if (key.startsWith(`${prefix}${folder}`)) return `${prefix}${key.slice(prefix.length + folder.length)}`;
  }
  return key;
}

async function clear(
  tree: Storage['tree'],
  plan: FilePlan,
  target: NonNullable<ReturnType<typeof targetOf>>,
  place: string,
): Promise<Cleared> {
  const { key, marker } = plan;
  if (target !== 'delete' && place === key) return 'cleared';
  const cleared = target === 'delete' ? await tree.remove(key, plan) : await tree.move(key, place, plan);
  const own = marker === null ? null : markerOf(marker, key);
  // A marker of its own has done its work, and must not stand for the next version.
  if (own !== null && cleared === 'cleared') await tree.discard(own);
  return cleared;
}

async function* rejectsOf(db: Database, loadId: number): AsyncGenerator<string> {
  const { table, header } = await readLoadPlan(db, { loadId });
  const columns = header ?? columnNames(table);
  const csv = new RejectsCsv(
    { columns, extra: await hasExtraCells(db, loadId) },
    '_line',
    table.dialect.delimiter,
  );
  const pages: RejectPages = async (afterLine, limit) => {
    const { rejects, more } = await listRejects(db, loadId, table, { afterLine, limit });
    return { rejects: rejects.map(({ line, ...rest }) => ({ at: line, ...rest })), more };
  };
  yield* rejectsCsvLines(csv, pages, 0);
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

interface End {
  readonly outcome: FileOutcome;
  readonly load: LoadView | null;
  readonly cleared: Cleared | null;
  readonly receipt: string | null;
}

async function end(db: Database, row: FileRow, { outcome, load, cleared, receipt }: End): Promise<void> {
  const error = load?.error ?? null;
  const isMoved = cleared === 'cleared' && targetOf(row.plan!, outcome) !== 'delete';
  await db.transaction(async (tx) => {
    const locked = await lockFile(tx, row.id);
    if (locked?.state !== 'loading' || locked.tries !== row.tries) return;
    if (row.drop_no > 0 && row.error_code === 'source-not-found') {
      // The look saw it just before an earlier one was moved away: it was never there a second time.
      await tx.ledger.deleteFrom('arrival_file').where('id', '=', row.id).execute();
      return;
    }
    await tx.ledger
      .updateTable('arrival_file')
      .set({
        state: outcome,
        ...(load !== null && {
          error_code: error?.code ?? cancelledCode(load),
          error_message: error?.message ?? null,
        }),
        cleared: cleared !== null,
        ...(!isMoved && { moved_to: null }),
        receipt,
        ended_at: new Date(),
      })
      .where('id', '=', row.id)
      .execute();
  });
}

function cancelledCode({ status }: LoadView): ErrorCode | null {
  return status === 'cancelled' ? 'load-cancelled' : null;
}
