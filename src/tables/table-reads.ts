import { API_CONNECTIONS, READS_OF_A_TABLE } from '../db/connections.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { lockedBy, tableLocked } from '../db/lock-holders.ts';
import type { Sql } from '../db/sql.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { Slots } from '../slots.ts';
import { liveName } from './table-state.ts';

/** Reads of data tables that a request waits for. */
export interface TableReads extends AsyncDisposable {
  /**
   * Runs statements that read a table and change nothing.
   * @throws LongshoreError `table-locked`, `table-slow`
   */
  of<T>(name: string, read: (db: Database) => Promise<T>): Promise<T>;
}

export interface TableReadsOptions {
  readonly url: string;
  /** Tells who has locked a table. */
  readonly ledger: Pick<Sql, 'query'>;
  /** Limits of time; of a lock, of a statement, and of the wait until reads of the same table have ended. */
  readonly limits?: Partial<ReadLimits>;
}

interface ReadLimits {
  readonly lockMs: number;
  readonly statementMs: number;
  readonly turnMs: number;
}

const LIMITS: ReadLimits = { lockMs: 2_000, statementMs: 15_000, turnMs: 4_000 };

/**
 * Opens a share of connections for reads of tables, of which one table has only a part: a table that somebody has locked,
 * or that takes long to read, keeps neither reads of others nor anything else waiting. Their sessions are read-only, and
 * limited in time.
 */
export async function openTableReads({ url, ledger, limits }: TableReadsOptions): Promise<TableReads> {
  const { lockMs, statementMs, turnMs } = { ...LIMITS, ...limits };
  const db = await openDatabase({
    url,
    poolSize: API_CONNECTIONS.reads,
    applicationName: 'longshore reads',
    settings: {
      default_transaction_read_only: 'on',
      lock_timeout: String(lockMs),
      statement_timeout: String(statementMs),
    },
  });
  const slots = new Slots({ all: API_CONNECTIONS.reads, each: READS_OF_A_TABLE });
  return {
    async of(name, read) {
      const live = [liveName({ name })];
      const release = await slots.take(name, turnMs);
      if (release === null) {
        const by = await lockedBy(ledger, live, 'access share');
        if (by !== null) throw new LongshoreError('table-locked', by);
        throw new LongshoreError('table-slow', `other reads are under way, and ${name} had no turn in time`);
      }
      try {
        return await read(db);
      } catch (error) {
        const state = sqlstateOf(error);
        if (state === SQLSTATE.lockNotAvailable) throw await tableLocked(ledger, live, 'access share', error);
        if (state !== SQLSTATE.queryCanceled) throw error;
        const message = `reading ${name} took longer than ${statementMs / 1000} s`;
        throw new LongshoreError('table-slow', message, { cause: error });
      } finally {
        release();
      }
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}
