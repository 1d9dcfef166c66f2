import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { readBackupKeys } from '../backups/backup-keys.ts';
import { type Config, readConfig } from '../config.ts';
import { checkServer } from '../db/check-server.ts';
import { readDictionary } from '../dictionary/read-dictionary.ts';
import { LongshoreError } from '../errors.ts';
import { readReports } from '../reports/read-reports.ts';
import { readKnownTables, readState } from '../runtime/home.ts';
import { payloadKeyPath, readPayloadKeys } from '../seal/payload-keys.ts';
import { type StartFault, StartRefused, startFaultsOf } from '../start-faults.ts';
import { clusterFault } from './postgres-cluster.ts';

/** Who starts: the supervisor, which makes what is missing in the home, or one of the processes. */
export type Starting = 'platform' | 'api' | 'worker';

/**
 * Checks what can be known before anything is started: the configuration, the dictionary, the reports, keys, folders, and
 * the PostgreSQL server where it is one's own. Nothing is made or changed. All faults are told together, those of the
 * other parts also where the configuration has some.
 *
 * @throws StartRefused
 */
export async function checkStart(env: NodeJS.ProcessEnv, starting: Starting): Promise<Config> {
  const faults: StartFault[] = [];
  const noting = async (check: () => unknown): Promise<void> => {
    try {
      await check();
    } catch (error) {
      const found = startFaultsOf(error);
      if (found === null) throw error;
      faults.push(...found);
    }
  };
  let config: Config | undefined;
  await noting(() => {
    config = readConfig(env);
  });
  // What the faulty variables do not touch is checked all the same.
  const rest = config ?? configWithout(env, faults);
  if (rest) for (const check of checksOf(rest, starting)) await noting(check);
  if (config === undefined || faults.length > 0) throw new StartRefused(faults);
  return config;
}

function configWithout(env: NodeJS.ProcessEnv, faults: readonly StartFault[]): Config | undefined {
  const faulty = faults.map(({ detail }) => detail.split(':')[0]);
  try {
    return readConfig(Object.fromEntries(Object.entries(env).filter(([name]) => !faulty.includes(name))));
  } catch {
    return undefined;
  }
}

function checksOf(config: Config, starting: Starting): readonly (() => unknown)[] {
  const { home, databaseUrl, storage } = config;
  const ownHome = starting === 'platform';
  return [
    ...(starting === 'worker' ? [] : [() => checkDictionary(config)]),
    () => readBackupKeys(config),
    () => {
      // The supervisor makes the home's key.
      if (!ownHome || config.payloadKey !== undefined || existsSync(payloadKeyPath(home))) {
        readPayloadKeys(config);
      }
    },
    () =>
      storage.startsWith('file:/')
        ? checkFolder('LONGSHORE_STORAGE', storage.slice('file:'.length))
        : checkBucket(config),
    ...(ownHome ? [() => checkHome(config)] : []),
    () => databaseUrl !== undefined && checkServer(databaseUrl),
  ];
}

/** Reports may read tables that only the ledger's dictionary has: what is known of it is in the home. */
async function checkDictionary({ home, databaseUrl, dictionaryPath, reportsPath }: Config): Promise<void> {
  const dictionary = await readDictionary(dictionaryPath);
  if (reportsPath === undefined) return;
  const known = readKnownTables(home);
  // A ledger of one's own may have them from another machine: its processes tell when they have read it.
  if (known === null && databaseUrl !== undefined) await readReports(reportsPath, null);
  else {
    const names = new Set([...dictionary.tables.map(({ name }) => name), ...(known?.tables ?? [])]);
    await readReports(reportsPath, [...names]);
  }
}

function checkHome({ home, databaseUrl }: Config): void {
  checkFolder('LONGSHORE_HOME', home);
  const { postgresData } = readState(home);
  const fault = databaseUrl === undefined ? clusterFault(home, postgresData) : null;
  if (fault !== null) throw new LongshoreError('config-invalid', `LONGSHORE_HOME: ${fault}`);
}

/** Its URL and its keys; whether the bucket is there is seen when it is used. */
async function checkBucket({ storage, storageKeys }: Config): Promise<void> {
  // The supervisor has no use for the module otherwise, and it takes its time to load.
  const { openStorage } = await import('../storage/open-storage.ts');
  await openStorage(storage, storageKeys);
}

/** @throws LongshoreError where the folder can be neither written nor made */
function checkFolder(variable: string, folder: string): void {
  for (let at = folder; ; at = dirname(at)) {
    try {
      if (!statSync(at).isDirectory())
        throw new LongshoreError('config-invalid', `${variable}: ${at} is no folder`);
      accessSync(at, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      if (error instanceof LongshoreError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if ((code === 'ENOENT' || code === 'ENOTDIR') && dirname(at) !== at) continue;
      throw new LongshoreError('config-invalid', `${variable}: ${at} can not be written (${code})`, {
        cause: error,
      });
    }
  }
}
