import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { matchHeader } from '../dictionary/match-header.ts';
import { LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { hasEnded } from '../jobs/job.ts';
import { retryingOn } from '../jobs/retrying-on.ts';
import { waitUntilEnded } from '../jobs/wait-until-ended.ts';
import { deleteRejects, summarizeRejects } from '../rejects/kept-rejects.ts';
import { hasExtraCells, listRejects } from '../rejects/rejects.ts';
import { quoted } from '../shorten.ts';
import { stampOf } from '../storage/stamp.ts';
import type { Storage } from '../storage/storage.ts';
import { measureTable, readRows } from '../tables/table-rows.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import type { Dictionary, Table } from '../types.ts';
import type { LoadAction, LoadService, StartLoad } from './load-service.ts';
import type { LoadView } from './load-view.ts';
import { endWithoutWorkflow, signalPaused, startLoadWorkflow } from './load-workflows.ts';
import { createLoad, listLoads, readLoadPlan, viewLoad } from './loads.ts';

const LEDGER_ID_MAX = 2 ** 31 - 1;

export interface LedgerLoadsDeps {
  readonly db: Database;
  readonly client: Client;
  readonly installation: Installation;
  readonly storage: Storage;
  readonly dictionary: Dictionary;
  readonly log: Logger;
}

/** The load service over the ledger and Temporal. */
export function createLedgerLoads(deps: LedgerLoadsDeps): LoadService {
  const { db, client, dictionary } = deps;

  async function view(id: number): Promise<LoadView> {
    const found = id <= LEDGER_ID_MAX ? await viewLoad(db, id) : null;
    if (!found) throw new LongshoreError('unknown-load', `there is no load ${id}`);
    return found;
  }

  return {
    start: (request) => start(deps, request),
    async get(id) {
      const load = id <= LEDGER_ID_MAX ? await viewLoad(db, id) : null;
      if (load === null || hasEnded(load)) return load;
      return { ...load, waitingFor: await retryingOn(client, load.workflowId) };
    },
    list: (filter) => listLoads(db, filter),

    async rejects(id, page) {
      await view(id);
      const { table } = await readLoadPlan(db, { loadId: id });
      return listRejects(db, id, table, page);
    },

    async rejectsSummary(id) {
      await view(id);
      return summarizeRejects(db, id);
    },

    async deleteRejects(id) {
      await view(id);
      await db.transaction((tx) => deleteRejects(tx, id));
    },

    async rejectShape(id) {
      await view(id);
      const { table, header } = await readLoadPlan(db, { loadId: id });
      const columns = header ?? table.fields.map((field) => field.name);
      return { columns, extra: await hasExtraCells(db, id) };
    },

    control: async (id, action) => {
      await view(id);
      await control(deps, id, action);
      return view(id);
    },

    wait: (id, waitMs, signal) => waitUntilEnded({ read: () => view(id), hasEnded, waitMs, signal }),

    tables: (names) => Promise.all(names.map((name) => measureTable(db, tableOf(dictionary, name)))),
    rows: (table, page) => readRows(db, table, page),
  };
}

function tableOf(dictionary: Dictionary, name: string): Table {
  const table = dictionary.tables.find((t) => t.name === name);
  if (!table) throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
  return table;
}

/**
 * The ledger first, then Temporal: a load that is written down is never lost. Should Temporal be away, the load
 * stays `accepted` and starts when Temporal is back (`reconcileLoads`).
 */
async function start(
  deps: LedgerLoadsDeps,
  request: StartLoad,
): Promise<{ load: LoadView; existing: boolean }> {
  const { db, storage, dictionary, log } = deps;
  const { table, mode, source, chart } = request;
  if (mode === 'merge' && table.primaryKey.length === 0) {
    throw new LongshoreError('merge-needs-key', `${table.name} has no primary key`);
  }
  if (chart?.header) matchHeader(table, chart.header, mode);
  const sourceStamp = source.kind === 'inbox' ? await stampOf(storage, source.key) : null;
  if (source.kind === 'inbox' && sourceStamp === null) {
    throw new LongshoreError('source-not-found', `the inbox has no file ${JSON.stringify(source.name)}`);
  }
  const { id, uid, existing } = await db.transaction((tx) =>
    createLoad(tx, { ...request, dictionary, sourceStamp }),
  );
  if (uid !== null) {
    const created = await viewLoad(db, id);
    const workflowId = created?.workflowId ?? '';
    await startLoadWorkflow(deps, {
      id,
      uid,
      table: table.name,
      mode,
      workflowId,
      sourceName: source.name,
    }).catch((error) =>
      log.warn({ loadId: id, err: translateTemporal(error) }, `Load ${id} waits for Temporal`),
    );
  }
  const load = await viewLoad(db, id);
  if (!load) throw new LongshoreError('internal', `load ${id} vanished`);
  return { load, existing };
}

const READ_STATUS = statement<ControlledLoad>`
  select id, workflow_id as "workflowId", paused, status, finished_at is not null as ended
    from longshore.load where id = $1`;

async function control(deps: LedgerLoadsDeps, id: number, action: LoadAction): Promise<void> {
  const { db } = deps;
  const [load] = await db.query(READ_STATUS, [id]);
  if (!load || load.ended) throw hasEndedAlready(id, load?.status);
  if (action === 'cancel') await cancel(deps, load);
  else await setPaused(deps, load, action === 'pause');
}

interface ControlledLoad {
  readonly id: number;
  readonly workflowId: string;
  readonly paused: boolean;
  readonly status: string;
  readonly ended: boolean;
}

function hasEndedAlready(id: number, status = 'gone'): LongshoreError {
  return new LongshoreError('load-state', `load ${id} is ${status}: it has ended`);
}

async function cancel({ db, client, storage }: LedgerLoadsDeps, load: ControlledLoad): Promise<void> {
  try {
    await client.workflow.getHandle(load.workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw translateTemporal(error);
    await endWithoutWorkflow(client, db, storage, load.id, { status: 'cancelled' });
  }
}

const SET_PAUSED = statement`update longshore.load set paused = $2, pause_told = false where id = $1 and finished_at is null returning 1`;

/**
 * The ledger decides, and its workflow hears of it: at once where it can be told, else from the ledger when it starts,
 * or by the reconciliation (`reconcileLoads`), which tells it a second time in any case.
 */
async function setPaused({ db, client, log }: LedgerLoadsDeps, load: ControlledLoad, paused: boolean) {
  const { id, workflowId } = load;
  if (load.paused === paused) {
    throw new LongshoreError('load-state', `load ${id} is ${paused ? 'paused already' : 'not paused'}`);
  }
  const set = await db.query(SET_PAUSED, [id, paused]);
  if (set.length === 0) throw hasEndedAlready(id, 'over');
  await signalPaused(client, workflowId, paused).catch((error) => {
    if (error instanceof WorkflowNotFoundError) return;
    const err = translateTemporal(error);
    log.warn({ loadId: id, err }, `Load ${id} hears later that it is ${paused ? 'paused' : 'resumed'}`);
  });
}
