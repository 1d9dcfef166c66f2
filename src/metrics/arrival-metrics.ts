import { Gauge, type Registry } from 'prom-client';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { KEPT_MS, kept } from './ledger-metrics.ts';

const COUNT_FILES = statement<{ state: 'waiting' | 'loading'; files: number }>`
  select state, count(*)::float8 as files from longshore.arrival_file
   where state in ('waiting', 'loading') group by 1`;

const COUNT_ARRIVALS = statement<{ state: ArrivalState; arrivals: number }>`
  select case when paused then 'paused' when look_code is not null then 'failing' else 'active' end as state,
         count(*)::float8 as arrivals
    from longshore.arrival group by 1`;

type ArrivalState = 'active' | 'paused' | 'failing';
const ARRIVAL_STATES: readonly ArrivalState[] = ['active', 'paused', 'failing'];
const OPEN_STATES = ['waiting', 'loading'] as const;

/** What the ledger knows of arrivals, asked at a scrape; left out while PostgreSQL is away. */
export function addArrivalMetrics(registry: Registry, db: Pick<Sql, 'query'>): void {
  const registers = [registry];
  const readFiles = kept(KEPT_MS, () => db.query(COUNT_FILES));
  new Gauge({
    name: 'longshore_arrival_files',
    help: 'Files of arrivals that have not ended, by state. The same from every process.',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = await readFiles();
      this.reset();
      if (counts === null) return;
      for (const state of OPEN_STATES)
        this.set({ state }, counts.find((one) => one.state === state)?.files ?? 0);
    },
  });
  const readArrivals = kept(KEPT_MS, () => db.query(COUNT_ARRIVALS));
  new Gauge({
    name: 'longshore_arrivals',
    help: 'Arrivals, by state; failing: the last look could not read the storage. The same from every process.',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = await readArrivals();
      this.reset();
      if (counts === null) return;
      for (const state of ARRIVAL_STATES) {
        this.set({ state }, counts.find((one) => one.state === state)?.arrivals ?? 0);
      }
    },
  });
}
