import type { Tx } from '../src/db/database.ts';
import { statement } from '../src/db/statement.ts';
import { LongshoreError } from '../src/errors.ts';
import { orphaned } from '../src/jobs/job.ts';
import type { LoadTotals } from '../src/loads/load-view.ts';
import { type LoadPlan, type LoadStep, readLoadPlan, setLoadStatus } from '../src/loads/loads.ts';
import { exceeds } from '../src/max-rejects.ts';
import { type Published, publishStage, RowsRefused } from '../src/publish/publish-stage.ts';
import { dropStage, stageName } from '../src/publish/stage.ts';
import { droppedOf } from '../src/rejects/kept-rejects.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { absentInFile } from './plan-cache.ts';

export type PublishOutcome =
  | ({ readonly outcome: 'published' } & LoadTotals)
  /** PostgreSQL does not take all rows: nothing was changed; `checkLoad` finds those at fault. */
  | { readonly outcome: 'violated' };

/** Makes the load's rows visible and the load done, in one transaction. */
export function publishLoad({ db, analyze }: ActivityDeps) {
  return (step: LoadStep): Promise<PublishOutcome> =>
    whileBeating(
      () => undefined,
      async (signal) => {
        const plan = await readLoadPlan(db, step);
        await setLoadStatus(db, step, 'publishing');
        try {
          const outcome = await db.transaction((tx) => publish(tx, plan, signal));
          analyze?.([plan.table.name]);
          return outcome;
        } catch (error) {
          if (error instanceof RowsRefused) return { outcome: 'violated' };
          throw error;
        }
      },
    );
}

const LOCK_LOAD = statement<LoadTotals & { uid: string; status: string; ended: boolean }>`
  select uid, status, finished_at is not null as ended, rows_read as read, rows_loaded as loaded,
         rows_rejected as rejected, rows_unchanged as unchanged, rows_discarded as discarded
    from longshore.load where id = $1 for update`;

const COUNT_REJECTS = statement<{ chunks: number; read: number; rejected: number }>`
  select count(*)::int as chunks, coalesce(sum(rows_read), 0) as read,
         (select count(*)::float8 from longshore.reject where load_id = $1) + ${droppedOf('$1')} as rejected
    from longshore.load_chunk where load_id = $1`;

async function publish(tx: Tx, plan: LoadPlan, signal: AbortSignal): Promise<PublishOutcome> {
  const [load] = await tx.query(LOCK_LOAD, [plan.id]);
  if (load && load.uid !== plan.uid) throw orphaned(`load ${plan.id}`);
  if (load?.status === 'done') return { outcome: 'published', ...totalsOf(load) };
  if (!load || load.ended) throw new LongshoreError('load-state', `load ${plan.id} has ended`);
  const [count] = await tx.query(COUNT_REJECTS, [plan.id]);
  if (!count || count.chunks !== plan.chunks?.length) {
    throw new LongshoreError('internal', `load ${plan.id}: not every chunk is done`);
  }
  refuseRejects(plan, count);
  const staged = count.read - count.rejected;
  const published = await publishStage(tx, plan.table, plan.mode, plan.id, staged, absentInFile(plan));
  signal.throwIfAborted();
  return finish(tx, plan, count, published);
}

function refuseRejects(plan: LoadPlan, { read, rejected }: { read: number; rejected: number }): void {
  if (plan.maxRejects && exceeds(plan.maxRejects, rejected, read)) {
    throw new LongshoreError('too-many-rejects', `${rejected} of ${read} rows were rejected`);
  }
  if (plan.mode === 'replace' && rejected === read) {
    throw new LongshoreError('too-many-rejects', 'every row was rejected: a replace would empty the table');
  }
}

const END_LOAD = statement`
  update longshore.load
     set status = 'done', finished_at = clock_timestamp(), paused = false, published_by = $2,
         rows_read = $3, rows_loaded = $4, rows_rejected = $5, rows_unchanged = $6,
         rows_discarded = $7
   where id = $1`;

async function finish(
  tx: Tx,
  plan: LoadPlan,
  { read, rejected }: { read: number; rejected: number },
  { way, loaded, unchanged, discarded }: Published,
): Promise<PublishOutcome> {
  await tx.query(END_LOAD, [plan.id, way, read, loaded, rejected, unchanged, discarded]);
  if (way === 'insert') await dropStage(tx, stageName(plan.id));
  return { outcome: 'published', read, loaded, rejected, unchanged, discarded };
}

function totalsOf({ read, loaded, rejected, unchanged, discarded }: LoadTotals): LoadTotals {
  return { read, loaded, rejected, unchanged, discarded };
}
