import type { z } from 'zod';
import type { ArrivalFileView, ArrivalSettings, ArrivalView } from './arrival.ts';
import type { FileFilter } from './arrival-files.ts';
import type { s3EventsSchema } from './s3-events.ts';
import type { ArrivalChange } from './settings.ts';

/**
 * The arrivals as the API sees them. Every call may throw a `LongshoreError`; calls that take an arrival's ID throw
 * `unknown-arrival`. What is changed takes effect at once if Temporal is there, and else when it is back.
 */
export interface ArrivalService {
  /** By ID. `tables`: only those that are of one of these tables, or of any. */
  list(page: {
    readonly after?: string;
    readonly limit: number;
    readonly tables?: readonly string[];
  }): Promise<readonly ArrivalView[]>;
  get(id: string): Promise<ArrivalView>;
  /** @throws `arrival-state` when there is one of this ID, `unknown-table`, `merge-needs-key` */
  create(id: string, settings: ArrivalSettings, by: string): Promise<ArrivalView>;
  /** Creates it, or replaces its settings. */
  put(
    id: string,
    settings: ArrivalSettings,
    by: string,
  ): Promise<{ readonly arrival: ArrivalView; readonly created: boolean }>;
  /** Files that are being loaded are finished as they were taken. @throws `invalid-request` */
  change(id: string, change: ArrivalChange): Promise<ArrivalView>;
  /** Forgets its files too, those aside that are being loaded. @throws `arrival-state`: the inbox's stays */
  delete(id: string): Promise<void>;
  /** Brings the next look forward. @throws `arrival-state` while it is paused, `temporal-unavailable` */
  notify(id: string): Promise<ArrivalView>;
  /** Brings the looks of those arrivals forward in whose folders something was created. @returns their IDs */
  created(events: z.output<typeof s3EventsSchema>): Promise<readonly string[]>;
  /** Newest first. */
  files(id: string, filter: FileFilter): Promise<readonly ArrivalFileView[]>;
  /** @throws `unknown-arrival-file` */
  file(id: string, file: number): Promise<ArrivalFileView>;
  /**
   * Loads a file once more that failed or was skipped, from where it is now.
   * @param force also where the same content was loaded before; then one that is done, too
   * @throws `unknown-arrival-file`, `arrival-state`, `source-not-found`
   */
  retry(id: string, file: number, force: boolean): Promise<ArrivalFileView>;
}
