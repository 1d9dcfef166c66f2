/**
 * Connections to PostgreSQL that one process opens at most, by what they are for. Each share is a bound of its own: what
 * waits in one, for a locked table say, keeps nothing of another one waiting. docs/operations.md has the sums, which a
 * test holds to these.
 */
export const API_CONNECTIONS = {
  /** The ledger, and groups of batches, which have most of them. */
  ledger: 16,
  /** Reads of tables that requests wait for. */
  reads: 4,
  /** Answers of reports. */
  reports: 6,
  /** Snapshots of backups that run: one each. */
  snapshots: 8,
} as const;

export const WORKER_CONNECTIONS = {
  /** Transactions of activities. */
  activities: 6,
  /** Parts of backups that are exported, one each, and ANALYZE. */
  beside: 3,
} as const;

/** Of the groups of batches of one table, of the reads of one, and of the answers of one report, at the same time. */
export const COMMITS_OF_A_TABLE = 3;
export const READS_OF_A_TABLE = 2;
export const READS_OF_A_REPORT = 3;

/** Of a database that is opened for something else. */
export const POOL_SIZE = 10;
export const BESIDE_POOL = 10;

/** @returns how many connections so many processes open at most */
export function mostConnections({
  apis,
  workers,
}: {
  readonly apis: number;
  readonly workers: number;
}): number {
  return apis * sum(API_CONNECTIONS) + workers * sum(WORKER_CONNECTIONS);
}

function sum(shares: Readonly<Record<string, number>>): number {
  return Object.values(shares).reduce((all, share) => all + share, 0);
}
