import type { Logger } from 'pino';
import type { Config } from '../src/config.ts';
import type { KeyStore } from '../src/keys/key-store.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { Dictionary } from '../src/types.ts';
import type { LoadService } from './load-service.ts';
import type { Metrics } from './metrics.ts';

/** Everything the API stands on. `createApp` keeps no state of its own beside it. */
export interface ApiDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly storage: Storage;
  readonly dictionary: Dictionary;
  readonly keys: KeyStore;
  readonly loads: LoadService;
  readonly metrics: Metrics;
  /** Asks every dependency, quickly. Never rejects. */
  ready(): Promise<Readiness>;
}

export interface Readiness {
  readonly ok: boolean;
  /** By name (`postgres`, `temporal`, `storage`, …): null when well, else what is wrong, without secrets. */
  readonly checks: Readonly<Record<string, string | null>>;
}
