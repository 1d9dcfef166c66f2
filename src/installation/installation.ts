import { z } from 'zod';
import type { Database } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import { nameIn, workflowQueue } from './names.ts';

/** One ledger and what belongs to it: its tables, its files, its workflows and schedules in Temporal. */
export interface Installation {
  readonly id: string;
  /** Task queue of its workflows. */
  readonly queue: string;
  /** Workflows and schedules may be there that were made before installations had IDs. */
  readonly takesOver: boolean;
}

/** File in the storage with its installation's ID, so that no installation sweeps the files of another. */
export const MARK = 'installation.json';
const MARK_MAX_BYTES = 1024;
const markSchema = z.object({ installation: z.string() });

/** SQL of the ID, for statements that make names in Temporal. */
export const INSTALLATION_ID = part`(select id from longshore.installation)`;

export async function readInstallation(db: Sql): Promise<Installation> {
  const row = await db.ledger
    .selectFrom('installation')
    .select(['id', 'takes_over as takesOver'])
    .executeTakeFirst();
  if (!row) throw new LongshoreError('internal', 'the ledger does not say which installation it is of');
  return { ...row, queue: workflowQueue(row.id) };
}

const LOCK_INSTALLATION = statement<{ id: string; used: boolean }>`
  select id, exists (select from longshore.load) or exists (select from longshore.backup)
             or exists (select from longshore.batch_group) or exists (select from longshore.api_key) as used
    from longshore.installation for update`;

/**
 * Determines which installation this is. The ledger has its ID; an unused ledger takes over the installation of the
 * storage, whose ledger was lost; a configured ID becomes the ledger's, which is then a copy of another one.
 *
 * @param wanted `LONGSHORE_INSTALLATION`
 * @throws LongshoreError `installation-conflict` when the storage belongs to another one
 */
export async function settleInstallation(
  db: Sql & Pick<Database, 'transaction'>,
  storage: Pick<Storage, 'read' | 'write' | 'stat'>,
  wanted: string | undefined,
): Promise<Installation> {
  const marked = await readMark(storage);
  await db.transaction(async (tx) => {
    const [row] = await tx.query(LOCK_INSTALLATION);
    const id = wanted ?? (row?.used ? undefined : marked);
    if (id !== undefined && id !== row?.id) await renameInstallation(tx, id);
  });
  const installation = await readInstallation(db);
  if (marked === undefined) await writeMark(storage, installation.id);
  else if (marked !== installation.id) throw foreignStorage(installation.id, marked);
  return installation;
}

/**
 * Gives a copied ledger an ID of its own. Unfinished jobs in it run in the original's workflows, with the original's
 * rows: here they get workflows of their own.
 */
async function renameInstallation(tx: Sql, id: string): Promise<void> {
  await tx.ledger.updateTable('installation').set({ id, takes_over: false }).execute();
  await tx.ledger.deleteFrom('process').execute();
  await giveOwnNames(tx, id);
}

const FOREIGN_NAMES = statement<{ id: string }>`
  select workflow_id as id from longshore.load where finished_at is null and not starts_with(workflow_id, $1)
  union all
  select workflow_id from longshore.restore where finished_at is null and not starts_with(workflow_id, $1)
  union all
  select workflow_id from longshore.backup where status = 'running' and not starts_with(workflow_id, $1)`;

const FRESH_NAME = `$1 || f.kind || '-' || r.id || '-' || left(replace(f.uid::text, '-', ''), 12)`;

const RENAME_LOADS = statement`
  with fresh as materialized (
    select id, gen_random_uuid() as uid, 'load' as kind from longshore.load where workflow_id = any ($2))
  update longshore.load r set uid = f.uid, run_id = null, workflow_id = ${FRESH_NAME}
    from fresh f where f.id = r.id`;

const RENAME_RESTORES = statement`
  with fresh as materialized (
    select id, gen_random_uuid() as uid, kind from longshore.restore where workflow_id = any ($2))
  update longshore.restore r set uid = f.uid, run_id = null, workflow_id = ${FRESH_NAME}
    from fresh f where f.id = r.id`;

const RENAME_BACKUPS = statement`update longshore.backup set workflow_id = $1 || 'backup-' || id, run_id = null where workflow_id = any ($2)`;

/**
 * Gives unfinished jobs whose workflow is not named after the installation a new workflow ID and a new `uid`, so that
 * activities of the previous workflow find no row.
 *
 * @returns the previous workflow IDs
 */
export async function giveOwnNames(tx: Sql, id: string): Promise<readonly string[]> {
  const former = await tx.query(FOREIGN_NAMES, [nameIn(id, '')]);
  const names = former.map((row) => row.id);
  await tx.query(RENAME_LOADS, [nameIn(id, ''), names]);
  await tx.query(RENAME_RESTORES, [nameIn(id, ''), names]);
  await tx.query(RENAME_BACKUPS, [nameIn(id, ''), names]);
  return names;
}

async function readMark(storage: Pick<Storage, 'read' | 'stat'>): Promise<string | undefined> {
  const found = await storage.stat(MARK);
  if (found === null) return undefined;
  const text = (await storage.read(MARK, 0, Math.min(found.bytes, MARK_MAX_BYTES))).toString('utf8');
  const parsed = markSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.installation;
  throw new LongshoreError(
    'installation-conflict',
    `${MARK} of the storage is not what Longshore wrote there`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function writeMark(storage: Pick<Storage, 'write'>, id: string): Promise<void> {
  const writer = await storage.write(MARK);
  try {
    await writer.write(Buffer.from(`${JSON.stringify({ installation: id })}\n`));
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
}

function foreignStorage(own: string, marked: string): LongshoreError {
  return new LongshoreError(
    'installation-conflict',
    `the ledger is of the installation ${own}, but the storage belongs to ${marked} (its ${MARK} says so): ` +
      'each would delete files of the other. Give this one a storage of its own (LONGSHORE_STORAGE). If this ' +
      `ledger shall go on for ${marked}, set LONGSHORE_INSTALLATION=${marked}; if the storage is a copy, or ${marked} ` +
      `is no more, delete ${MARK} there`,
  );
}
