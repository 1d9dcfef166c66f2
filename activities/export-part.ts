import { createHash, randomBytes } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Client } from 'pg';
import { type AvroTotals, encodeAvro } from '../src/avro/encode.ts';
import { keepTotals } from '../src/avro/keep-totals.ts';
import { findPart, type PartPlace, recordPart } from '../src/backups/attempts.ts';
import type { Part } from '../src/backups/backup.ts';
import { backupFolder } from '../src/backups/backup-id.ts';
import { keyOfBackup } from '../src/backups/backup-keys.ts';
import { type BackupPlan, readBackupPlan } from '../src/backups/backups.ts';
import { SNAPSHOT_LOST } from '../src/backups/contract.ts';
import { encryptPart, partAad } from '../src/backups/encryption.ts';
import type { PlannedPart } from '../src/backups/plan-parts.ts';
import { copyPart, joinSnapshot, SnapshotLost } from '../src/backups/snapshot.ts';
import type { TupleSource } from '../src/db/copy-binary.ts';
import { CopyOut } from '../src/db/copy-out.ts';
import { asDatabaseError } from '../src/db/database-error.ts';
import { sessionName } from '../src/db/session-names.ts';
import { SpareConnections } from '../src/db/spare-connections.ts';
import { LongshoreError } from '../src/errors.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { Table } from '../src/types.ts';
import type { BackupAttempt } from './begin-backup.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

export interface ExportPartInput extends BackupAttempt, PlannedPart {
  readonly snapshotId: string;
}

export interface ExportedPart {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Exports one part: COPYs it out of the snapshot, encodes, encrypts if requested, hashes and stores it, in one pass; then
 * records it in the ledger. Each try writes a file of its own; the first in the ledger counts, the others delete theirs.
 */
export function exportPart(deps: ActivityDeps) {
  const planOf = lastPlan(deps);
  const spare = new SpareConnections(() => deps.db.connect());
  return async (input: ExportPartInput): Promise<ExportedPart> => {
    const plan = await planOf(input.backupId);
    const before = await findPart(deps.db, input);
    if (before) return before;
    const client = await takeNamed(spare).catch(toLost);
    let bytes = 0;
    try {
      const part = await whileBeating(
        () => ({ bytes }),
        (signal) =>
          writePart(deps, plan, input, client, (more) => {
            signal.throwIfAborted();
            bytes += more;
          }),
      );
      // Its locks and its hold on the snapshot go at once, and no later try of this part may end the session.
      await client.query(`commit; set application_name = '${SPARE_NAME}'`);
      spare.giveBack(client);
      return part;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  };
}

const SPARE_NAME = 'longshore spare';

/** A connection that has the name of this part's attempts, whichever it was made for: see `attemptDatabase`. */
async function takeNamed(spare: SpareConnections): Promise<Client> {
  const client = await spare.take();
  const { activityId, activityType, workflowExecution } = Context.current().info;
  const { workflowId = '', runId = '' } = workflowExecution ?? {};
  const name = sessionName({ workflowId, runId, activityId, activityType });
  try {
    await client.query(`select set_config('application_name', $1, false)`, [name]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** What a part needs of its backup, which stays as it is; with tables by name. */
type ExportPlan = Omit<BackupPlan, 'tables' | 'status' | 'attempt'> & {
  readonly tables: ReadonlyMap<string, Table>;
};

/** Keeps the plan of the last backup: it describes every table, and most parts are of one that is small. */
function lastPlan({ db }: Pick<ActivityDeps, 'db'>): (backupId: string) => Promise<ExportPlan> {
  let last: ExportPlan | undefined;
  return async (backupId) => {
    if (last?.id !== backupId) {
      const { tables, ...plan } = await readBackupPlan(db, backupId);
      last = { ...plan, tables: new Map(tables.map((table) => [table.name, table])) };
    }
    return last;
  };
}

async function writePart(
  deps: ActivityDeps,
  plan: ExportPlan,
  input: ExportPartInput,
  client: Client,
  onBytes: (bytes: number) => void,
): Promise<ExportedPart> {
  const table = plan.tables.get(input.table);
  if (!table) throw new LongshoreError('internal', `backup ${plan.id} has no table ${input.table}`);
  const name = partName(input, plan.encrypted);
  const key = backupFolder(plan.id) + name;
  const totals: { value?: AvroTotals } = {};
  const source = await copyOf(client, table, input);
  const encoded = keepTotals(encodeAvro(source, encodeOptions(plan, table)), totals);
  const stored = await storePieces(deps.storage, key, seal(deps, plan, name, encoded), onBytes);
  const part: Part = { name, ...stored, ...totals.value! };
  const counts = await recordPart(deps.db, input, part);
  if (counts?.name !== name) await deps.storage.delete(key);
  if (!counts) throw lost('the attempt is over');
  return { rows: counts.rows, bytes: counts.bytes };
}

function encodeOptions({ id, codec, dictionary }: ExportPlan, table: Table) {
  const metadata = {
    'longshore.backup': id,
    'longshore.table': table.name,
    'longshore.dictionary': dictionary.version,
  };
  return { table, codec, metadata };
}

function partName({ table, no }: PartPlace, encrypted: boolean): string {
  return `${table}-${no}.${randomBytes(4).toString('hex')}.avro${encrypted ? '.enc' : ''}`;
}

async function copyOf(client: Client, table: Table, input: ExportPartInput): Promise<TupleSource> {
  await joinSnapshot(client, input.snapshotId).catch(toLost);
  const copy = client.query(new CopyOut(copyPart(table, input)));
  return { input: copy.input, more: () => copy.more().catch(toLost), close: () => copy.close() };
}

/**
 * Errors that a new snapshot may resolve: this one is gone, or can't be reached, or a lock waits for its end, or PostgreSQL
 * is busy, for which the snapshot of all parts shall not wait.
 */
function toLost(error: unknown): never {
  const known = asDatabaseError(error);
  if (error instanceof SnapshotLost || (known !== null && known.code !== 'database-full')) {
    throw lost(
      error instanceof SnapshotLost ? error.message : 'the snapshot can not be read at the moment',
      error,
    );
  }
  throw error;
}

function lost(message: string, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type: SNAPSHOT_LOST,
    message,
    nonRetryable: true,
    ...(cause instanceof Error && { cause }),
  });
}

function seal(
  { backupKeys }: ActivityDeps,
  plan: ExportPlan,
  name: string,
  encoded: AsyncGenerator<Buffer, void>,
): AsyncIterable<Buffer> {
  const key = plan.encrypted ? keyOfBackup(backupKeys, plan) : null;
  return key ? encryptPart(encoded, key, partAad(plan.id, name)) : encoded;
}

/** Stores the pieces under the object key, all or nothing; hashes each while the storage writes it. */
async function storePieces(
  storage: Storage,
  key: string,
  pieces: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const writer = await storage.write(key);
  try {
    for await (const piece of pieces) {
      const written = writer.write(piece);
      hash.update(piece);
      bytes += piece.length;
      await written;
      onBytes(piece.length);
    }
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}
