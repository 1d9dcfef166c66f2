import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Ledger } from '../db/ledger-queries.ts';
import { firstBytes } from '../shorten.ts';
import { ID_ATTRIBUTE_NAME, REJECTS_ATTRIBUTE_NAME } from '../temporal/attribute-names.ts';
import { ID_ATTRIBUTE, KIND_ATTRIBUTE, TABLE_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import type { JobView } from './job.ts';
import type { JobDeps, JobKind, JobName, JobRow } from './job-kind.ts';

/** Temporal's limit for a summary, in bytes. */
const SUMMARY_MAX = 400;
const DETAILS_MAX = 20_000;
/** The client tries again until then, always with the same request ID. */
const START_LIMIT_MS = 10_000;

/**
 * Starts a job's workflow, and records its run. Idempotent: a workflow that runs already is left alone.
 * @throws LongshoreError `temporal-unavailable`
 */
export async function startJob<Row extends JobRow, Deps extends JobDeps>(
  {
    client,
    eager,
    db,
    installation,
    searchable,
  }: Pick<JobDeps, 'client' | 'eager' | 'db' | 'installation' | 'searchable'>,
  job: JobKind<Row, JobView, Deps>,
  row: Row,
): Promise<void> {
  const { workflowId } = row;
  const { input, summary, details, memo, kind, table, priority } = job.workflowOf(row);
  const tellsRejects = job.tellsRejects === true && searchable?.has(REJECTS_ATTRIBUTE_NAME) === true;
  const ofId = searchable?.has(ID_ATTRIBUTE_NAME) ? [{ key: ID_ATTRIBUTE, value: String(row.id) }] : [];
  const ofTable = table === undefined ? [] : [{ key: TABLE_ATTRIBUTE, value: table }];
  try {
    const starting = eager ?? client;
    const handle = await starting.withDeadline(Date.now() + START_LIMIT_MS, () =>
      starting.workflow.start(job.workflowType, {
        workflowId,
        taskQueue: installation.queue,
        args: [tellsRejects ? { ...input, tellsRejects } : input],
        requestEagerStart: eager !== undefined,
        workflowIdReusePolicy: job.workflowIdReusePolicy,
        workflowIdConflictPolicy: 'FAIL',
        typedSearchAttributes: [...ofTable, ...ofId, { key: KIND_ATTRIBUTE, value: kind }],
        memo,
        ...(priority && { priority }),
        staticSummary: firstBytes(summary, SUMMARY_MAX),
        staticDetails: firstBytes(details, DETAILS_MAX),
      }),
    );
    await noteRun(db.ledger, job.name, { workflowId, runId: handle.firstExecutionRunId });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw translateTemporal(error);
  }
}

/** Records the run of a job's workflow in the job's row. */
async function noteRun(ledger: Ledger, name: JobName, { workflowId, runId }: WorkflowRun): Promise<void> {
  await ledger.updateTable(name).set({ run_id: runId }).where('workflow_id', '=', workflowId).execute();
}

/** Records the workflow's own run: for one that was started as a child, nobody else does so. */
export async function noteFirstRun(
  ledger: Ledger,
  name: JobName,
  { workflowId, runId }: WorkflowRun,
): Promise<void> {
  await ledger
    .updateTable(name)
    .set({ run_id: runId })
    .where('workflow_id', '=', workflowId)
    .where('run_id', 'is', null)
    .execute();
}

interface WorkflowRun {
  readonly workflowId: string;
  readonly runId: string;
}
