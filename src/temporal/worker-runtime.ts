import { Runtime, type Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

export interface RuntimeOptions {
  /** `host:port` on which the SDK serves its metrics for Prometheus; unset: nowhere. See `readSdkMetrics`. */
  readonly metricsAddress?: string;
}

/**
 * Sends the logs of Temporal's SDK to the process's own log. Called once a process, before anything else of the SDK.
 */
export function installRuntime(log: Logger, { metricsAddress }: RuntimeOptions = {}): void {
  // The process itself decides when to stop: no signals for the SDK.
  Runtime.install({
    shutdownSignals: [],
    logger: sdkLogger(log),
    telemetryOptions: {
      // Otherwise the SDK's native half writes to the console, in another format.
      logging: { forward: {} },
      ...(metricsAddress !== undefined && {
        // Base units and suffixes as Prometheus has them.
        metrics: {
          prometheus: {
            bindAddress: metricsAddress,
            countersTotalSuffix: true,
            unitSuffix: true,
            useSecondsForDurations: true,
          },
        },
      }),
    },
  });
}

/** The process's log as the SDK writes to it. */
export function sdkLogger(log: Logger): SdkLogger {
  const own = log.child({ part: 'temporal' });
  const logger: SdkLogger = {
    log: (level, message, meta) => logger[LEVELS[level]](message, meta),
    trace: (message, meta) => own.trace(meta ?? {}, message),
    debug: (message, meta) => own.debug(meta ?? {}, message),
    info: (message, meta) => own.info(meta ?? {}, message),
    warn: (message, meta) => own[QUIET.test(message) ? 'debug' : 'warn'](meta ?? {}, message),
    error: (message, meta) => own.error(meta ?? {}, message),
  };
  return logger;
}

/**
 * Warnings that tell an operator nothing: a worker of one kind has nothing of the other kinds, and what an activity or
 * a workflow failed of is logged, with its load and code, where it failed. A part that was cancelled, since its
 * backup's snapshot is lost or the backup is cancelled, may end after its workflow's run, which waits for none: it
 * clears up after itself, and has nobody to tell.
 */
const QUIET = /^(No .* registered|Activity failed|Workflow failed|Activity not found on completion)/;

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
