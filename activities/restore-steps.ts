import { uncovered } from '../src/backups/uncovered.ts';
import { checkFiles } from '../src/backups/verify-files.ts';
import type { Database, Tx } from '../src/db/database.ts';
import { statement } from '../src/db/statement.ts';
import { LongshoreError } from '../src/errors.ts';
import { FIRST_GROUP_ID, passIds } from '../src/loads/lineage-ids.ts';
import { compareStages, countRows, keysNotFound, limitStage } from '../src/restores/compare-stages.ts';
import { clearRestore, type Proof } from '../src/restores/end-restore.ts';
import { fitStages } from '../src/restores/fit-stages.ts';
import { proveStages } from '../src/restores/prove-stages.ts';
import {
  prepareRestore,
  publishRestore as publishStages,
  rehearseRestore,
} from '../src/restores/publish-restore.ts';
import type { TableChange } from '../src/restores/restore.ts';
import {
  lockRestore,
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
  recordChanges,
  requireRestore,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import { namingDuplicates } from '../src/restores/stage-faults.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

/** Reads every file of a backup that a drill is about. @returns what is wrong, file by file */
export function checkBackupFiles({ db, storage }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<readonly string[]> => {
    const { backup, tables } = await readRestorePlan(db, restoreId);
    return whileBeating(
      () => undefined,
      async (signal) => {
        const faults: string[] = [];
        const files = { id: backup.id, tables: tables.map(({ saved }) => saved) };
        for await (const { file, fault } of checkFiles(storage, files, signal))
          faults.push(`${file}: ${fault}`);
        return faults;
      },
    );
  };
}

/** Counts what the restore changes, or would change (`TableChange`), and writes it into the ledger. */
export function compareStaged({ db }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<readonly TableChange[]> => {
    const plan = await readRestorePlan(db, restoreId);
    // With a safety backup, which runs at the same time and takes longer, the status is its own: saving.
    if (isCompared(plan) && !plan.target.safety) await setRestoreStatus(db, restoreId, 'comparing');
    return whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        if (plan.kind === 'dry-run') {
          await namingDuplicates(db, plan, () => rolledBack(db, (tx) => rehearseRestore(tx, plan)));
        }
        signal.throwIfAborted();
        const changes = await db.transaction(async (tx) => {
          if (plan.target.as !== null) return besideChanges(tx, plan);
          if (!isCompared(plan)) return countRows(tx, plan);
          await limitStage(tx, plan);
          return compareStages(tx, plan, { references: plan.kind === 'dry-run' });
        });
        signal.throwIfAborted();
        await recordChanges(db, restoreId, changes);
        // Keys are values of rows: they stay in the ledger.
        return changes.map(({ notFound: _, ...counts }) => counts);
      },
    );
  };
}

/** A pass over both sides is what a restore would wait for, so a whole one counts changes only when it is asked to. */
function isCompared({ kind, target }: RestorePlan): boolean {
  return kind === 'dry-run' || target.keys !== null || target.compare === true;
}

/** Under another name nothing is there before. */
async function besideChanges(tx: Tx, plan: RestorePlan): Promise<TableChange[]> {
  const { saved, table, stage } = plan.tables[0]!;
  const counts = { rowsNow: 0, rowsInBackup: saved.rows, removed: 0, changed: 0, broken: [] };
  const change = { table: plan.target.as ?? table.name, ...counts };
  if (plan.target.keys === null) return [{ ...change, added: saved.rows }];
  await limitStage(tx, plan);
  const [row] = await tx.query<{ n: number }>(`select count(*)::float8 as n from ${stage}`);
  return [{ ...change, added: row?.n ?? 0, notFound: await keysNotFound(tx, table, [stage]) }];
}

const STAGED_PARTS = statement<{
  n: number;
}>`select count(*)::int as n from longshore.restore_part where restore_id = $1`;

/** A stage with a part missing must never become a table. @throws LongshoreError `internal` */
async function refuseMissing(
  db: Pick<ActivityDeps['db'], 'query'>,
  { id, tables }: RestorePlan,
): Promise<void> {
  const parts = tables.reduce((sum, { saved }) => sum + saved.parts.length, 0);
  const [row] = await db.query(STAGED_PARTS, [id]);
  if (row?.n !== parts)
    throw new LongshoreError('internal', `restore ${id}: ${row?.n} of ${parts} parts are staged`);
}

/** Builds keys and references of the stages before the gate closes, for writers to wait the less. */
export function prepareStaged({ db }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<void> => {
    const plan = await readRestorePlan(db, restoreId);
    if (plan.status === 'done') return;
    await whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        await namingDuplicates(db, plan, () =>
          db.transaction(async (tx) => {
            await prepareRestore(tx, plan);
            signal.throwIfAborted();
          }),
        );
      },
    );
  };
}

const END_RESTORE = statement`update longshore.restore set status = 'done', finished_at = clock_timestamp() where id = $1`;

/** Makes the stages what the tables hold and the restore done, and opens the gates, in one transaction. */
export function publishRestore({ db, analyze }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<void> => {
    const plan = await readRestorePlan(db, restoreId);
    if (plan.status === 'done') return;
    await setRestoreStatus(db, restoreId, 'publishing');
    await whileBeating(
      () => undefined,
      async (signal) => {
        await passIds(db, await idsOf(db, plan));
        await namingDuplicates(db, plan, () =>
          db.transaction(async (tx) => {
            await lockRestore(tx, restoreId);
            await requireRestore(tx, { restoreId, uid: plan.uid });
            await refuseMissing(tx, plan);
            await publishStages(tx, plan);
            signal.throwIfAborted();
            await tx.query(END_RESTORE, [restoreId]);
            await clearRestore(tx, restoreId);
          }),
        );
      },
    );
    // A copy was analyzed when it was made.
    if (plan.target.as === null) analyze?.(plan.tables.map(({ table }) => table.name));
  };
}

/** The newest load and group of each stage. */
async function idsOf(db: ActivityDeps['db'], { tables }: RestorePlan): Promise<number[]> {
  const ids: number[] = [];
  for (const { stage } of tables) {
    const [newest] = await db.query<{ load: number | null; group: number | null }>(
      `select max(_load_id) filter (where _load_id < $1)::float8 as load, max(_load_id)::float8 as "group" from ${stage}`,
      [FIRST_GROUP_ID],
    );
    ids.push(newest?.load ?? 0, newest?.group ?? 0);
  }
  return ids;
}

/**
 * Reads the staged tables back and builds their keys and references, says whether they fit the dictionary of today, and
 * leaves the stages as they were.
 */
export function proveStaged(deps: ActivityDeps) {
  const { db } = deps;
  return async ({ restoreId }: RestoreStep): Promise<Proof> => {
    const plan = await readRestorePlan(db, restoreId);
    await setRestoreStatus(db, restoreId, 'comparing');
    return whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        return rolledBack(db, async (tx) => {
          const proof = await proveStages(tx, plan.tables, signal);
          if (plan.today === null || proof.faults.length > 0) return proof;
          const misfits = await fitStages(deps, tx, plan, plan.today, signal);
          return { ...proof, misfits, warnings: await uncovered(tx, plan.today, plan.today) };
        });
      },
    );
  };
}

class RollBack extends Error {}

/** What the work found out; what it did is undone. */
async function rolledBack<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  let found: { readonly value: T } | undefined;
  await db
    .transaction(async (tx) => {
      found = { value: await work(tx) };
      throw new RollBack();
    })
    .catch((error) => {
      if (!(error instanceof RollBack)) throw error;
    });
  return found!.value;
}
