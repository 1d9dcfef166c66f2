import { DEFAULT_DIALECT } from '../dictionary/parse-dialect.ts';
import { parseReadAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { quoted } from '../shorten.ts';
import type { Table } from '../types.ts';
import { type ArrivalSettings, INBOX_ARRIVAL } from './arrival.ts';
import { listFiles, readFile, readFileView, takeAgain } from './arrival-files.ts';
import type { ArrivalService } from './arrival-service.ts';
import {
  changeArrival,
  deleteArrival,
  insertArrival,
  listArrivals,
  readArrival,
  readArrivalSettings,
  readPrefixes,
  unknownArrival,
} from './arrivals.ts';
import type { BeginFileDeps } from './begin-file.ts';
import { askToLook } from './keep-looking.ts';
import { arrivalsOf, type BucketRoot, createdKeys } from './s3-events.ts';
import { tableFault } from './settings.ts';
import { startAgain } from './take-files.ts';

/**
 * The service of arrivals over the ledger, the storage and Temporal.
 * @param bucket where the storage is in S3; null: it is a folder
 */
export function createLedgerArrivals(deps: BeginFileDeps, bucket: BucketRoot | null): ArrivalService {
  const { db, storage, log } = deps;
  /** Whoever looks sees the change. While Temporal is away, housekeeping starts what is missing. */
  const tell = (id: string) =>
    askToLook(deps, id).catch((err) => {
      log.warn({ arrival: id, err }, `Arrival ${id} waits for Temporal: ${messageOf(err)}`);
    });

  const change = async (id: string, to: (before: ArrivalSettings) => ArrivalSettings) => {
    const before = await readArrivalSettings(db, id);
    if (before === null) throw unknownArrival(id);
    const after = await check(deps, to(before));
    if (!(await changeArrival(db, id, after))) throw unknownArrival(id);
    // One that is paused ends its looks by itself; none is started for it.
    if (!(before.paused && after.paused)) await tell(id);
    return readArrival(db, id);
  };

  return {
    list: (page) => listArrivals(db, page),
    get: (id) => readArrival(db, id),

    async create(id, asked, by) {
      const settings = await check(deps, asked);
      if (!(await insertArrival(db, id, settings, by))) {
        throw new LongshoreError('arrival-state', `there is an arrival ${quoted(id)} already`);
      }
      if (!settings.paused) await tell(id);
      return readArrival(db, id);
    },

    async put(id, asked, by) {
      const settings = await check(deps, asked);
      const created = await insertArrival(db, id, settings, by);
      if (!created) return { arrival: await change(id, () => settings), created };
      if (!settings.paused) await tell(id);
      return { arrival: await readArrival(db, id), created };
    },

    change: (id, asked) =>
      change(id, (before) => {
        const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
        return { ...before, ...given };
      }),

    async delete(id) {
      if (id === INBOX_ARRIVAL) {
        throw new LongshoreError('arrival-state', 'the arrival of the inbox can not be deleted: pause it');
      }
      if (!(await deleteArrival(db, id))) throw unknownArrival(id);
      await tell(id);
    },

    async notify(id) {
      const arrival = await readArrival(db, id);
      if (arrival.paused)
        throw new LongshoreError('arrival-state', `the arrival ${id} is paused: resume it first`);
      await askToLook(deps, id);
      return arrival;
    },

    async created(events) {
      const active = (await readPrefixes(db)).filter(({ paused }) => !paused);
      const ids = arrivalsOf(createdKeys(events, bucket), active);
      for (const id of ids) await askToLook(deps, id);
      return ids;
    },

    async files(id, filter) {
      await readArrival(db, id);
      return listFiles(db, id, filter);
    },

    async file(id, file) {
      await readArrival(db, id);
      return readFileView(db, id, file);
    },

    async retry(id, file, force) {
      const view = await readFileView(db, id, file);
      const row = await readFile(db, file);
      const settings = await readArrivalSettings(db, id);
      if (settings === null || row === null) throw unknownArrival(id);
      if (view.endedAt === null)
        throw new LongshoreError('arrival-state', `file ${file} is ${view.state}: it has not ended`);
      if (view.state === 'done' && !force) {
        throw new LongshoreError(
          'arrival-state',
          `file ${file} is done: its rows are in the table; force loads it again`,
        );
      }
      const key = view.movedTo ?? view.path;
      const stored = await storage.stat(key);
      if (stored === null) {
        throw new LongshoreError(
          'source-not-found',
          `${quoted(key)} can not be read: put the file there again`,
        );
      }
      const { prefix, mode, after, maxRejects, dialect, marker } = settings;
      const table = settings.table ?? view.table ?? '';
      const taken = await takeAgain(db, file, {
        ...{ prefix, mode, after, maxRejects, dialect, marker, table, key, force },
        bytes: stored.bytes,
        version: stored.version ?? '',
        formerReceipt: view.receipt,
      });
      if (taken === null) throw new LongshoreError('arrival-state', `file ${file} is being loaded already`);
      await startAgain(deps, id, { id: file, ...taken }).catch((err) => {
        log.warn({ arrival: id, file, err }, `File ${file} waits for Temporal: ${messageOf(err)}`);
      });
      return readFileView(db, id, file);
    },
  };
}

/** @returns the settings in the words of the dictionary: a delimiter `tab` is a tab */
async function check(
  { dictionary }: Pick<BeginFileDeps, 'dictionary'>,
  settings: ArrivalSettings,
): Promise<ArrivalSettings> {
  const fault = tableFault(settings);
  if (fault !== null) {
    throw new LongshoreError('invalid-request', `table: ${fault}`, {
      places: [{ pointer: '/table', detail: fault }],
    });
  }
  if (settings.table === null) return withDialect(settings, { dialect: DEFAULT_DIALECT });
  const { tables } = await dictionary.look();
  const table = tables.find(({ name }) => name === settings.table);
  if (table === undefined) {
    throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(settings.table)}`);
  }
  if (settings.mode === 'merge' && table.primaryKey.length === 0) {
    throw new LongshoreError('merge-needs-key', `the table ${table.name} has no primary key`);
  }
  return withDialect(settings, table);
}

function withDialect(settings: ArrivalSettings, table: Pick<Table, 'dialect'>): ArrivalSettings {
  try {
    return { ...settings, dialect: parseReadAs(table, settings.dialect ?? {}) };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const places = error.places.map(({ parameter, detail }) => ({
      pointer: `/dialect/${parameter}`,
      detail,
    }));
    throw new LongshoreError(error.code, `dialect: ${error.message}`, { places, cause: error });
  }
}
