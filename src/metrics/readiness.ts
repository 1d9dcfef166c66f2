import type { Worker } from '@temporalio/worker';
import { DEPENDENCIES, type Dependency, type DependencyFaults } from './dependencies.ts';

/**
 * Whether a process takes work. That is its own matter: what it shares with all others (PostgreSQL, Temporal, the
 * storage) is reported beside it. A load balancer that took every process out because of one of those would make a total
 * outage of what reports and batches can do without.
 */
export interface Readiness {
  /** Of this process alone: it has started, does not stop, and its worker runs. */
  readonly ok: boolean;
  /** Checks by name, of the process and of its dependencies: null when well, else the fault, without secrets. */
  readonly checks: Readonly<Record<string, string | null>>;
  /** The dependencies that do not answer. */
  readonly away: readonly Dependency[];
}

export interface ReadinessDeps {
  /** Where the process is in its life. */
  readonly phase: () => 'starting' | 'serving' | 'stopping';
  /** Its workers by the kind of their tasks. */
  readonly workers: () => Readonly<Record<string, Pick<Worker, 'getState'>>>;
  /** null: not asked yet. */
  readonly dependencies: () => Promise<DependencyFaults | null>;
}

export function createReadiness({ phase, workers, dependencies }: ReadinessDeps): () => Promise<Readiness> {
  return async () => {
    const faults = await dependencies();
    // Afterwards: it may have been told to stop meanwhile.
    const now = phase();
    const own: Record<string, string | null> = { process: now === 'serving' ? null : `it is ${now}` };
    for (const [kind, worker] of Object.entries(workers())) {
      const state = worker.getState();
      own[kind] = state === 'RUNNING' ? null : `the worker is ${state.toLowerCase()}`;
    }
    return {
      ok: Object.values(own).every((fault) => fault === null),
      checks: { ...own, ...faults },
      away: faults === null ? [] : DEPENDENCIES.filter((dependency) => faults[dependency] !== null),
    };
  };
}
