import type { Database } from '../db/database.ts';
import type { Ledger } from '../db/ledger-queries.ts';
import { JOB_COLUMNS, type JobDeps, type JobKind, type JobRow, SETTLED } from '../jobs/job-kind.ts';
import { codeMarkdown, plainMarkdown } from '../temporal/ui-markdown.ts';
import type { LoadMode } from '../types.ts';
import { AT_ONCE, LOAD_CSV, LOAD_ENDED, type LoadCsvInput, TURN, takesMoments } from './contract.ts';
import { endLoad } from './end-load.ts';
import type { LoadView } from './load-view.ts';
import { readLoad } from './loads.ts';
import { tellPaused } from './pause-load.ts';

const SUMMARY_NAME = 60;

export interface LoadRow extends JobRow {
  readonly id: number;
  readonly uid: string;
  readonly table: string;
  readonly mode: LoadMode;
  readonly sourceName: string;
  /** null: not surveyed yet. */
  readonly bytes: number | null;
  readonly paused: boolean;
  readonly pauseTold: boolean;
}

export const LOAD_JOB: JobKind<LoadRow, LoadView> = {
  name: 'load',
  workflowType: LOAD_CSV,
  tellsRejects: true,
  // A load is started again when a ledger restored from an older copy has lost its end.
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  errors: { ended: 'load-state', terminated: 'load-terminated' },
  view: (db: Database, id) => readLoad(db, id),
  row: (ledger, id) => rowsOf(ledger).where('id', '=', id).executeTakeFirst(),
  unfinished: (ledger) =>
    rowsOf(ledger).where('finished_at', 'is', null).where(SETTLED).orderBy('id').execute(),

  workflowOf({ id, uid, table, mode, sourceName, bytes }) {
    const short = takesMoments(bytes);
    return {
      input: { loadId: id, uid, table, mode, localSteps: true, short } satisfies LoadCsvInput,
      summary: `Load ${id}: ${plainMarkdown(endOf(sourceName))} into ${plainMarkdown(table)} (${mode})`,
      details: `Load ${id}: ${codeMarkdown(sourceName)} into ${codeMarkdown(table)}, mode **${mode}**`,
      memo: { load: id, table, mode, file: sourceName },
      kind: 'load',
      table,
      ...(short && { priority: AT_ONCE }),
    };
  },

  /** Also signals the next load of the table that its turn has come. */
  async end({ client, db, storage }: JobDeps, loadId, end) {
    const ended = await endLoad(db, storage, { loadId, end });
    const signal = (workflowId: string, name: string) =>
      client.workflow
        .getHandle(workflowId)
        .signal(name)
        .catch(() => undefined);
    if (ended.next !== null) await signal(ended.next, TURN);
    for (const workflowId of ended.arrived ?? []) await signal(workflowId, LOAD_ENDED);
    return ended;
  },

  reconciliation: {
    // The table was restored with the ledger, and lacks the load's rows.
    completed: 'start',
    completedNote: '. It is loaded again',
    neverStarted: 'start',
    running: async (deps, load) => {
      if (!load.pauseTold) await tellPaused(deps, load);
    },
  },
};

function rowsOf(ledger: Ledger) {
  return ledger
    .selectFrom('load')
    .select([
      'id',
      'uid',
      'table_name as table',
      'mode',
      'source_name as sourceName',
      'bytes',
      'paused',
      'pause_told as pauseTold',
      ...JOB_COLUMNS,
    ]);
}

/** Shortens a path to its end, which says more than its beginning. */
function endOf(name: string): string {
  const characters = [...name];
  return characters.length <= SUMMARY_NAME ? name : `…${characters.slice(1 - SUMMARY_NAME).join('')}`;
}
