import { Runtime, type Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/**
 * Sends what Temporal's SDK has to say to the process's own log. Once a process, before anything else of the SDK.
 *
 * @returns the logger, for parts of the SDK that take one
 */
export function installRuntime(log: Logger): SdkLogger {
  const own = log.child({ part: 'temporal' });
  const logger: SdkLogger = {
    log: (level, message, meta) => own[LEVELS[level]](meta ?? {}, message),
    trace: (message, meta) => own.trace(meta ?? {}, message),
    debug: (message, meta) => own.debug(meta ?? {}, message),
    info: (message, meta) => own.info(meta ?? {}, message),
    // A worker of one kind says at every start that it has nothing of the other kinds: it is meant to.
    warn: (message, meta) => own[/^No .* registered/.test(message) ? 'debug' : 'warn'](meta ?? {}, message),
    error: (message, meta) => own.error(meta ?? {}, message),
  };
  // The process itself decides when to stop: no signals for the SDK.
  Runtime.install({ shutdownSignals: [], logger });
  return logger;
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
