import { Runtime, type Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

export interface RuntimeOptions {
  /** `host:port` on which the SDK serves its metrics for Prometheus; unset: nowhere. See `readSdkMetrics`. */
  readonly metricsAddress?: string;
}

/**
 * Sends what Temporal's SDK has to say to the process's own log. Once a process, before anything else of the SDK.
 */
export function installRuntime(log: Logger, { metricsAddress }: RuntimeOptions = {}): void {
  const own = log.child({ part: 'temporal' });
  const logger: SdkLogger = {
    log: (level, message, meta) => logger[LEVELS[level]](message, meta),
    trace: (message, meta) => own.trace(meta ?? {}, message),
    debug: (message, meta) => own.debug(meta ?? {}, message),
    info: (message, meta) => own.info(meta ?? {}, message),
    warn: (message, meta) => own[QUIET.test(message) ? 'debug' : 'warn'](meta ?? {}, message),
    error: (message, meta) => own.error(meta ?? {}, message),
  };
  // The process itself decides when to stop: no signals for the SDK.
  Runtime.install({
    shutdownSignals: [],
    logger,
    ...(metricsAddress !== undefined && {
      // Base units and suffixes as Prometheus has them.
      telemetryOptions: {
        metrics: {
          prometheus: {
            bindAddress: metricsAddress,
            countersTotalSuffix: true,
            unitSuffix: true,
            useSecondsForDurations: true,
          },
        },
      },
    }),
  });
}

/**
 * Warnings that tell an operator nothing: a worker of one kind has nothing of the other kinds, and what an activity or
 * a workflow failed of is logged, with its load and code, where it failed.
 */
const QUIET = /^(No .* registered|Activity failed|Workflow failed)/;

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
