import type { ConnectionLike } from '@temporalio/client';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Installation, readInstallation } from './installation.ts';
import { registerProcess } from './process-registry.ts';
import { findStrangers, refuseStrangers, type StrangerTimes } from './refuse-strangers.ts';

const LOOK_EVERY_MS = 60_000;
const REREAD_EVERY_MS = 10_000;

export interface JoinedProcess extends AsyncDisposable {
  /** What Temporal shows of the process. */
  readonly identity: string;
  /** Rejects when the ledger has another ID than when the process started: it has to start again. */
  readonly renamed: Promise<never>;
}

export interface JoinOptions {
  readonly connection: Pick<ConnectionLike, 'workflowService'>;
  readonly namespace: string;
  readonly db: Sql;
  readonly installation: Installation;
  readonly log: Logger;
  /** `api`, `worker-1` … */
  readonly name: string;
  /** How long it watches those whom the ledger does not know. */
  readonly times?: Partial<StrangerTimes>;
}

/**
 * Lets a process work for the installation: not beside processes of another database that has its ID. While it works it
 * goes on looking for such, and says so in the log: of two that started at the same moment neither saw the other.
 * The ledger may get another ID beneath it, when the API starts after a worker: it hears of that.
 *
 * @throws LongshoreError `installation-conflict`
 */
export async function joinInstallation(options: JoinOptions): Promise<JoinedProcess> {
  const { db, log, name } = options;
  await refuseStrangers({ ...options, log });
  const registered = await registerProcess(db, name);
  let before: readonly string[] = [];
  const look = async () => {
    const found = await findStrangers({ ...options, log });
    // Twice in a row: what died a moment ago is still listed.
    const strangers = found.filter((one) => before.includes(one));
    before = found;
    if (strangers.length === 0) return;
    log.error(
      { strangers, installation: options.installation.id },
      `${strangers.join(', ')} serves this installation from a database that is not this one: stop one of the two`,
    );
  };
  const { promise: renamed, reject } = Promise.withResolvers<never>();
  renamed.catch(() => undefined);
  const reread = async () => {
    const { id } = await readInstallation(db);
    const { id: own } = options.installation;
    if (id !== own) {
      reject(
        new LongshoreError('installation-conflict', `the ledger's installation is ${id} now, not ${own}`),
      );
    }
  };
  // PostgreSQL or Temporal may be away.
  const timers = [
    setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS),
    setInterval(() => void reread().catch(() => undefined), REREAD_EVERY_MS),
  ];
  return {
    identity: registered.identity,
    renamed,
    async [Symbol.asyncDispose]() {
      timers.forEach(clearInterval);
      await registered[Symbol.asyncDispose]();
    },
  };
}
