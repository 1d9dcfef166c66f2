import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { asDatabaseError } from '../db/database-error.ts';
import { ERRORS, LongshoreError } from '../errors.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { countUnderWay, fileWorkflowId, listStale, lookWorkflowId, takeNext } from './arrival-files.ts';
import { readArrivalSettings } from './arrivals.ts';
import { type BeginFileDeps, beginFile } from './begin-file.ts';
import { ARRIVE_FILE, type ArriveFileInput, TRY_AGAIN } from './contract.ts';

/** Files of an arrival that are being loaded at once: those of one table go one after the other anyway. */
const AT_ONCE = 64;
const AT_ONCE_OF_TABLE = 8;
/** A file's workflow that is not there by then was not started, or was lost. */
const STALE_SECONDS = 15;

/** @param between called after each file. Throws to stop */
export async function takeFiles(
  deps: BeginFileDeps,
  arrivalId: string,
  between: (taken: number) => void = () => undefined,
): Promise<number> {
  const { db } = deps;
  let taken = 0;
  const start = async (file: NamedFile) => {
    try {
      await beginFile(deps, file.id);
      await startFile(deps, arrivalId, file);
    } catch (error) {
      // It is taken up again by the next look; meanwhile it must not hold up the others.
      if (isAway(error)) throw error;
      deps.log.warn(
        { arrival: arrivalId, file: file.id, err: error },
        `File ${file.id} could not be begun: ${messageOf(error)}`,
      );
    }
    taken += 1;
    between(taken);
  };
  for (const file of await listStale(db, arrivalId, { seconds: STALE_SECONDS, limit: AT_ONCE }))
    await start(file);
  for (;;) {
    const settings = await readArrivalSettings(db, arrivalId);
    if (settings === null || settings.paused) return taken;
    const counts = await countUnderWay(db, arrivalId);
    const underWay = [...counts.values()].reduce((sum, files) => sum + files, 0);
    const busy = [...counts].flatMap(([table, files]) => (files >= AT_ONCE_OF_TABLE ? [table] : []));
    const limit = Math.min(AT_ONCE - underWay, AT_ONCE_OF_TABLE);
    if (limit <= 0) return taken;
    const files = await takeNext(db, arrivalId, settings, { limit, busy });
    if (files.length === 0) return taken;
    // One after the other: loads get their numbers, and so their turns, in the order of the files.
    for (const file of files) await start(file);
  }
}

/** PostgreSQL, the storage or Temporal: the others would fail likewise. */
function isAway(error: unknown): boolean {
  return asDatabaseError(error) !== null || (error instanceof LongshoreError && ERRORS[error.code].retryable);
}

interface NamedFile {
  readonly id: number;
  readonly key: string;
  readonly dropNo: number;
}

/** Starts a file's workflow, unless it runs. Whatever it was asked before, the ledger says what is left to do. */
async function startFile(deps: BeginFileDeps, arrivalId: string, file: NamedFile): Promise<void> {
  try {
    await deps.client.workflow.start(ARRIVE_FILE, {
      ...optionsOf(deps, arrivalId, file),
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw translateTemporal(error);
  }
}

/** Of a file that was taken once more: its workflow may be there still, and just about to end. */
export async function startAgain(deps: BeginFileDeps, arrivalId: string, file: NamedFile): Promise<void> {
  try {
    const options = { ...optionsOf(deps, arrivalId, file), signal: TRY_AGAIN };
    await deps.client.workflow.signalWithStart(ARRIVE_FILE, options);
  } catch (error) {
    throw translateTemporal(error);
  }
}

function optionsOf({ installation }: BeginFileDeps, arrivalId: string, file: NamedFile) {
  const input: ArriveFileInput = { fileId: file.id, looking: lookWorkflowId(installation.id, arrivalId) };
  return {
    workflowId: fileWorkflowId(installation.id, file),
    taskQueue: installation.queue,
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'arrival' }],
    staticSummary: `File ${file.id} of arrival ${arrivalId}`,
    memo: { arrival: arrivalId, file: file.id },
  };
}
