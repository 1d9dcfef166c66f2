import { Context } from '@temporalio/activity';
import { newestGoodBackups } from '../src/restores/drills.ts';
import type { DictionaryDeps } from './deps.ts';

/**
 * Chooses the backups that a run of a schedule drills: the newest good ones of the tables; null: of all tables of the
 * dictionary.
 * @throws `backup-damaged` when a table has backups of which none can be read
 */
export function chooseBackups({ db, storage, dictionary, backupKeys: keys }: DictionaryDeps) {
  return async ({ tables }: { readonly tables: readonly string[] | null }): Promise<string[]> => {
    const wanted = tables ?? (await dictionary.look()).tables.map(({ name }) => name);
    const { ids, skipped } = await newestGoodBackups({ db, storage, keys }, wanted);
    for (const { backupId, why } of skipped) {
      Context.current().log.warn('a newer backup is not drilled', { backupId, reason: why });
    }
    return ids;
  };
}
