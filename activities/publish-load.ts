import { type InferEntity, LockMode, raw } from '@mikro-orm/postgresql';
import type { Tx } from '../src/db/database.ts';
import { statement } from '../src/db/statement.ts';
import { absentInFile } from '../src/dictionary/columns-of-file.ts';
import { LongshoreError } from '../src/errors.ts';
import { orphaned } from '../src/jobs/job.ts';
import { LoadEntity } from '../src/ledger/load-entities.ts';
import { hintOfLoad, isSuspicious } from '../src/loads/hint-of-load.ts';
import type { LoadTotals } from '../src/loads/load-view.ts';
import { type LoadPlan, type LoadStep, readLoadPlan, setLoadStatus } from '../src/loads/loads.ts';
import { exceeds } from '../src/max-rejects.ts';
import { type Published, publishStage, RowsRefused } from '../src/publish/publish-stage.ts';
import { dropStage, stageName } from '../src/publish/stage.ts';
import { droppedOf } from '../src/rejects/kept-rejects.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

export type PublishOutcome =
  | ({ readonly outcome: 'published' } & LoadTotals)
  /** PostgreSQL refuses some rows: nothing was changed; `checkLoad` finds those at fault. */
  | { readonly outcome: 'violated' };

/** Makes the load's rows visible and the load done, in one transaction. */
export function publishLoad({ db, storage, analyze }: ActivityDeps) {
  return (step: LoadStep): Promise<PublishOutcome> =>
    whileBeating(
      () => undefined,
      async (signal) => {
        const plan = await readLoadPlan(db, step);
        await setLoadStatus(db, step, 'publishing');
        try {
          const outcome = await db.transaction((tx) => publish(tx, storage, plan, signal));
          analyze?.([plan.table.name]);
          return outcome;
        } catch (error) {
          if (error instanceof RowsRefused) return { outcome: 'violated' };
          throw error;
        }
      },
    );
}

const COUNT_REJECTS = statement<{ chunks: number; read: number; rejected: number }>`
  select count(*)::int as chunks, coalesce(sum(rows_read), 0) as read,
         (select count(*)::float8 from longshore.reject where load_id = $1) + ${droppedOf('$1')} as rejected
    from longshore.load_chunk where load_id = $1`;

async function publish(
  tx: Tx,
  storage: ActivityDeps['storage'],
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<PublishOutcome> {
  const load = await tx.em.findOne(LoadEntity, plan.id, {
    lockMode: LockMode.PESSIMISTIC_WRITE,
    disableIdentityMap: true,
  });
  if (load && load.uid !== plan.uid) throw orphaned(`load ${plan.id}`);
  if (load?.status === 'done') return { outcome: 'published', ...totalsOf(load) };
  if (!load || load.finishedAt) throw new LongshoreError('load-state', `load ${plan.id} has ended`);
  const [count] = await tx.query(COUNT_REJECTS, [plan.id]);
  if (!count || count.chunks !== plan.chunks?.length) {
    throw new LongshoreError('internal', `load ${plan.id}: not every chunk is done`);
  }
  refuseRejects(plan, count);
  const hint = (await isSuspicious(tx, plan, count)) ? await hintOfLoad(tx, storage, plan) : null;
  const staged = count.read - count.rejected;
  const published = await publishStage(tx, plan.table, plan.mode, plan.id, staged, absentInFile(plan));
  signal.throwIfAborted();
  return finish(tx, plan, { ...count, hint }, published);
}

function refuseRejects(plan: LoadPlan, { read, rejected }: { read: number; rejected: number }): void {
  if (plan.maxRejects && exceeds(plan.maxRejects, rejected, read)) {
    throw new LongshoreError('too-many-rejects', `${rejected} of ${read} rows were rejected`);
  }
  // `done` is the wrong word for a file of which nothing went in, unless it was asked for; a table is never emptied so.
  if (rejected === read && (plan.mode === 'replace' || plan.maxRejects !== null)) {
    throw new LongshoreError('too-many-rejects', `every row was rejected (${read}): nothing was loaded`);
  }
}

async function finish(
  tx: Tx,
  plan: LoadPlan,
  { read, rejected, hint }: { read: number; rejected: number; hint: string | null },
  { way, loaded, unchanged, discarded }: Published,
): Promise<PublishOutcome> {
  await tx.em.nativeUpdate(LoadEntity, plan.id, {
    status: 'done',
    finishedAt: raw('clock_timestamp()'),
    paused: false,
    publishedBy: way,
    rowsRead: read,
    rowsLoaded: loaded,
    rowsRejected: rejected,
    rowsUnchanged: unchanged,
    rowsDiscarded: discarded,
    hint,
  });
  if (way === 'insert') await dropStage(tx, stageName(plan.id));
  return { outcome: 'published', read, loaded, rejected, unchanged, discarded };
}

function totalsOf(load: InferEntity<typeof LoadEntity>): LoadTotals {
  return {
    read: load.rowsRead,
    loaded: load.rowsLoaded,
    rejected: load.rowsRejected,
    unchanged: load.rowsUnchanged,
    discarded: load.rowsDiscarded,
  };
}
