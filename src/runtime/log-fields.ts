import { sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';

/** Names whose values never reach a log, wherever in its fields; compared in lower case. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'token',
  'access_token',
  'apikey',
  'api_key',
  'adminkey',
  'x-api-key',
  'databaseurl',
  'database_url',
  'temporal_api_key',
  'longshore_admin_key',
  'longshore_events_secret',
]);
const REDACTED = '[redacted]';
/** Deeper than anything that is logged on purpose. */
const MAX_DEPTH = 4;
const MAX_CAUSES = 5;

/**
 * The fields of a log line as they may be written: errors as `describeError` tells them, and nothing under a name
 * that secrets have. Runs for every line, so it copies only what it changes.
 */
export function safeFields(fields: object, depth = 0): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    safe[name] = SECRET_NAMES.has(name.toLowerCase()) ? REDACTED : safeValue(value, depth);
  }
  return safe;
}

function safeValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (depth >= MAX_DEPTH) return '[left out]';
  if (Array.isArray(value)) return value.map((entry) => safeValue(entry, depth + 1));
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? value : safeFields(value, depth + 1);
}

/** An error for the log: what it is and where it came from, without what it may quote of a row. */
function describeError(error: Error, causes = 0): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: messageOf(error),
    ...databaseFields(error),
    stack: framesOf(error),
    ...(error.cause instanceof Error && causes < MAX_CAUSES
      ? { cause: describeError(error.cause, causes + 1) }
      : {}),
  };
}

/** The error that came first, where closing what was open (`await using`) failed after it. */
export function firstError(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) first = first.suppressed;
  return first;
}

/**
 * The message of an error, if it is one that quotes no row: PostgreSQL's may (its `detail` and `where` as well, and
 * MikroORM's add the statement), and those of parsers do. Our own never hold any in a status of 500 and more.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if (error instanceof LongshoreError) return error.message;
  const state = sqlstateOf(error);
  // A code of Node's, such as EPIPE, has the form of an SQLSTATE, but no digit.
  if (state !== undefined && /[0-9]/.test(state)) return databaseMessage(error, state);
  if (error instanceof SyntaxError || /^(ZodError|CsvError|\$ZodError)$/.test(error.name)) {
    return 'left out: it may quote what was read';
  }
  return error.message;
}

/** Classes of SQLSTATEs about connections, rights, names, room and the server itself: their messages quote no values. */
const CLASSES_WITHOUT_VALUES = /^(?:08|25|28|3D|3F|40|42|53|54|55|57|58|XX)/;

function databaseMessage(error: Error, state: string): string {
  let innermost = error;
  while (innermost.cause instanceof Error) innermost = innermost.cause;
  // A function of the user's may raise any SQLSTATE, with a row in its words.
  const { where } = innermost as { where?: unknown };
  const told = CLASSES_WITHOUT_VALUES.test(state) && !/function/i.test(String(where));
  return told ? `SQLSTATE ${state}: ${innermost.message}` : `SQLSTATE ${state}`;
}

const DATABASE_FIELDS = ['severity', 'schema', 'table', 'column', 'constraint', 'routine'];

/** Names of things, no values of them. */
function databaseFields(error: Error): Record<string, unknown> {
  if (sqlstateOf(error) === undefined) return {};
  const fields = error as unknown as Record<string, unknown>;
  return Object.fromEntries(
    DATABASE_FIELDS.filter((name) => typeof fields[name] === 'string').map((name) => [name, fields[name]]),
  );
}

/** The stack begins with the message: only its frames are logged. */
function framesOf(error: Error): string {
  const lines = (error.stack ?? '').split('\n');
  return lines.filter((line) => /^ {4}at \S/.test(line)).join('\n');
}
