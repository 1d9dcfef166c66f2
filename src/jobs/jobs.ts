import { WorkflowNotFoundError } from '@temporalio/client';
import { LongshoreError } from '../errors.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { hasEnded, type JobView } from './job.ts';
import type { JobDeps, JobKind, JobRow } from './job-kind.ts';
import { retryingOn } from './retrying-on.ts';
import { seenWaits } from './seen-waits.ts';
import { startJob } from './start-job.ts';
import { waitUntilEnded } from './wait-until-ended.ts';

/** The requests that jobs of every kind take. Calls throw the not-found error of the kind for an unknown ID. */
export interface Jobs<View extends JobView> {
  /** The view, with the error that the job is retrying on. */
  get(id: View['id']): Promise<View>;

  /**
   * Resolves when the job has ended, after `waitMs`, or when `signal` aborts, whichever is first, with the view at that
   * time. Never rejects because of the signal.
   */
  wait(id: View['id'], waitMs: number, signal: AbortSignal): Promise<View>;

  /** Requests cancellation, which follows a little later. @throws `load-state` and the like when it has ended */
  cancel(id: View['id']): Promise<View>;
}

/** The same over the ledger and Temporal, and the start of a job that the ledger has. */
export interface LedgerJobs<View extends JobView> extends Jobs<View> {
  /** The view without `waitingFor`. */
  view(id: View['id']): Promise<View>;

  /** Starts the workflow of a job that has not ended. @throws LongshoreError `temporal-unavailable` */
  startNow(id: View['id']): Promise<void>;

  /**
   * Starts the workflow of a job that is in the ledger already, and so can't be lost. While Temporal is away the start
   * is left to `reconcileJobs`.
   */
  start(id: View['id']): Promise<View>;
}

export function createJobs<Row extends JobRow, View extends JobView, Deps extends JobDeps>(
  kind: JobKind<Row, View, Deps>,
  deps: Deps,
): LedgerJobs<View> {
  const { client, db, log } = deps;
  const view = (id: View['id']) => kind.view(db, id);
  const waitingFor = seenWaits((workflowId) => retryingOn(deps, workflowId, kind.besideWorkers));
  const startNow = async (id: View['id']) => {
    const row = await kind.row(db.ledger, id);
    if (row) await startJob(deps, kind, row);
  };
  return {
    view,
    startNow,

    async start(id) {
      await startNow(id).catch((err) =>
        log.warn({ ...logged(kind, id), err }, `${labelOf(kind, id)} waits for Temporal: ${messageOf(err)}`),
      );
      return view(id);
    },

    async get(id) {
      const job = await view(id);
      if (hasEnded(job)) return job;
      return { ...job, waitingFor: await waitingFor(job.workflowId) };
    },

    wait: (id, waitMs, signal) => waitUntilEnded({ read: () => view(id), hasEnded, waitMs, signal }),

    async cancel(id) {
      const { status, workflowId } = await view(id);
      if (hasEnded({ status })) {
        throw new LongshoreError(kind.errors.ended, `${kind.name} ${id} is ${status}: it has ended`);
      }
      try {
        await client.workflow.getHandle(workflowId).cancel();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw translateTemporal(error);
        await kind.end(deps, id, { status: 'cancelled' });
      }
      return view(id);
    },
  };
}

type Named = Pick<JobKind<JobRow, JobView>, 'name'>;

/** `Load 5` */
export function labelOf({ name }: Named, id: JobView['id']): string {
  return `${name[0]?.toUpperCase()}${name.slice(1)} ${id}`;
}

/** The job's ID under the name that the log has for it: `loadId`. */
export function logged({ name }: Named, id: JobView['id']): Readonly<Record<string, JobView['id']>> {
  return { [`${name}Id`]: id };
}
