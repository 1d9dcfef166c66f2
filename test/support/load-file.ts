import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { EndLoadInput } from '../../activities/end-load.ts';
import { createActivities, createLedgerActivities } from '../../activities/index.ts';
import type { PublishOutcome } from '../../activities/publish-load.ts';
import { NO_KEYS } from '../../src/backups/backup-keys.ts';
import { Surveyor, surveyOptionsOf } from '../../src/csv/survey.ts';
import type { Database } from '../../src/db/database.ts';
import { createLoad } from '../../src/loads/loads.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Dictionary, LoadMode, Survey, Table } from '../../src/types.ts';

/** Small, so that even files of a few lines are read in several chunks. */
const CHUNK_BYTES = 4096;

/** An attempt's statements are ended when it has taken this long: longer than anything does here. */
const ATTEMPT_MS = 600_000;

/** What is wrong with a file is the matter of whoever asks: no log lines between their own. */
const logger = new DefaultLogger('ERROR', () => undefined);

export interface FileToLoad {
  readonly db: Database;
  readonly storage: Storage;
  readonly dictionary: Dictionary;
  readonly table: Table;
  readonly bytes: Buffer;
  readonly mode: LoadMode;
}

/**
 * Loads a file without Temporal, by the very activities that a load's workflow calls.
 * @returns the load's ID, and what is wrong with the file as a whole
 */
export async function loadFile(request: FileToLoad) {
  const { db, storage, dictionary, table, bytes, mode } = request;
  const surveyor = new Surveyor({ ...surveyOptionsOf(table), chunkBytes: () => CHUNK_BYTES });
  surveyor.push(bytes);
  const survey = surveyor.end();
  const key = `uploads/${table.name}`;
  const writer = await storage.write(key);
  await writer.write(bytes);
  await writer.close();
  const { id } = await db.transaction((tx) =>
    createLoad(tx, {
      table,
      dictionary,
      mode,
      source: { kind: 'upload', name: `${table.name}.csv`, key },
      sourceStamp: null,
      survey,
      maxRejects: null,
      force: true,
      startedBy: 'test',
    }),
  );
  const file = await load(db, storage, id, survey);
  return { id, survey, file };
}

/** Plays the workflow's part. Returns what is wrong with the file as a whole. */
async function load(db: Database, storage: Storage, loadId: number, survey: Survey): Promise<string[]> {
  const { beginLoad, endLoad } = createLedgerActivities({ db, storage, backupKeys: NO_KEYS });
  const { loadChunk, publishLoad, checkLoad } = createActivities({ db, storage, backupKeys: NO_KEYS });
  const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: ATTEMPT_MS }, { logger });
  try {
    await environment.run(beginLoad, { loadId });
    for (const { no } of survey.chunks) await environment.run(loadChunk, { loadId, chunkNo: no });
    const publish = (): Promise<PublishOutcome> => environment.run(publishLoad, { loadId });
    while ((await publish()).outcome === 'violated') await environment.run(checkLoad, { loadId });
    const done: EndLoadInput = { loadId, end: { status: 'done' } };
    await environment.run(endLoad, done);
    return [];
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type === 'header-mismatch') return [error.type];
    throw error;
  }
}
