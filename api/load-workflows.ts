import {
  type Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Logger } from 'pino';
import type { Database } from '../src/db/database.ts';
import { LongshoreError } from '../src/errors.ts';
import { endLoad } from '../src/ledger/end-load.ts';
import type { Storage } from '../src/storage/storage.ts';
import { KIND_ATTRIBUTE, TABLE_ATTRIBUTE } from '../src/temporal/search-attributes.ts';
import type { LoadMode } from '../src/types.ts';
import { LOAD_CSV, type LoadCsvInput, TURN, WORKFLOW_QUEUE } from '../workflows/contract.ts';

export interface StartableLoad {
  readonly id: number;
  readonly table: string;
  readonly mode: LoadMode;
  readonly workflowId: string;
  readonly sourceName: string;
}

/** Starts a load's workflow. One that runs already is left alone: asking twice is not an error. */
export async function startLoadWorkflow(client: Client, db: Database, load: StartableLoad): Promise<void> {
  const { id, table, mode, workflowId, sourceName } = load;
  try {
    const handle = await client.workflow.start(LOAD_CSV, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ loadId: id, table, mode } satisfies LoadCsvInput],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      typedSearchAttributes: [
        { key: TABLE_ATTRIBUTE, value: table },
        { key: KIND_ATTRIBUTE, value: 'load' },
      ],
      staticSummary: `Load ${sourceName} into ${table} (${mode})`,
      staticDetails: `Load ${id}: \`${sourceName}\` into **${table}**, mode **${mode}**`,
    });
    await db.query('update longshore.load set run_id = $2 where id = $1', [id, handle.firstExecutionRunId]);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw error;
  }
}

/** What Temporal's client throws, as an error of the catalog where it is one. */
export function translateTemporal(error: unknown): unknown {
  const { code } = isGrpcServiceError(error) ? error : { code: undefined };
  // 4 DEADLINE_EXCEEDED, 14 UNAVAILABLE
  if (code === 4 || code === 14) {
    return new LongshoreError('temporal-unavailable', 'Temporal does not answer', { cause: error });
  }
  return error;
}

interface Unfinished extends StartableLoad {
  readonly runId: string | null;
}

/**
 * Brings ledger and Temporal together again: loads whose workflow was never started (the API died in between, or
 * Temporal was away), and those whose workflow ended without a word (terminated in the Web UI, or timed out).
 */
export async function reconcileLoads(
  client: Client,
  db: Database,
  storage: Storage,
  log: Logger,
): Promise<void> {
  const unfinished = await db.query<Unfinished>(
    `select id, table_name as "table", mode, workflow_id as "workflowId", source_name as "sourceName",
            run_id as "runId"
       from longshore.load where finished_at is null and created_at < now() - interval '3 seconds' order by id`,
  );
  for (const load of unfinished) {
    const state = await stateOf(client, load.workflowId);
    if (state === 'running') continue;
    if (state === 'unknown') {
      log.info({ loadId: load.id }, 'Starting the workflow of a load that has none');
      await startLoadWorkflow(client, db, load);
      continue;
    }
    log.warn({ loadId: load.id, state }, `The workflow of load ${load.id} ended without its load: ${state}`);
    const end = { status: 'failed', code: 'load-terminated', message: `its workflow was ${state}` } as const;
    const { next } = await endLoad(db, storage, { loadId: load.id, end });
    if (next !== null)
      await client.workflow
        .getHandle(next)
        .signal(TURN)
        .catch(() => undefined);
  }
}

async function stateOf(client: Client, workflowId: string): Promise<string> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'CONTINUED_AS_NEW' ? 'running' : status.name.toLowerCase();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}
