import { API_CONNECTIONS } from '../db/connections.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { columnNames, matchHeader } from '../dictionary/match-header.ts';
import { inEncoding, readTableAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { createJobs } from '../jobs/jobs.ts';
import { deleteRejects, summarizeRejects } from '../rejects/kept-rejects.ts';
import { hasExtraCells, listRejects } from '../rejects/rejects.ts';
import { quoted } from '../shorten.ts';
import { Slots } from '../slots.ts';
import { stampOf } from '../storage/stamp.ts';
import { measureTables } from '../tables/measure-tables.ts';
import type { TableReads } from '../tables/table-reads.ts';
import { readRows } from '../tables/table-rows.ts';
import { takesMoments } from './contract.ts';
import { withHint } from './hint-of-load.ts';
import { LOAD_JOB } from './load-job.ts';
import type { LoadService, StartLoad } from './load-service.ts';
import { createLoad, listLoads, readLoadPlan } from './loads.ts';
import { setPaused } from './pause-load.ts';

/**
 * Loads of one table are created one by one: those that wait for their turn need no connection for it. Short ones have
 * their own share, so that they do not wait behind many long ones that have arrived at the same time.
 */
const CREATED_AT_ONCE = { all: API_CONNECTIONS.ledger / 4, each: 1 };
/** Creating one takes moments, of which hundreds may wait on a busy machine; while its table is locked each takes seconds. */
const CREATING_PATIENCE_MS = 30_000;

export interface LedgerLoadsDeps extends JobDeps {
  readonly dictionary: Pick<DictionaryBook, 'now'>;
  readonly reads: TableReads;
}

/** The load service over the ledger and Temporal. */
export function createLedgerLoads(deps: LedgerLoadsDeps): LoadService {
  const { db, dictionary, reads } = deps;
  const jobs = createJobs(LOAD_JOB, deps);
  const { view } = jobs;
  const creating = { short: new Slots(CREATED_AT_ONCE), long: new Slots(CREATED_AT_ONCE) };
  return {
    ...jobs,
    async start(request) {
      const { id, existing, rulesChanged, readOtherwise } = await writeLoad(deps, creating, request);
      const load = existing ? await view(id) : await jobs.start(id);
      return { load, existing, rulesChanged, readOtherwise };
    },
    list: (filter) => listLoads(db, filter),

    async rejects(id, page) {
      await view(id);
      const { table } = await readLoadPlan(db, { loadId: id });
      return listRejects(db, id, table, page);
    },

    async rejectsSummary(id) {
      await view(id);
      return summarizeRejects(db, id);
    },

    async deleteRejects(id) {
      await view(id);
      await db.transaction((tx) => deleteRejects(tx, id));
    },

    async rejectShape(id) {
      await view(id);
      const { table, header } = await readLoadPlan(db, { loadId: id });
      const columns = header ?? columnNames(table);
      return { columns, extra: await hasExtraCells(db, id) };
    },

    async setPaused(id, paused) {
      await setPaused(deps, await view(id), paused);
      return view(id);
    },

    async tables(names) {
      const known = new Map(dictionary.now().tables.map((table) => [table.name, table]));
      const found = await measureTables(
        db,
        names.map((name) => known.get(name) ?? refuseUnknown(name)),
      );
      return found.map(({ broken, ...size }) => ({
        ...size,
        broken: broken === null ? null : jobError('table-broken', broken),
      }));
    },
    rows: (table, page) => reads.of(table.name, (sql) => readRows(sql, table, page)),
  };
}

function refuseUnknown(name: string): never {
  throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
}

async function checkHeader(
  storage: LedgerLoadsDeps['storage'],
  { table: own, readAs = null, textEncoding = null, mode, source }: StartLoad,
  header: readonly string[],
): Promise<void> {
  const table = inEncoding(readTableAs(own, readAs), textEncoding);
  try {
    matchHeader(table, header, mode);
  } catch (error) {
    throw await withHint(error, storage, { table, readAs, mode, sourceKey: source.key });
  }
}

type CreatingSlots = Readonly<Record<'short' | 'long', Slots>>;

async function writeLoad({ db, storage }: LedgerLoadsDeps, creating: CreatingSlots, request: StartLoad) {
  const { table, mode, source, survey } = request;
  if (mode === 'merge' && table.primaryKey.length === 0) {
    throw new LongshoreError('merge-needs-key', `${table.name} has no primary key`);
  }
  if (survey?.header) await checkHeader(storage, request, survey.header);
  const sourceStamp = source.kind === 'inbox' ? await stampOf(storage, source.key) : null;
  if (source.kind === 'inbox' && sourceStamp === null) {
    throw new LongshoreError('source-not-found', `the inbox has no file ${JSON.stringify(source.name)}`);
  }
  const slots = creating[takesMoments(survey?.bytes ?? null) ? 'short' : 'long'];
  const release = await slots.take(table.name, CREATING_PATIENCE_MS);
  if (release === null) {
    throw new LongshoreError(
      'database-busy',
      `other loads, of ${table.name} or of many tables, are still being created`,
    );
  }
  try {
    return await db.transaction((tx) => createLoad(tx, { ...request, sourceStamp }));
  } finally {
    release();
  }
}
