import type { ConnectionLike } from '@temporalio/client';
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/database.ts';
import { asDatabaseError } from '../db/database-error.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { Storage } from '../storage/storage.ts';
import { within } from '../within.ts';

export const DEPENDENCIES = ['postgres', 'temporal', 'storage'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

/** null: it answers; else what is wrong, without addresses and secrets: anyone may ask for it. */
export type DependencyFaults = Readonly<Record<Dependency, string | null>>;

/** A dependency that does not answer within this time counts as away. */
const PATIENCE_MS = 2_000;
/** Probes of load balancers give up after a second: who asks gets what is known by then. */
const ANSWER_MS = 500;
/** A question that hangs for so long, since its connection is dead perhaps, does not keep the next one from being asked. */
const GIVE_UP_MS = 10_000;

export interface DependencyDeps {
  readonly db: Pick<Database, 'query' | 'refused'>;
  readonly connection: Pick<ConnectionLike, 'workflowService'>;
  readonly namespace: string;
  readonly storage: Pick<Storage, 'stat'>;
}

/**
 * The state of the servers that this process works with. Each is asked when somebody wants to know and no question is
 * under way: anyone may ask, and must not multiply the work. A question that is slow is answered with the last known
 * state, which is "well" at first, as a process only starts with all of them.
 */
export function watchDependencies(deps: DependencyDeps): () => Promise<DependencyFaults> {
  const { db, connection, namespace, storage } = deps;
  const watched = {
    postgres: watch(() => askPostgres(db)),
    temporal: watch(() => connection.workflowService.describeNamespace({ namespace })),
    storage: watch(() => storage.stat('uploads/readiness')),
  };
  return async () => {
    const [postgres, temporal, stored] = await Promise.all([
      watched.postgres(),
      watched.temporal(),
      watched.storage(),
    ]);
    return { postgres, temporal, storage: stored };
  };
}

function watch(question: () => Promise<unknown>): () => Promise<string | null> {
  let last: string | null = null;
  let underWay: Promise<string | null> | undefined;
  /** Of the driver or the SDK, which may be patient for longer: none is asked beside it. */
  let asked: Promise<string | null> | undefined;
  return () => {
    asked ??= within(
      GIVE_UP_MS,
      question().then(() => null, faultOf),
      () => 'no answer',
    ).finally(() => {
      asked = undefined;
    });
    underWay ??= within(PATIENCE_MS, asked, () => `no answer within ${PATIENCE_MS} ms`)
      .then((fault) => {
        last = fault;
        return fault;
      })
      .finally(() => {
        underWay = undefined;
      });
    return within(ANSWER_MS, underWay, () => last);
  };
}

/** An answer over an idle connection does not tell that no more connections are accepted. */
async function askPostgres(db: DependencyDeps['db']): Promise<void> {
  const refused = db.refused();
  if (refused !== null) throw refused;
  await db.query('select 1');
}

/** Drivers put addresses and more into their messages. */
function faultOf(error: unknown): string {
  if (sqlstateOf(error) === SQLSTATE.tooManyConnections) return 'it accepts no more connections';
  return asDatabaseError(error)?.code === 'database-busy' ? 'too busy to answer' : 'not reachable';
}

export function addDependencyMetrics(registry: Registry, look: () => Promise<DependencyFaults>): void {
  new Gauge({
    name: 'longshore_dependency_up',
    help: 'Whether PostgreSQL, Temporal and the storage answer. To this process.',
    labelNames: ['dependency'],
    registers: [registry],
    async collect() {
      const faults = await look();
      for (const dependency of DEPENDENCIES) this.set({ dependency }, faults[dependency] === null ? 1 : 0);
    },
  });
}
