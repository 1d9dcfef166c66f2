import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { asDatabaseError } from '../db/database-error.ts';
import type { AuditEntry } from './audit-entry.ts';

/**
 * Takes entries at once and writes them soon after, many in one statement: thousands of requests a second must not
 * cost a statement each. While PostgreSQL is away they wait here. What is lost is counted in the log: entries beyond
 * `MAX_WAITING`, and those that a stop could not write. A process that is killed loses those of the last moment
 * (`WRITE_EVERY_MS`); loads and batches are in the ledger all the same, with the key that sent them, and changes of
 * keys write their entry in their own transaction.
 */
export interface AuditLog {
  record(entry: AuditEntry): void;
  /** Writes what waits, for at most `patienceMs` (default 5 s) while PostgreSQL is away. */
  stop(patienceMs?: number): Promise<void>;
}

const WRITE_EVERY_MS = 100;
/** About 30 MB. A minute of PostgreSQL being away, at a thousand requests a second. */
const MAX_WAITING = 60_000;
/** Entries of one statement. */
const MAX_AT_ONCE = 2_000;
const LONGEST_PAUSE_MS = 5_000;
/** How often entries are tried again that PostgreSQL refuses while it is there. */
const MAX_REFUSALS = 5;

export interface AuditLogOptions {
  /** `insertAudit` of a database. May be called again with entries that a call before had written. */
  readonly write: (entries: readonly AuditEntry[]) => Promise<void>;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  readonly maxWaiting?: number;
}

export function createAuditLog({ write, log, maxWaiting = MAX_WAITING }: AuditLogOptions): AuditLog {
  let waiting: AuditEntry[] = [];
  let lost = 0;
  let refusals = 0;
  let writing: Promise<void> | null = null;
  let deadlineMs = Number.POSITIVE_INFINITY;
  const stopping = new AbortController();

  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  function lose(count: number): void {
    // Logged once when a gap begins; its size is logged when it ends.
    if (lost === 0) log.error('Entries of the audit log are being lost');
    lost += count;
  }

  function tellLost(): void {
    if (lost === 0) return;
    log.error({ lost }, `${lost} entries of the audit log were lost`);
    lost = 0;
  }

  /** Whether the first of those that wait are written. */
  async function writeSome(): Promise<boolean> {
    const some = waiting.slice(0, MAX_AT_ONCE);
    try {
      await write(some);
    } catch (error) {
      if (asDatabaseError(error) === null) refusals += 1;
      if (refusals < MAX_REFUSALS) {
        log.warn({ err: error }, `${waiting.length} entries of the audit log wait to be written`);
        return false;
      }
      log.error({ err: error }, 'PostgreSQL refuses entries of the audit log');
      lose(some.length);
    }
    refusals = 0;
    waiting = waiting.slice(some.length);
    return true;
  }

  /** Until none waits; while stopping, until `deadlineMs`. */
  async function writeAll(): Promise<void> {
    let pauseMs = WRITE_EVERY_MS;
    await pause(pauseMs);
    while (waiting.length > 0 && performance.now() < deadlineMs) {
      if (await writeSome()) {
        pauseMs = WRITE_EVERY_MS;
        tellLost();
        continue;
      }
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      await (stopping.signal.aborted ? sleep(WRITE_EVERY_MS) : pause(pauseMs));
    }
    writing = null;
  }

  return {
    record(entry) {
      if (waiting.length >= maxWaiting) lose(1);
      else waiting.push(entry);
      writing ??= writeAll();
    },
    async stop(patienceMs = 5_000) {
      deadlineMs = performance.now() + patienceMs;
      stopping.abort();
      // A statement that hangs must not hold up the end.
      await Promise.race([writing, sleep(patienceMs, undefined, { ref: false })]);
      if (waiting.length > 0) lose(waiting.length);
      waiting = [];
      tellLost();
    },
  };
}
