import { checkFiles } from '../src/backups/verify-files.ts';
import { type RestoreStep, readRestorePlan } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

/** Reads every file of the backup that a drill is about. @returns the faults, by file */
export function checkBackupFiles({ db, storage }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<readonly string[]> => {
    const { backup, tables } = await readRestorePlan(db, restoreId);
    return whileBeating(
      () => undefined,
      async (signal) => {
        const faults: string[] = [];
        const files = { id: backup.id, tables: tables.map(({ saved }) => saved) };
        for await (const { file, fault } of checkFiles(storage, files, signal))
          faults.push(`${file}: ${fault}`);
        return faults;
      },
    );
  };
}
