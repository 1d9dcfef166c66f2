import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { PayloadKeys } from '../seal/payload-keys.ts';
import { type Installation, readInstallation } from './installation.ts';
import { isKeeper, type RegisterOptions, registerProcess } from './process-registry.ts';
import type { ProcessStamp } from './process-stamps.ts';
import {
  findStrangers,
  findUnknownPollers,
  namesOf,
  refuseStrangers,
  type StrangerTimes,
} from './refuse-strangers.ts';

const LOOK_EVERY_MS = 60_000;
const REREAD_EVERY_MS = 10_000;

export interface JoinedProcess extends AsyncDisposable {
  /** What Temporal shows of the process. */
  readonly identity: string;
  /** Whether it is the one of its name that does what has to be done once; see `isKeeper`. */
  isKeeper(): Promise<boolean>;
  /** Rejects when the ledger's ID has changed since the process started, which has to restart then. */
  readonly renamed: Promise<never>;
}

export interface JoinOptions {
  readonly connection: RegisterOptions['connection'];
  readonly namespace: string;
  readonly db: Sql;
  readonly installation: Installation;
  readonly keys: PayloadKeys;
  readonly log: Logger;
  /** `api`, `worker-1` … */
  readonly name: string;
  /** Of an API process: hash of the dictionary's file that it was started with. */
  readonly dictionaryHash?: string | null;
  /** How long it watches processes that the ledger does not know. */
  readonly times?: Partial<StrangerTimes>;
}

/**
 * Lets a process work for the installation, unless processes of another database with the same ID do. While it works it
 * keeps checking for such, and logs them: two that start at the same moment don't see each other.
 * The ledger may get another ID while it runs, when the API starts after a worker: the watcher reports that.
 *
 * @throws LongshoreError `installation-conflict`
 */
export async function joinInstallation(options: JoinOptions): Promise<JoinedProcess> {
  const { db, installation, log } = options;
  await refuseStrangers(options);
  const { id: installationId, queue } = installation;
  const registered = await registerProcess({ ...options, installationId, queue });
  let [before, told]: [readonly ProcessStamp[], string] = [[], ''];
  const look = async () => {
    const found = await findStrangers(options);
    // Reported only when found twice in a row: a process that died a moment ago is still listed.
    const strangers = found.filter(({ token }) => before.some((one) => one.token === token));
    before = found;
    if (strangers.length > 0) {
      log.error(
        { strangers: strangers.map((one) => one.process), installation: installationId },
        `${namesOf(strangers)} serves this installation from a database that is not this one: stop one of the two`,
      );
    }
    const unknown = namesOf(await findUnknownPollers(options));
    if (unknown !== '' && unknown !== told) {
      log.warn(
        { installation: installationId },
        `${unknown} takes tasks from this installation's queues in Temporal, or did within the last minutes, and the ` +
          'ledger knows of no such process: nothing that it answers is believed unless it has the payload key',
      );
    }
    told = unknown;
  };
  // Neither a stranger nor an error in reporting it delays a start.
  const lookLater = () => void look().catch(() => undefined);
  lookLater();
  const { promise: renamed, reject } = Promise.withResolvers<never>();
  renamed.catch(() => undefined);
  const reread = async () => {
    const { id } = await readInstallation(db);
    if (id !== installationId) {
      reject(
        new LongshoreError(
          'installation-conflict',
          `the ledger's installation is ${id} now, not ${installationId}`,
        ),
      );
    }
  };
  // PostgreSQL or Temporal may be away.
  const timers = [
    setInterval(lookLater, LOOK_EVERY_MS),
    setInterval(() => void reread().catch(() => undefined), REREAD_EVERY_MS),
  ];
  return {
    identity: registered.identity,
    isKeeper: () => isKeeper(db, registered.token),
    renamed,
    async [Symbol.asyncDispose]() {
      timers.forEach(clearInterval);
      await registered[Symbol.asyncDispose]();
    },
  };
}
