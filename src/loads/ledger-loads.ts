import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { columnNames, matchHeader } from '../dictionary/match-header.ts';
import { readTableAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { createJobs } from '../jobs/jobs.ts';
import { deleteRejects, summarizeRejects } from '../rejects/kept-rejects.ts';
import { hasExtraCells, listRejects } from '../rejects/rejects.ts';
import { quoted } from '../shorten.ts';
import { stampOf } from '../storage/stamp.ts';
import { measureTables } from '../tables/measure-tables.ts';
import type { TableReads } from '../tables/table-reads.ts';
import { readRows } from '../tables/table-rows.ts';
import { LOAD_JOB } from './load-job.ts';
import type { LoadService, StartLoad } from './load-service.ts';
import { createLoad, listLoads, readLoadPlan } from './loads.ts';
import { setPaused } from './pause-load.ts';

export interface LedgerLoadsDeps extends JobDeps {
  readonly dictionary: Pick<DictionaryBook, 'now'>;
  readonly reads: TableReads;
}

/** The load service over the ledger and Temporal. */
export function createLedgerLoads(deps: LedgerLoadsDeps): LoadService {
  const { db, dictionary, reads } = deps;
  const jobs = createJobs(LOAD_JOB, deps);
  const { view } = jobs;
  return {
    ...jobs,
    async start(request) {
      const { id, existing, rulesChanged, readOtherwise } = await writeLoad(deps, request);
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

async function writeLoad({ db, storage }: LedgerLoadsDeps, request: StartLoad) {
  const { table, readAs, mode, source, survey } = request;
  if (mode === 'merge' && table.primaryKey.length === 0) {
    throw new LongshoreError('merge-needs-key', `${table.name} has no primary key`);
  }
  if (survey?.header) matchHeader(readTableAs(table, readAs ?? null), survey.header, mode);
  const sourceStamp = source.kind === 'inbox' ? await stampOf(storage, source.key) : null;
  if (source.kind === 'inbox' && sourceStamp === null) {
    throw new LongshoreError('source-not-found', `the inbox has no file ${JSON.stringify(source.name)}`);
  }
  return db.transaction((tx) => createLoad(tx, { ...request, sourceStamp }));
}
