import type { Ledger } from '../db/ledger-queries.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { listingClient } from '../seal/listing-client.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { stateOfWorkflow } from '../temporal/workflow-state.ts';
import { hasEnded, type JobView } from './job.ts';
import type { JobDeps, JobKind, JobName, JobRow } from './job-kind.ts';
import { labelOf, logged } from './jobs.ts';
import { startJob } from './start-job.ts';

/** Its workflow had run. For one that Temporal never knew there is nothing to note. */
const STARTED_ANEW =
  'Temporal did not know its workflow any more: it got a new one, which goes on from what the ledger has';
/** The longest that an interrupted run of a schedule may take to start a job that it recorded. */
const PARENT_MS = 3_600_000;

/** Of more jobs Temporal is asked for a list of those that run, and one by one only for the others. */
const ASKED_ONE_BY_ONE = 10;
const NONE: ReadonlySet<string> = new Set();

/**
 * Reconciles ledger and Temporal: starts jobs whose workflow was never started (the API died in between, or Temporal
 * was away), and ends those whose workflow ended without recording it (terminated in the Web UI, or timed out), whose
 * turns, files and gates would never be released.
 */
export async function reconcileJobs<Row extends JobRow, View extends JobView, Deps extends JobDeps>(
  kind: JobKind<Row, View, Deps>,
  deps: Deps,
): Promise<void> {
  const rows = await kind.unfinished(deps.db.ledger);
  const running = rows.length > ASKED_ONE_BY_ONE ? await listRunning(deps, kind.workflowType) : NONE;
  for (const row of rows) {
    // One job's error must not hold up the others.
    await reconcileJob(kind, deps, row, running).catch((error) => {
      const err = translateTemporal(error);
      const label = labelOf(kind, row.id);
      deps.log.warn(
        { ...logged(kind, row.id), err },
        `${label} could not be looked after: ${messageOf(err)}`,
      );
    });
  }
}

/**
 * IDs of the workflows that run, by a list that lags behind by moments: one that has just ended is found the next time.
 * Nothing of them is opened.
 */
async function listRunning({ client, installation }: JobDeps, type: string): Promise<ReadonlySet<string>> {
  const query = `TaskQueue = '${installation.queue}' and ExecutionStatus = 'Running' and WorkflowType = '${type}'`;
  const running = new Set<string>();
  for await (const { workflowId } of listingClient(client).workflow.list({ query })) running.add(workflowId);
  return running;
}

async function reconcileJob<Row extends JobRow, View extends JobView, Deps extends JobDeps>(
  kind: JobKind<Row, View, Deps>,
  deps: Deps,
  row: Row,
  listed: ReadonlySet<string>,
): Promise<void> {
  const { client, db, log } = deps;
  const { id, runId, startedBy, createdAt } = row;
  const { reconciliation } = kind;
  const label = labelOf(kind, id);
  const state = listed.has(row.workflowId) ? 'running' : await stateOfWorkflow(client, row.workflowId);
  if (state === 'running') {
    await reconciliation.running?.(deps, row);
    return;
  }
  // It may have ended just now: a workflow ends after its job.
  if (hasEnded(await kind.view(db, id))) return;
  const fail = async (message: string) => {
    const { status } = await kind.end(deps, id, { status: 'failed', code: kind.errors.terminated, message });
    if (status === 'failed') log.warn({ ...logged(kind, id), state }, `${label} was ended: ${message}`);
  };
  const note = async (found: string) => {
    const text = `${label} had been finished, of which the ledger did not know: PostgreSQL came back from an older copy${found}`;
    log.warn(logged(kind, id), text);
    await noteReconciled(db.ledger, kind.name, row.workflowId, text);
  };
  const found = await reconciliation.foundEnd?.(deps, row);
  if (found != null) return note(found);
  if (state === 'completed') {
    await note(reconciliation.completedNote);
    return reconciliation.completed === 'start'
      ? startJob(deps, kind, row)
      : fail('its workflow was completed');
  }
  if (state !== 'unknown') return fail(`its workflow was ${state.replaceAll('_', ' ')}`);
  if (runId === null && startedBy.startsWith('schedule:')) {
    if (Date.now() - createdAt.getTime() < PARENT_MS) return;
    if (reconciliation.neverStarted === 'fail') return fail('its workflow was never started');
  }
  log.info(logged(kind, id), `Starting the workflow of ${kind.name} ${id}, which has none`);
  if (runId !== null) await noteReconciled(db.ledger, kind.name, row.workflowId, STARTED_ANEW);
  await startJob(deps, kind, row);
}

/** Notes what was done about a job, for its readers. */
async function noteReconciled(
  ledger: Ledger,
  name: JobName,
  workflowId: string,
  note: string,
): Promise<void> {
  await ledger.updateTable(name).set({ note }).where('workflow_id', '=', workflowId).execute();
}
