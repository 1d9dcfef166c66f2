import type { Database } from '../db/database.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { LongshoreError } from '../errors.ts';
import { createJobs } from '../jobs/jobs.ts';
import { BackupEntity } from '../ledger/backup-entities.ts';
import { quoted } from '../shorten.ts';
import { adoptByHand } from './adopt-by-hand.ts';
import { MANIFEST } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { backupFolder } from './backup-id.ts';
import { BACKUP_JOB, type BackupJobDeps } from './backup-job.ts';
import type { BackupFile, BackupService } from './backup-service.ts';
import { createBackup, listBackups, readBackup, setPinned } from './backups.ts';
import { deleteBackup } from './delete-backup.ts';
import { manifestDoubt } from './manifest.ts';
import { sizeFault } from './verify-files.ts';

export interface LedgerBackupsDeps extends BackupJobDeps {
  readonly dictionary: Pick<DictionaryBook, 'now'>;
}

/** The backup service over the ledger, the storage and Temporal. */
export function createLedgerBackups(deps: LedgerBackupsDeps): BackupService {
  const { db, storage, backupKeys: keys } = deps;
  const trusting: BackupDeps = { db, storage, keys };
  const jobs = createJobs(BACKUP_JOB, deps);
  return {
    ...jobs,
    async start(request) {
      const dictionary = deps.dictionary.now();
      const whole = { ...request, dictionary, keys, purpose: 'manual' } as const;
      return jobs.start(await db.transaction((tx) => createBackup(tx, whole)));
    },
    list: (filter) => listBackups(db, filter),

    async setPinned(id, pinned) {
      await setPinned(db, id, pinned);
      return jobs.view(id);
    },

    async remove(id, options) {
      await deleteBackup(trusting, id, options);
      return jobs.view(id);
    },

    adopt: (request) => adoptByHand(trusting, request),

    file: (id, name) => findFile(deps, id, name),
  };
}

async function findFile({ db, storage }: LedgerBackupsDeps, id: string, name: string): Promise<BackupFile> {
  const backup = await readBackup(db, id);
  if (backup.status !== 'done') throw new LongshoreError('backup-state', `backup ${id} is ${backup.status}`);
  const part = backup.tables.flatMap(({ parts }) => parts).find((one) => one.name === name);
  const sha256 = part?.sha256 ?? (name === MANIFEST ? await manifestHash(db, id) : undefined);
  if (sha256 === undefined) {
    throw new LongshoreError('not-found', `backup ${id} has no file ${quoted(name)}`);
  }
  const key = backupFolder(id) + name;
  // The part is not read twice to check it: the client has its SHA-256 as the ETag.
  const fault = part
    ? await sizeFault(storage, id, part)
    : (await manifestDoubt(storage, id, sha256))?.detail;
  const found = await storage.stat(key);
  if (fault || !found) {
    throw new LongshoreError('backup-damaged', `${name} of backup ${id}: ${fault ?? 'the file is missing'}`);
  }
  return {
    name,
    bytes: found.bytes,
    sha256,
    open: (startByte, endByte) => storage.stream(key, startByte, endByte),
  };
}

async function manifestHash(db: Database, id: string): Promise<string | undefined> {
  const backup = await db.em.findOne(BackupEntity, id, { fields: ['manifestSha256'] });
  return backup?.manifestSha256 ?? undefined;
}
