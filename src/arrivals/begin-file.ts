import type { Tx } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { parseReadAs } from '../dictionary/read-as.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { hasEnded } from '../jobs/job.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { createJobs } from '../jobs/jobs.ts';
import { LOAD_JOB } from '../loads/load-job.ts';
import { createLoad, readLoad } from '../loads/loads.ts';
import { parseMaxRejects } from '../max-rejects.ts';
import { quoted } from '../shorten.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { MaxRejects, Table } from '../types.ts';
import type { FileOutcome, FilePlan } from './arrival.ts';
import { lockFile, readFile } from './arrival-files.ts';
import { versionText } from './places.ts';

export interface BeginFileDeps extends JobDeps {
  readonly installation: Pick<Installation, 'id' | 'queue'>;
  readonly dictionary: Pick<DictionaryBook, 'look'>;
  /** Of loads whose arrival says nothing of it. */
  readonly maxRejects: MaxRejects | null;
}

/** Folder of the storage whose files loads name by their path below it. */
const INBOX = 'inbox/';

/**
 * Gives a file that was taken its load, in one transaction with the load's own row: whoever asks again finds it. A load
 * that somebody has requested of this version of the file is the file's, however it ended: nothing is loaded twice
 * because it also lies where files arrive.
 *
 * @returns whether there is a load that has not ended
 */
export async function beginFile(deps: BeginFileDeps, fileId: number): Promise<boolean> {
  const { db, storage } = deps;
  const before = await readFile(db, fileId);
  if (before === null || before.state !== 'loading' || before.plan === null || before.outcome !== null)
    return false;
  if (before.load_id !== null) return isLoading(deps, before.load_id);
  const stored = await storage.stat(before.plan.key);
  const dictionary = await deps.dictionary.look();
  const created = await db.transaction(async (tx) => {
    const row = await lockFile(tx, fileId);
    if (row?.state !== 'loading' || row.plan === null || row.outcome !== null || row.load_id !== null)
      return null;
    const isRetry = row.tries > 1;
    const fault = faultOf(dictionary, row.plan, stored);
    if (fault !== null) {
      await endWithoutLoad(tx, fileId, fault);
      return null;
    }
    const requested = isRetry || row.drop_no > 0 ? null : await findRequested(tx, row.plan);
    const load =
      requested ?? (await newLoad({ dictionary, maxRejects: deps.maxRejects }, tx, row.plan, row.arrival_id));
    await tx.ledger.updateTable('arrival_file').set({ load_id: load.id }).where('id', '=', fileId).execute();
    return load;
  });
  const loadId = created === null ? (await readFile(db, fileId))?.load_id : created.id;
  if (created?.existing === false) await createJobs(LOAD_JOB, deps).start(created.id);
  return loadId != null && isLoading(deps, loadId);
}

async function isLoading({ db }: BeginFileDeps, loadId: number): Promise<boolean> {
  return !hasEnded(await readLoad(db, loadId));
}

type LookedUp = Awaited<ReturnType<DictionaryBook['look']>>;

interface Fault {
  readonly outcome: FileOutcome;
  readonly code: ErrorCode;
  readonly message: string;
}

function faultOf(dictionary: LookedUp, plan: FilePlan, stored: StoredFile | null): Fault | null {
  const { key } = plan;
  const table = dictionary.tables.find(({ name }) => name === plan.table);
  if (stored === null) {
    return {
      outcome: 'skipped',
      code: 'source-not-found',
      message: `${quoted(key)} was gone before it was loaded`,
    };
  }
  if (stored.bytes !== plan.bytes || stored.version !== plan.version) {
    return {
      outcome: 'skipped',
      code: 'file-changed',
      message: `${quoted(key)} has changed: its new version is loaded`,
    };
  }
  if (table === undefined) {
    const message = `the dictionary has no table ${quoted(plan.table)}`;
    return { outcome: 'skipped', code: 'unknown-table', message };
  }
  if (stored.bytes === 0)
    return { outcome: 'failed', code: 'file-empty', message: `${quoted(key)} is empty` };
  if (plan.mode === 'merge' && table.primaryKey.length === 0) {
    return {
      outcome: 'failed',
      code: 'merge-needs-key',
      message: `the table ${plan.table} has no primary key`,
    };
  }
  return dialectFault(table, plan);
}

/** The table may have another dialect of its own by now than the arrival's was checked with. */
function dialectFault(table: Table, { dialect }: FilePlan): Fault | null {
  try {
    parseReadAs(table, dialect ?? {});
    return null;
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return { outcome: 'failed', code: error.code, message: `the arrival's dialect: ${error.message}` };
  }
}

async function endWithoutLoad(tx: Tx, fileId: number, { outcome, code, message }: Fault): Promise<void> {
  await tx.ledger
    .updateTable('arrival_file')
    .set({ outcome, error_code: code, error_message: message })
    .where('id', '=', fileId)
    .execute();
}

const REQUESTED = statement<{ id: number }>`
  select id from longshore.load l
   where source_kind = 'inbox' and not starts_with(started_by, 'arrival:')
     and hashtextextended(source_key || '@' || coalesce(source_stamp, ''), 0) = hashtextextended($1, 0)
     and source_key || '@' || coalesce(source_stamp, '') = $1
   order by id desc limit 1`;

async function findRequested(tx: Tx, plan: FilePlan): Promise<{ id: number; existing: true } | null> {
  const [found] = await tx.query(REQUESTED, [`${plan.key}@${versionText(plan)}`]);
  return found === undefined ? null : { id: found.id, existing: true };
}

async function newLoad(
  { dictionary, maxRejects }: { readonly dictionary: LookedUp } & Pick<BeginFileDeps, 'maxRejects'>,
  tx: Tx,
  plan: FilePlan,
  arrivalId: string,
): Promise<{ readonly id: number; readonly existing: boolean }> {
  const { key, mode, force } = plan;
  const table = dictionary.tables.find(({ name }) => name === plan.table)!;
  const limit = plan.maxRejects === null ? undefined : parseMaxRejects(plan.maxRejects);
  return createLoad(tx, {
    table,
    readAs: parseReadAs(table, plan.dialect ?? {}),
    dictionary,
    mode,
    source: { kind: 'inbox', name: key.startsWith(INBOX) ? key.slice(INBOX.length) : `/${key}`, key },
    sourceStamp: versionText(plan),
    survey: null,
    maxRejects: limit === undefined ? maxRejects : limit,
    force,
    startedBy: `arrival:${arrivalId}`,
  });
}
