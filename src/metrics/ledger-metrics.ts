import { Counter, Gauge, type Registry } from 'prom-client';
import type { PoolState } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { LoadStatus } from '../types.ts';
import { within } from '../within.ts';
import { COUNTER_TABLES, TableLabels } from './table-labels.ts';

/** Scrapes come every 15 seconds or so from each of perhaps several servers; one answer serves them all. */
export const KEPT_MS = 5_000;
/** A ledger that takes longer counts as away: scrapers give up after ten seconds. */
const PATIENCE_MS = 3_000;
/** A question that hangs for so long, on a dead connection perhaps, does not keep the next one from being asked. */
const GIVE_UP_MS = 20_000;

interface LoadCount {
  readonly table: string;
  readonly status: LoadStatus;
  readonly loads: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly unchanged: number;
  readonly discarded: number;
}

const OUTCOMES = ['loaded', 'rejected', 'unchanged', 'discarded'] as const;

/**
 * What the ledger knows of loads, asked at a scrape: the same from every API process, so it must not be summed over
 * them, and right after restarts. While PostgreSQL is away `longshore_ledger_up` is 0 and the rest is left out.
 *
 * @param tables those of the dictionary, whose first ones are told apart
 */
export function addLedgerMetrics(
  registry: Registry,
  db: Pick<Sql, 'query'>,
  tables: readonly string[] = [],
): void {
  const registers = [registry];
  const labels = new TableLabels(COUNTER_TABLES, tables);
  const read = kept(KEPT_MS, () => countLoads(db));
  new Gauge({
    name: 'longshore_ledger_up',
    help: 'Whether PostgreSQL answered when the ledger was asked. The same from every process.',
    registers,
    async collect() {
      this.set((await read()) === null ? 0 : 1);
    },
  });
  new Gauge({
    name: 'longshore_loads',
    help: 'Loads in the ledger, by table and status. The same from every process.',
    labelNames: ['table', 'status'],
    registers,
    async collect() {
      const counts = (await read()) ?? [];
      this.reset();
      for (const { table, status, loads } of counts) this.inc({ table: labels.of(table), status }, loads);
    },
  });
  new Counter({
    name: 'longshore_load_rows_total',
    help: 'Rows of loads that are done, by what became of them. The same from every process.',
    labelNames: ['table', 'outcome'],
    registers,
    async collect() {
      const counts = (await read()) ?? [];
      this.reset();
      for (const count of counts) {
        if (count.status !== 'done') continue;
        const table = labels.of(count.table);
        for (const outcome of OUTCOMES) this.inc({ table, outcome }, count[outcome]);
      }
    },
  });
}

/**
 * Loads that have ended are counted already (`src/loads/count-loads.ts`), so this reads the others only. Rows of deleted
 * loads count on: a counter never falls.
 */
const COUNT_LOADS = statement<LoadCount>`
  select table_name as "table", status, sum(loads) as loads, sum(rows_loaded) as loaded,
         sum(rows_rejected) as rejected, sum(rows_unchanged) as unchanged,
         sum(rows_discarded) as discarded
    from (select table_name, status, count(*)::float8 as loads, sum(rows_loaded), sum(rows_rejected),
                 sum(rows_unchanged), sum(rows_discarded) from longshore.load where not counted group by 1, 2
          union all
          select table_name, status, loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded
            from longshore.load_count
          union all
          select table_name, status, 0, rows_loaded, rows_rejected, rows_unchanged, rows_discarded
            from longshore.load_past)
      counted (table_name, status, loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded)
   group by 1, 2 order by 1, 2`;

function countLoads(db: Pick<Sql, 'query'>): Promise<LoadCount[]> {
  return db.query(COUNT_LOADS);
}

/**
 * The answer of the last `forMs`, or of the question that is under way; null when there was none in time. One question
 * at a time: while PostgreSQL hangs, scrapes must not take one connection after the other.
 */
export function kept<T>(forMs: number, ask: () => Promise<T>): () => Promise<T | null> {
  let answer: Promise<T | null> = Promise.resolve(null);
  let underWay: Promise<T | null> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (underWay === undefined && performance.now() - askedAtMs > forMs) {
      askedAtMs = performance.now();
      underWay = within(
        GIVE_UP_MS,
        ask().catch(() => null),
        () => null,
      ).finally(() => {
        underWay = undefined;
      });
      answer = within(PATIENCE_MS, underWay, () => null);
    }
    return answer;
  };
}

/** Connections of this process to PostgreSQL. */
export function addPoolMetrics(registry: Registry, read: () => PoolState): void {
  new Gauge({
    name: 'longshore_postgres_connections',
    help: 'Connections to PostgreSQL, in use and idle. Of this process.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { total, idle } = read();
      this.set({ state: 'used' }, total - idle);
      this.set({ state: 'idle' }, idle);
    },
  });
  new Gauge({
    name: 'longshore_postgres_waiting',
    help: 'Statements and transactions that wait for a connection. Of this process.',
    registers: [registry],
    collect() {
      this.set(read().waiting);
    },
  });
}
