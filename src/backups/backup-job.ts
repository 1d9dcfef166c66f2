import type { Ledger } from '../db/ledger-queries.ts';
import { JOB_COLUMNS, type JobDeps, type JobKind, type JobRow, SETTLED } from '../jobs/job-kind.ts';
import { codeMarkdown, plainMarkdown } from '../temporal/ui-markdown.ts';
import type { BackupView } from './backup.ts';
import type { BackupKeys } from './backup-keys.ts';
import { readBackup } from './backups.ts';
import { BACK_UP, type BackUpInput } from './contract.ts';
import { endBackup } from './end-backup.ts';
import { finishFromManifest } from './finish-from-manifest.ts';

const SUMMARY_TABLES = 5;
/** Temporal's lists carry the memo of every workflow. */
const MEMO_TABLES = 20;

export interface BackupRow extends JobRow {
  readonly id: string;
  readonly tables: readonly string[];
}

export interface BackupJobDeps extends JobDeps {
  readonly backupKeys: BackupKeys;
}

export const BACKUP_JOB: JobKind<BackupRow, BackupView, BackupJobDeps> = {
  name: 'backup',
  workflowType: BACK_UP,
  workflowIdReusePolicy: 'REJECT_DUPLICATE',
  errors: { ended: 'backup-state', terminated: 'backup-terminated' },
  view: (db, id) => readBackup(db, id),
  row: (ledger, id) => rowsOf(ledger).where('id', '=', id).executeTakeFirst(),
  unfinished: (ledger) =>
    rowsOf(ledger).where('status', '=', 'running').where(SETTLED).orderBy('id').execute(),

  workflowOf({ id, tables }) {
    return {
      input: { backupId: id, tables } satisfies BackUpInput,
      summary: `Back up ${tables.length > SUMMARY_TABLES ? `${tables.length} tables` : tables.map(plainMarkdown).join(', ')}`,
      details: `Backup ${id} of ${tables.map(codeMarkdown).join(', ')}`,
      memo: { backup: id, tables: tables.length, firstTables: tables.slice(0, MEMO_TABLES) },
      kind: 'backup',
    };
  },

  end: ({ db, storage }, backupId, end) => endBackup(db, storage, { backupId, end }),

  besideWorkers: ['holdSnapshot'],

  reconciliation: {
    // A backup without a manifest does not exist, and its snapshot is gone.
    completed: 'fail',
    completedNote: ', and its manifest is not there',
    neverStarted: 'start',
    // This holds also when its workflow was terminated: a backup exists when its manifest does.
    foundEnd: async ({ db, storage, backupKeys: keys }, { id }) => {
      const status = await finishFromManifest({ db, storage, keys }, id);
      if (status === null) return null;
      return status === 'done' ? '' : `; adopt it if it is yours: longshore backups adopt ${id}`;
    },
  },
};

function rowsOf(ledger: Ledger) {
  return ledger.selectFrom('backup').select(['id', 'tables', ...JOB_COLUMNS]);
}
