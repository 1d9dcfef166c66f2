import type { Ledger } from '../db/ledger-queries.ts';
import { JOB_COLUMNS, type JobKind, type JobRow, SETTLED } from '../jobs/job-kind.ts';
import { codeMarkdown } from '../temporal/ui-markdown.ts';
import { RESTORE, type RestoreInput } from './contract.ts';
import { endRestore } from './end-restore.ts';
import type { RestoreKind, RestoreView } from './restore.ts';
import { readRestore } from './restores.ts';

/** Temporal's lists carry the memo of every workflow. */
const MEMO_TABLES = 20;

const WORDS: Readonly<Record<RestoreKind, string>> = {
  restore: 'Restore',
  'dry-run': 'Dry run of a restore of',
  drill: 'Drill of',
};

export interface RestoreRow extends JobRow {
  readonly id: number;
  readonly uid: string;
  readonly kind: RestoreKind;
  readonly backupId: string;
  readonly tables: readonly string[];
}

/** Restores, dry runs and drills. */
export const RESTORE_JOB: JobKind<RestoreRow, RestoreView> = {
  name: 'restore',
  workflowType: RESTORE,
  workflowIdReusePolicy: 'REJECT_DUPLICATE',
  errors: { ended: 'restore-state', terminated: 'restore-terminated' },
  view: (db, id) => readRestore(db, id),
  row: (ledger, id) => rowsOf(ledger).where('id', '=', id).executeTakeFirst(),
  unfinished: (ledger) =>
    rowsOf(ledger).where('finished_at', 'is', null).where(SETTLED).orderBy('id').execute(),

  workflowOf({ id, uid, kind, backupId, tables }) {
    const summary = `${WORDS[kind]} backup ${backupId}`;
    return {
      input: { restoreId: id, uid } satisfies RestoreInput,
      summary,
      details: `${summary}: ${tables.map(codeMarkdown).join(', ')}`,
      memo: {
        restore: id,
        kind,
        backup: backupId,
        tables: tables.length,
        firstTables: tables.slice(0, MEMO_TABLES),
      },
      kind,
    };
  },

  end: ({ db }, restoreId, end) => endRestore(db, { restoreId, end, proof: null }),

  reconciliation: {
    // A second run would replace what was written since, which nobody has requested.
    completed: 'fail',
    completedNote: '. Ask for it again if it is still wanted',
    // The run that wanted the drill has ended.
    neverStarted: 'fail',
  },
};

function rowsOf(ledger: Ledger) {
  return ledger
    .selectFrom('restore')
    .select(['id', 'uid', 'kind', 'backup_id as backupId', 'tables', ...JOB_COLUMNS]);
}
