import { attemptDatabase } from './attempt-database.ts';
import { beginBackup } from './begin-backup.ts';
import { beginLoad } from './begin-load.ts';
import { chartFile } from './chart-file.ts';
import { checkLoad } from './check-load.ts';
import { type BatchActivityDeps, commitBatches } from './commit-batches.ts';
import { completeBackup } from './complete-backup.ts';
import type { ActivityDeps } from './deps.ts';
import { endBackup } from './end-backup.ts';
import { endLoad } from './end-load.ts';
import { exportPart } from './export-part.ts';
import { failBatches } from './fail-batches.ts';
import { failing } from './failures.ts';
import { holdSnapshot } from './hold-snapshot.ts';
import { loadChunk } from './load-chunk.ts';
import { ofRestore } from './of-restore.ts';
import { publishLoad } from './publish-load.ts';
import {
  checkBackupFiles,
  compareStaged,
  prepareStaged,
  proveStaged,
  publishRestore,
} from './restore-steps.ts';
import { stagePart } from './stage-part.ts';
import { takeTurn } from './take-turn.ts';

function ofAttempts(deps: ActivityDeps): ActivityDeps {
  return { ...deps, db: attemptDatabase(deps.db) };
}

/** Short statements on the ledger: they run beside the workflows. */
export function createLedgerActivities(given: ActivityDeps) {
  const deps = ofAttempts(given);
  return {
    takeTurn: failing(takeTurn(deps)),
    beginLoad: failing(beginLoad(deps)),
    endLoad: failing(endLoad(deps)),
  };
}

/** What a backup needs beside the workflows: its snapshot is held in the API's process, whatever the workers do. */
export function createBackupKeeping(given: ActivityDeps) {
  const deps = ofAttempts(given);
  return {
    beginBackup: failing(beginBackup(deps)),
    holdSnapshot: failing(holdSnapshot(deps)),
    endBackup: failing(endBackup(deps)),
  };
}

/** Groups of batches, in the process that received them. */
export function createBatchActivities(deps: BatchActivityDeps) {
  return {
    commitBatches: failing(commitBatches(deps)),
    failBatches: failing(failBatches(deps)),
  };
}

/** The work: activity workers run it, as many as are started. */
export function createActivities(given: ActivityDeps) {
  const deps = ofAttempts(given);
  return {
    chartFile: failing(chartFile(deps)),
    loadChunk: failing(loadChunk(deps)),
    checkLoad: failing(checkLoad(deps)),
    publishLoad: failing(publishLoad(deps)),
    exportPart: failing(exportPart(deps)),
    completeBackup: failing(completeBackup(deps)),
    stagePart: failing(ofRestore(deps, stagePart(deps))),
    prepareStaged: failing(ofRestore(deps, prepareStaged(deps))),
    compareStaged: failing(ofRestore(deps, compareStaged(deps))),
    publishRestore: failing(ofRestore(deps, publishRestore(deps))),
    checkBackupFiles: failing(ofRestore(deps, checkBackupFiles(deps))),
    proveStaged: failing(ofRestore(deps, proveStaged(deps))),
  };
}

export type BackupKeeping = ReturnType<typeof createBackupKeeping>;
export type BatchActivities = ReturnType<typeof createBatchActivities>;
export type LedgerActivities = ReturnType<typeof createLedgerActivities>;
export type Activities = ReturnType<typeof createActivities>;
