import { type Config, readConfig } from '../config.ts';
import { type StartFault, startFaultsOf, startReport } from '../start-faults.ts';
import { firstError, messageOf } from './log-fields.ts';
import { createLogger, type Logger } from './logger.ts';

/** How long a graceful stop may take once the supervisor is gone: the next one wants our port. */
const ABANDONED_LIMIT_MS = 4_000;

export interface ChildContext {
  readonly config: Config;
  readonly log: Logger;
  /** `api`, or `worker-1` … under the supervisor. */
  readonly name: string;
}

export type ChildInfo = Readonly<Record<string, string | number>>;

export interface ChildService {
  /** Sent to the supervisor with `ready`; the API gives `url`. JSON-safe. */
  readonly info?: ChildInfo;
  /**
   * Stops taking work, ends or hands back what is under way, closes connections. Called at most once.
   * @param inHaste there is no time to let things finish
   */
  stop(inHaste?: boolean): Promise<void>;
  /** Rejects when the service can't go on; the process then ends with exit code 1. */
  readonly failed?: Promise<unknown>;
}

/** Messages from a child to its supervisor. */
export type ChildMessage =
  | { readonly ready: true; readonly name: string; readonly info: ChildInfo }
  /** Before it was ready: why it can not start. */
  | { readonly refused: readonly StartFault[] }
  | { readonly log: { readonly level: string; readonly msg: string } };

/**
 * The main function of a process of the platform: reads the configuration, starts the service, says `ready`, stops
 * it once on SIGTERM, SIGINT, or when the supervisor is gone, and turns every error that nobody caught into a log
 * line and a non-zero exit code. Without a supervisor (on a server of its own) it does the same, less the messages.
 * What keeps it from starting is told by lines for people, to the supervisor or on standard error.
 *
 * @param configure gives the configuration, after whatever can be checked before the service starts
 */
export async function runChild(
  name: string,
  start: (context: ChildContext) => Promise<ChildService>,
  configure: (env: NodeJS.ProcessEnv) => Config | Promise<Config> = readConfig,
): Promise<void> {
  const role = process.argv.find((argument) => argument.startsWith('--as='))?.slice('--as='.length) ?? name;
  let log = createLogger({ level: 'info', process: role });
  let service: ChildService | undefined;
  let stopping = false;

  const end = (code: number) => {
    // A turn of the event loop, in which lines on their way to the supervisor still go out.
    setImmediate(() => process.exit(code));
  };
  const fail = (error: unknown) => {
    const first = firstError(error);
    log.fatal({ err: first }, messageOf(first));
    end(1);
  };
  const refuse = (error: unknown) => {
    const first = firstError(error);
    const foreseen = startFaultsOf(first);
    const faults = foreseen ?? [{ code: 'internal' as const, detail: messageOf(first) }];
    process.send?.({ refused: faults } satisfies ChildMessage);
    if (process.send === undefined) console.error(`Longshore can not start.\n${startReport(faults)}`);
    // People read the lines above, and a log for machines gets all in one.
    if (process.send === undefined && process.stdout.isTTY) return end(1);
    log.fatal(foreseen === null ? { err: first } : { faults }, 'Longshore can not start');
    end(1);
  };
  const stop = async (why: string, inHaste = false) => {
    if (stopping) return;
    stopping = true;
    log.info(`Stopping: ${why}`);
    try {
      await service?.stop(inHaste);
      end(0);
    } catch (error) {
      fail(error);
    }
  };

  process.once('uncaughtException', fail);
  process.once('unhandledRejection', fail);
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  if (process.connected) {
    process.once('disconnect', () => {
      setTimeout(() => process.exit(1), ABANDONED_LIMIT_MS).unref();
      void stop('the supervisor is gone', true);
    });
  }

  try {
    const config = await configure(process.env);
    log = createLogger({ level: config.logLevel, process: role });
    service = await start({ config, log, name: role });
    service.failed?.catch(fail);
    if (stopping) {
      // Asked to stop while it started: `stop` had nothing to stop yet.
      await service.stop();
      return end(0);
    }
    process.send?.({ ready: true, name: role, info: service.info ?? {} } satisfies ChildMessage);
    log.info({ ...service.info }, 'Ready');
  } catch (error) {
    refuse(error);
  }
}
