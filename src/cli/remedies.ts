/**
 * What to do in the client's words, for errors whose remedy in the catalog names routes, headers or members: whoever
 * types commands has none of these. By code; all others are fit to be shown as they are.
 */
const REMEDIES: Readonly<Record<string, string>> = {
  'unknown-table': '"longshore tables" lists the tables.',
  'table-exists': 'Give the table another name; "longshore table show <table>" shows the one that is there.',
  'table-holds-rows': 'Say its name once more to remove it with its rows: --confirm <table>.',
  'unknown-removed-table': '"longshore table removed" lists the tables that can be brought back.',
  'unknown-load': '"longshore status" lists the latest loads.',
  'unknown-batch': 'Run the same "longshore insert" again: rows that are in already are not inserted twice.',
  'unknown-backup': '"longshore backups" lists the latest backups.',
  'unknown-restore': '"longshore restores" lists the latest restores.',
  'unknown-copy': '"longshore copies" lists the tables that were restored under another name.',
  'unknown-report': '"longshore reports" lists the reports.',
  'unknown-schedule': '"longshore schedule list" lists the schedules.',
  'unknown-arrival': '"longshore arrival list" lists the arrivals.',
  'unknown-arrival-file': '"longshore arrival files <id>" lists its files.',
  'arrival-state':
    '"longshore arrival show <id>" and "longshore arrival files <id>" show them; the message says what is in the way.',
  'unknown-key': '"longshore key list" lists the keys.',
  'not-found': 'Use the client of the same version as the platform.',
  'method-not-allowed': 'Use the client of the same version as the platform.',
  'unsupported-media-type': 'Use the client of the same version as the platform.',
  'file-missing': 'Name a file, or "-" for standard input.',
  'headers-too-large': 'Use a shorter name or address.',
  'request-timeout': 'Run the command again.',
  'expectation-failed': 'See which proxy is between here and the platform.',
  'http-version': 'See which proxy is between here and the platform.',
  'malformed-request': 'See which proxy is between here and the platform.',
  'invalid-request': 'Correct what is named above.',
  unauthenticated: 'Set LONGSHORE_KEY to a key of this platform, or give it by --key.',
  'already-loaded': 'Use --force to load it once more.',
  'too-many-rejects':
    '"longshore rejects <id>" says why. Correct the file, or raise --max-rejects, and load again. The table was not changed.',
  'batch-rejected': 'Correct the rows that are named, and insert them again.',
  'idempotency-key-reused': 'Insert a file that has changed meanwhile under another name.',
  'idempotency-key-in-use': 'Run the command again in a moment.',
  'backup-state': '"longshore backups show <id>" shows its status, and whether it is pinned or in use.',
  'backup-unverified':
    '"longshore backups show <id>" says why. Use "longshore backups adopt <id>", or --accept-unverified, when you know where it comes from.',
  'restore-mismatch':
    'Restore under another name by --as, with the dictionary of the backup, or, where rows break rules, by --accept-broken-rows. Nothing was changed.',
  'diff-not-ready': 'Run the command again in a moment: what was read by then is kept.',
  'schedule-broken':
    'Delete the schedule by "longshore schedule delete <id>" and make it again; until then it can be paused.',
  'plan-changed': 'Ask for the plan again, and run what it names now.',
  'schedule-state': '"longshore schedule show <id>" shows its runs; the message says what is in the way.',
  'table-locked':
    'End the transaction of the process that the message names (`select pg_terminate_backend(…)` does), or wait: jobs go on by themselves.',
  'table-restoring': 'Run the command again when the restore that the message names has ended.',
  'rate-limited': 'Wait a moment, then run the command again; a key can have a higher rate.',
  stopping: 'Run the command again: another process, or this one when it is back, answers it.',
  overloaded: 'Run the command again in a moment.',
  'database-busy':
    'Run the command again in a moment; pg_stat_activity and pg_locks show who holds what. Running loads go on by themselves.',
  'load-state': '"longshore status <id>" shows its status.',
};

/** @param remedy the platform's, which may know codes that this client does not */
export function remedyFor(code: string, remedy: string | undefined): string | undefined {
  return Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : remedy;
}
