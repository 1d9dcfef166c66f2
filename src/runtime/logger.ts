import {
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  multistream,
  pino,
  stdTimeFunctions,
} from 'pino';

export type { Logger } from 'pino';

/** Paths whose values never reach a log, at the top and one level down. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'adminKey',
  'api_key',
  'databaseUrl',
  'DATABASE_URL',
  'TEMPORAL_API_KEY',
  'LONGSHORE_ADMIN_KEY',
  'LONGSHORE_BACKUP_KEY',
  'backupKey',
  '["x-api-key"]',
];

/**
 * A logger that writes JSON lines. `process` names the writer (api, worker-1 …).
 * Standard output is the default: under the supervisor that is the process's log file, and warnings and worse go to
 * the supervisor as well, which shows them.
 */
export function createLogger(
  options: { readonly level: string; readonly process: string },
  destination?: DestinationStream,
): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: { process: options.process, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [
        field,
        field.startsWith('[') ? `*${field}` : `*.${field}`,
        field.startsWith('[') ? `req.headers${field}` : `req.headers.${field}`,
      ]),
      censor: '[redacted]',
    },
  };
  if (destination !== undefined) return pino(settings, destination);
  // Written at once: the line that says why a process ended is the one that matters.
  const own = pino.destination({ fd: 1, sync: true });
  if (process.send === undefined) return pino(settings, own);
  return pino(
    settings,
    multistream([
      { level: 'trace', stream: own },
      { level: 'warn', stream: supervisorStream },
    ]),
  );
}

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
