import { hostname } from 'node:os';
import {
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  multistream,
  pino,
  stdTimeFunctions,
} from 'pino';

import { safeFields } from './log-fields.ts';

export type { Logger } from 'pino';

/** Lines below a warning are gathered up to so many bytes, or so long, before they are written. */
const GATHERED_BYTES = 8 * 1024;
const GATHERED_MS = 100;

/**
 * A logger that writes JSON lines, without secrets and without row data (`safeFields`). `process` names the writer's
 * role (api, worker-1 …), `host` and `pid` the one among others of the same role on servers of one's own.
 * Standard output is the default: under the supervisor that is the process's log file, and warnings and worse go to
 * the supervisor as well, which shows them.
 */
export function createLogger(
  options: { readonly level: string; readonly process: string },
  destination?: DestinationStream,
): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: { process: options.process, host: hostname(), pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: safeFields },
    // Pino's own would describe the description.
    serializers: { err: (described) => described },
  };
  if (destination !== undefined) return pino(settings, destination);
  const streams = [
    { level: 'trace', stream: ownOutput() },
    { level: 'warn', stream: supervisorStream },
  ] as const;
  return pino(settings, multistream(process.send === undefined ? [streams[0]] : [...streams]));
}

/**
 * Standard output. A write for each line would cost a loaded API more than all the rest of its logging, so lines are
 * gathered; a warning or worse is written at once, with those before it, since the line that says why a process
 * ended is the one that matters. Only `kill -9` loses lines, of the last tenth of a second.
 */
function ownOutput(): DestinationStream {
  const output = pino.destination({
    fd: 1,
    sync: true,
    minLength: GATHERED_BYTES,
    periodicFlush: GATHERED_MS,
  });
  process.once('exit', () => output.flushSync());
  return {
    write(line) {
      output.write(line);
      if (URGENT.test(line)) output.flushSync();
    },
  };
}

/** The level is the first member of every line. */
const URGENT = /^\{"level":"(?:warn|error|fatal)"/;

/** Passes a log line's message to the supervisor; the rest of the line is in the log file. */
const supervisorStream: DestinationStream = {
  write(line) {
    const { level, msg } = JSON.parse(line) as { level: string; msg: string };
    if (process.connected) process.send?.({ log: { level, msg } });
  },
};

/** What the parts of the runtime need of a log: one line for people at each call. */
export interface ProgressLog {
  info(message: string): void;
  warn(message: string): void;
}
