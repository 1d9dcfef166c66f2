import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Sql } from '../db/sql.ts';
import type { Installation } from '../installation/installation.ts';
import { nameIn } from '../installation/names.ts';
import { waitUntilEnded } from '../jobs/wait-until-ended.ts';
import { Faults } from '../runtime/faults.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { plainMarkdown } from '../temporal/ui-markdown.ts';
import { changedSince } from './changed-since.ts';
import { REFRESH, REFRESH_REPORT, type RefreshReportInput, WRITTEN } from './contract.ts';
import type { Report, ReportState } from './report.ts';
import { reportState, staleReports, unknownReport } from './report-states.ts';
import { SignalLimit } from './signal-limit.ts';

/** A requested refresh. */
export interface AskedReport {
  readonly name: string;
  readonly workflowId: string;
  readonly runId: string;
  /** As it is after the wait. */
  readonly state: ReportState;
  /** The view includes everything up to the request. */
  readonly refreshed: boolean;
}

/**
 * Requests refreshes: writers notify it, and lost notifications are made up for by polling. Each report's requests go to
 * its workflow `refresh-<name>`, which runs while there are any.
 */
export interface Refresher {
  /** Notifies that something was committed to the table. Cheap, and never throws. */
  written(table: string): void;
  /** Notifies that something was committed to any tables: finds the stale reports. */
  look(): void;
  /** Requests a refresh of every report that does not include all that was committed to its tables. */
  askStale(): Promise<void>;
  /** Requests a refresh if any program has changed the report's tables since the last. @returns whether it did */
  askIfChanged(name: string): Promise<boolean>;
  /**
   * Requests a refresh, even when nothing has changed, and waits for it.
   * @param waitMs 0: does not wait
   * @throws LongshoreError `unknown-report`, `temporal-unavailable`
   */
  refresh(name: string, waitMs: number, signal: AbortSignal): Promise<AskedReport>;
  stop(): void;
}

export interface RefresherDeps {
  readonly client: Client;
  readonly installation: Installation;
  readonly db: Sql;
  readonly reports: readonly Pick<Report, 'name' | 'title' | 'tables'>[];
  /** A view is refreshed at most this often. */
  readonly everyMs: number;
  readonly log: Logger;
}

const SIGNALS_EVERY_MS = 1_000;

export function createRefresher(deps: RefresherDeps): Refresher {
  const { db, reports, log } = deps;
  const quietly = (work: () => Promise<unknown>) =>
    void work().catch((error) =>
      // Housekeeping retries.
      log.debug({ err: translateTemporal(error) }, `No refresh could be asked for: ${messageOf(error)}`),
    );
  const limits = new Map(
    reports.map(({ name }) => [
      name,
      new SignalLimit(SIGNALS_EVERY_MS, () => quietly(() => ask(deps, name, WRITTEN))),
    ]),
  );
  const byTable = Map.groupBy(
    reports.flatMap(({ name, tables }) => tables.map((table) => ({ table, limit: limits.get(name)! }))),
    ({ table }) => table,
  );
  const askStale = async () => {
    const faults = new Faults();
    for (const name of await staleReports(db)) {
      if (limits.has(name)) await faults.alone(`report ${name}`, () => ask(deps, name, WRITTEN));
    }
    faults.end();
  };
  return {
    written(table) {
      for (const { limit } of byTable.get(table) ?? []) limit.call();
    },
    look: () => quietly(askStale),
    askStale,
    async askIfChanged(name) {
      if (!limits.has(name) || !(await changedSince(db, name))) return false;
      await ask(deps, name, REFRESH);
      return true;
    },
    async refresh(name, waitMs, signal) {
      if (!limits.has(name)) throw unknownReport(name);
      const [now] = await db.query<{ at: Date }>('select clock_timestamp() as at');
      const { workflowId, runId } = await ask(deps, name, REFRESH);
      const isNew = ({ asOf }: ReportState) => Date.parse(asOf) > now!.at.getTime();
      const state = await waitUntilEnded({
        read: () => reportState(db, name),
        hasEnded: isNew,
        waitMs,
        signal,
      });
      return { name, workflowId, runId, state, refreshed: isNew(state) };
    },
    stop: () => {
      for (const limit of limits.values()) limit.stop();
    },
  };
}

function refreshWorkflowId({ id }: Pick<Installation, 'id'>, name: string): string {
  return nameIn(id, `refresh-${name}`);
}

/** Starts the report's workflow, or signals the running one. */
async function ask(
  { client, installation, reports, everyMs }: RefresherDeps,
  name: string,
  signal: typeof WRITTEN | typeof REFRESH,
): Promise<{ readonly workflowId: string; readonly runId: string }> {
  const workflowId = refreshWorkflowId(installation, name);
  const title = reports.find((report) => report.name === name)?.title ?? name;
  try {
    const handle = await client.workflow.signalWithStart(REFRESH_REPORT, {
      workflowId,
      taskQueue: installation.queue,
      args: [{ name, everyMs } satisfies RefreshReportInput],
      signal,
      typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'refresh' }],
      staticSummary: `Refresh report ${name}`,
      staticDetails: `Report **${name}**: ${plainMarkdown(title)}`.slice(0, 10_000),
    });
    return { workflowId, runId: handle.signaledRunId };
  } catch (error) {
    throw translateTemporal(error);
  }
}
