import { applyRetention } from './apply-retention.ts';
import { settleFile } from './arrivals.ts';
import { attemptDatabase } from './attempt-database.ts';
import { beginBackup } from './begin-backup.ts';
import { beginLoad } from './begin-load.ts';
import { beginRestore } from './begin-restore.ts';
import { beginSafetyBackup } from './begin-safety-backup.ts';
import { checkBackupFiles } from './check-backup-files.ts';
import { checkLoad } from './check-load.ts';
import { chooseBackups } from './choose-backups.ts';
import { closeGate } from './close-gate.ts';
import { type BatchActivityDeps, commitBatches } from './commit-batches.ts';
import { compareStaged } from './compare-staged.ts';
import { completeBackup } from './complete-backup.ts';
import { createDrill } from './create-drill.ts';
import { createScheduledBackup } from './create-scheduled-backup.ts';
import type { ActivityDeps, DictionaryDeps } from './deps.ts';
import { endBackup } from './end-backup.ts';
import { endLoad } from './end-load.ts';
import { endRestore } from './end-restore.ts';
import { exportPart } from './export-part.ts';
import { failBatches } from './fail-batches.ts';
import { failing } from './failures.ts';
import { firstTries } from './first-tries.ts';
import { holdSnapshot } from './hold-snapshot.ts';
import { loadChunk } from './load-chunk.ts';
import { ofRestore } from './of-restore.ts';
import { prepareStaged } from './prepare-staged.ts';
import { proveStaged } from './prove-staged.ts';
import { publishLoad } from './publish-load.ts';
import { publishRestore } from './publish-restore.ts';
import { readDrill } from './read-drill.ts';
import { readSafetyBackup } from './read-safety-backup.ts';
import { stagePart } from './stage-part.ts';
import { surveyFile } from './survey-file.ts';
import { takeTurn } from './take-turn.ts';

function ofAttempts<Deps extends ActivityDeps>(deps: Deps): Deps {
  return { ...deps, db: attemptDatabase(deps.db) };
}

/** Short statements on the ledger: they run beside the workflows. */
export function createLedgerActivities(given: ActivityDeps) {
  const deps = ofAttempts(given);
  const first = firstTries();
  return {
    takeTurn: failing(first(takeTurn(deps))),
    beginLoad: failing(first(beginLoad(deps))),
    endLoad: failing(first(endLoad(deps))),
  };
}

/** Activities of backups that run beside the workflows: the snapshot is held in the API's process, not by workers. */
export function createBackupKeeping(given: ActivityDeps) {
  const deps = ofAttempts(given);
  return {
    beginBackup: failing(beginBackup(deps)),
    holdSnapshot: failing(holdSnapshot(deps)),
    endBackup: failing(endBackup(deps)),
  };
}

/** Activities of restores on the ledger, which run beside the workflows. Each is idempotent. */
export function createRestoreKeeping(given: DictionaryDeps) {
  const deps = ofAttempts(given);
  return {
    beginRestore: failing(ofRestore(deps, beginRestore(deps))),
    closeGate: failing(ofRestore(deps, closeGate(deps))),
    beginSafetyBackup: failing(ofRestore(deps, beginSafetyBackup(deps))),
    readSafetyBackup: failing(readSafetyBackup(deps)),
    endRestore: failing(endRestore(deps)),
  };
}

/** Activities of schedules' runs on the ledger, which run beside the workflows. Each is idempotent. */
export function createScheduleActivities(given: DictionaryDeps) {
  const deps = ofAttempts(given);
  return {
    createScheduledBackup: failing(createScheduledBackup(deps)),
    chooseBackups: failing(chooseBackups(deps)),
    createDrill: failing(createDrill(deps)),
    readDrill: failing(readDrill(deps)),
    applyRetention: failing(applyRetention(deps)),
  };
}

/** Groups of batches, in the process that received them. */
export function createBatchActivities(deps: BatchActivityDeps) {
  return {
    commitBatches: failing(commitBatches(deps)),
    failBatches: failing(failBatches(deps)),
  };
}

/** Activities of the activity workers, of which any number may run. */
export function createActivities(given: ActivityDeps) {
  const deps = ofAttempts(given);
  return {
    // Named as in the histories of loads that began when a survey was called a chart.
    chartFile: failing(surveyFile(deps)),
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
    settleFile: failing(settleFile(deps)),
  };
}

export type BackupKeeping = ReturnType<typeof createBackupKeeping>;
export type BatchActivities = ReturnType<typeof createBatchActivities>;
export type RestoreKeeping = ReturnType<typeof createRestoreKeeping>;
export type ScheduleActivities = ReturnType<typeof createScheduleActivities>;
export type LedgerActivities = ReturnType<typeof createLedgerActivities>;
export type Activities = ReturnType<typeof createActivities>;
