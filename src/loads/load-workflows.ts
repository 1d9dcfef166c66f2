import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { Installation } from '../installation/installation.ts';
import { messageOf } from '../runtime/log-fields.ts';
import type { Storage } from '../storage/storage.ts';
import { KIND_ATTRIBUTE, TABLE_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { stateOfWorkflow } from '../temporal/workflow-state.ts';
import type { LoadMode } from '../types.ts';
import { LOAD_CSV, type LoadCsvInput, PAUSE, RESUME, TURN } from './contract.ts';
import { type EndLoadInput, endLoad } from './end-load.ts';

const SUMMARY_NAME = 60;

export interface StartableLoad {
  readonly id: number;
  readonly uid: string;
  readonly table: string;
  readonly mode: LoadMode;
  readonly workflowId: string;
  readonly sourceName: string;
}

/** What starting a workflow of the ledger's takes. */
export interface WorkflowStarter {
  readonly client: Client;
  readonly db: Database;
  readonly installation: Pick<Installation, 'queue'>;
}

/** What bringing ledger and Temporal together takes. */
export interface Reconciler extends WorkflowStarter {
  readonly storage: Storage;
  readonly log: Logger;
}

const NOTE_RUN = statement`update longshore.load set run_id = $2 where id = $1`;

/** Starts a load's workflow. One that runs already is left alone: asking twice is not an error. */
export async function startLoadWorkflow(
  { client, db, installation }: WorkflowStarter,
  load: StartableLoad,
): Promise<void> {
  const { id, uid, table, mode, workflowId, sourceName } = load;
  try {
    const handle = await client.workflow.start(LOAD_CSV, {
      workflowId,
      taskQueue: installation.queue,
      args: [{ loadId: id, uid, table, mode } satisfies LoadCsvInput],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      typedSearchAttributes: [
        { key: TABLE_ATTRIBUTE, value: table },
        { key: KIND_ATTRIBUTE, value: 'load' },
      ],
      staticSummary: `Load ${shorten(sourceName)} into ${table} (${mode})`,
      staticDetails: `Load ${id}: \`${sourceName}\` into **${table}**, mode **${mode}**`,
    });
    await db.query(NOTE_RUN, [id, handle.firstExecutionRunId]);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    throw error;
  }
}

/** Temporal takes 400 bytes of summary; a character of a file's name may take four. */
function shorten(name: string): string {
  const characters = [...name];
  return characters.length <= SUMMARY_NAME ? name : `…${characters.slice(1 - SUMMARY_NAME).join('')}`;
}

/** Of what was started before: of what Temporal has never heard, nothing needs to be said. */
export const STARTED_ANEW =
  'Temporal did not know its workflow any more: it got a new one, which goes on from what the ledger has';

/** Keeps what was done about a load, a backup or a restore, for whoever looks at it. */
export async function noteReconciled(
  db: Sql,
  table: 'load' | 'backup' | 'restore',
  id: number | string,
  note: string,
): Promise<void> {
  await db.ledger.updateTable(table).set({ note }).where('id', '=', id).execute();
}

interface Unfinished extends StartableLoad {
  readonly runId: string | null;
  readonly paused: boolean;
  readonly pauseTold: boolean;
}

const UNFINISHED_LOADS = statement<Unfinished>`
  select id, uid, table_name as "table", mode, workflow_id as "workflowId", source_name as "sourceName",
         run_id as "runId", paused, pause_told as "pauseTold"
    from longshore.load where finished_at is null and created_at < now() - interval '3 seconds' order by id`;

/**
 * Brings ledger and Temporal together again: loads whose workflow was never started (the API died in between, or
 * Temporal was away), those whose workflow ended without a word (terminated in the Web UI, or timed out), and those
 * whose workflow may not know whether it is paused.
 */
export async function reconcileLoads(deps: Reconciler): Promise<void> {
  const { db, log } = deps;
  const unfinished = await db.query(UNFINISHED_LOADS);
  for (const load of unfinished) {
    // One load's trouble must not keep the others waiting.
    await reconcileLoad(deps, load).catch((error) => {
      const reason = translateTemporal(error);
      log.warn(
        { loadId: load.id, err: reason },
        `Load ${load.id} could not be looked after: ${messageOf(reason)}`,
      );
    });
  }
}

async function reconcileLoad(deps: Reconciler, load: Unfinished): Promise<void> {
  const { client, db, storage, log } = deps;
  const state = await stateOfWorkflow(client, load.workflowId);
  if (state === 'running') {
    if (!load.pauseTold) await tellPaused(deps, load);
    return;
  }
  if (state === 'unknown') {
    log.info({ loadId: load.id }, `Starting the workflow of load ${load.id}, which has none`);
    if (load.runId !== null) await noteReconciled(db, 'load', load.id, STARTED_ANEW);
    await startLoadWorkflow(deps, load);
    return;
  }
  if (state === 'completed') {
    // It wrote the load's end before it ended itself: the ledger that has it not is an older one.
    const found = `Load ${load.id} had been finished, of which the ledger does not know: PostgreSQL came back from an older copy. It is loaded again`;
    log.warn({ loadId: load.id }, found);
    await noteReconciled(db, 'load', load.id, found);
    await startLoadWorkflow(deps, load);
    return;
  }
  log.warn({ loadId: load.id, state }, `The workflow of load ${load.id} ended without its load: ${state}`);
  const message = `its workflow was ${state}`;
  await endWithoutWorkflow(client, db, storage, load.id, {
    status: 'failed',
    code: 'load-terminated',
    message,
  });
}

const NOTE_TOLD = statement`update longshore.load set pause_told = true where id = $1 and paused = $2`;

/**
 * Tells a workflow what the ledger says, though it may have heard it: Temporal may have been away when the load was
 * paused or resumed, may have come back from before that, and a signal that arrives while a workflow reads the ledger at
 * its start is lost on it.
 */
async function tellPaused({ client, db }: Reconciler, { id, workflowId, paused }: Unfinished): Promise<void> {
  await signalPaused(client, workflowId, paused);
  // Unless it was changed meanwhile.
  await db.query(NOTE_TOLD, [id, paused]);
}

export async function signalPaused(client: Client, workflowId: string, paused: boolean): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(paused ? PAUSE : RESUME);
}

const UNTOLD_LOADS = statement`update longshore.load set pause_told = false where finished_at is null`;

/** Has every workflow under way told once more: Temporal may have come back from an older copy. */
export async function tellPausedAgain(db: Sql): Promise<void> {
  await db.query(UNTOLD_LOADS);
}

/** Ends a load whose workflow can't: the ledger hears of it here, and so does the next load of the table. */
export async function endWithoutWorkflow(
  client: Client,
  db: Database,
  storage: Storage,
  loadId: number,
  end: EndLoadInput['end'],
): Promise<void> {
  const { next } = await endLoad(db, storage, { loadId, end });
  if (next === null) return;
  await client.workflow
    .getHandle(next)
    .signal(TURN)
    .catch(() => undefined);
}
