import { createHash, type Hash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { decodeAvro } from '../src/avro/decode.ts';
import type { AvroTotals } from '../src/avro/encode.ts';
import { keepTotals } from '../src/avro/keep-totals.ts';
import { columnsWithTypes } from '../src/avro/schema.ts';
import type { Part } from '../src/backups/backup.ts';
import { plainPart } from '../src/backups/plain-part.ts';
import { hashFault, sizeFault } from '../src/backups/verify-files.ts';
import { copyIn } from '../src/db/copy-in.ts';
import type { Tx } from '../src/db/database.ts';
import { asDatabaseError } from '../src/db/database-error.ts';
import { quoteNames } from '../src/db/sql-names.ts';
import { LongshoreError } from '../src/errors.ts';
import { vacuumStage } from '../src/publish/stage.ts';
import { faultyRows, hasRulesToCheck, refuseFaulty } from '../src/restores/check-backup-rows.ts';
import {
  lenient,
  type RestoredTable,
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
} from '../src/restores/restores.ts';
import { wantedRows } from '../src/restores/wanted-rows.ts';
import { columnsOf } from '../src/tables/table-state.ts';
import type { Table } from '../src/types.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

export interface StagePartInput extends RestoreStep {
  readonly table: string;
  /** Place in the manifest's list of the table's parts, from 0. */
  readonly partNo: number;
}

export interface StagedPart {
  readonly rows: number;
  /** As stored. */
  readonly bytes: number;
}

/**
 * Stages one part of a backup: hashes, decrypts, decodes and COPYs it into its stage in one pass, with its ledger row, in
 * one transaction. The ledger row is written first, as in `loadChunk`: neither a retry, nor a worker that was believed
 * dead, writes twice. Unless hash, rows and checksum are those of the manifest, the transaction is rolled back.
 */
export function stagePart(deps: ActivityDeps) {
  let last: RestorePlan | undefined;
  return async (input: StagePartInput): Promise<StagedPart> => {
    const same = last?.id === input.restoreId && (input.uid ?? last.uid) === last.uid;
    if (!same) last = await readRestorePlan(deps.db, input.restoreId);
    const plan = last!;
    const restored = plan.tables.find(({ table }) => table.name === input.table);
    const part = restored?.saved.parts[input.partNo];
    if (!restored || !part) {
      throw new LongshoreError(
        'internal',
        `restore ${plan.id} has no part ${input.partNo} of ${input.table}`,
      );
    }
    const fault = await sizeFault(deps.storage, plan.backup.id, part);
    if (fault !== null) throw damaged(part, fault);
    return whileBeating(
      () => ({ part: part.name }),
      async (signal) => {
        try {
          // Dead rows of an earlier attempt: see `loadChunk`.
          if (Context.current().info.attempt > 1) await vacuumStage(deps.db, restored.stage);
          await refuseBroken(deps, plan, { restored, part });
          return await deps.db.transaction((tx) => stage(deps, tx, plan, { input, restored, part, signal }));
        } catch (error) {
          signal.throwIfAborted();
          throw await blame(deps, plan, part, error);
        }
      },
    );
  };
}

/** @throws LongshoreError `restore-mismatch` for rows that break current rules, unless accepted or not wanted */
async function refuseBroken(
  deps: ActivityDeps,
  plan: RestorePlan,
  { restored, part }: Pick<PartToStage, 'restored' | 'part'>,
): Promise<void> {
  const { rules, saved } = restored;
  if (rules === null || !hasRulesToCheck(rules, saved.definition)) return;
  // The part is read twice: the hash ensures that the same bytes are checked here and staged below.
  const hash = createHash('sha256');
  const rows = faultyRows(await plainPart(deps, plan.backup, part, hash), rules, lenient(rules));
  const { keys } = plan.target;
  await refuseFaulty(keys === null ? rows : wantedRows(deps.db, rules, keys, rows), part.name);
  refuseOther(part, hash);
}

interface PartToStage {
  readonly input: StagePartInput;
  readonly restored: RestoredTable;
  readonly part: Part;
  readonly signal: AbortSignal;
}

async function stage(
  deps: ActivityDeps,
  tx: Tx,
  plan: RestorePlan,
  { input, restored, part, signal }: PartToStage,
): Promise<StagedPart> {
  const staged = { rows: part.rows, bytes: part.bytes };
  const { numInsertedOrUpdatedRows: begun } = await tx.ledger
    .insertInto('restore_part')
    .values({ restore_id: input.restoreId, table_name: input.table, part_no: input.partNo, ...staged })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (begun === 0n) return staged;
  const { stage: name, table } = restored;
  const hash = createHash('sha256');
  const totals: { value?: AvroTotals } = {};
  const pieces = keepTotals(decodeAvro(await plainPart(deps, plan.backup, part, hash), { table }), totals);
  const sql = `copy ${name} (${quoteNames(columnsOf(table))}) from stdin (format binary)`;
  const copied = await copyIn(tx.client, sql, pieces, signal);
  refuseOther(part, hash);
  compare(part, totals.value, sameColumns(restored), copied);
  return staged;
}

function refuseOther(part: Part, hash: Hash): void {
  if (hash.digest('hex') !== part.sha256) throw damaged(part, 'its SHA-256 is not that of the manifest');
}

/** Compares with the manifest; the checksum is of rows as they were backed up, so only with the same columns. */
function compare(part: Part, totals: AvroTotals | undefined, comparable: boolean, copied: number): void {
  const rows = totals?.rows ?? 0;
  if (rows !== part.rows || copied !== part.rows) {
    throw damaged(part, `it has ${rows} rows, and should have ${part.rows}`);
  }
  if (comparable && totals?.checksum !== part.checksum) {
    throw damaged(part, `its rows have the checksum ${totals?.checksum}, and should have ${part.checksum}`);
  }
}

function sameColumns({ table, saved }: RestoredTable): boolean {
  const columns = (of: Table) => JSON.stringify(columnsWithTypes(of).map(({ name, type }) => [name, type]));
  return columns(table) === columns(saved.definition);
}

/**
 * A changed file can fail in any way (a field's name in its schema, a text that is not UTF-8). So after any error in
 * reading it, the hash decides whether the file is to blame.
 */
async function blame(
  { storage }: ActivityDeps,
  { backup }: RestorePlan,
  part: Part,
  error: unknown,
): Promise<unknown> {
  if (asDatabaseError(error) !== null) return error;
  const known = error instanceof LongshoreError ? error.code : null;
  if (known === 'backup-key-missing' || known?.startsWith('storage-')) return error;
  const fault = await hashFault(storage, backup.id, part);
  if (fault !== null) return damaged(part, fault, error);
  if (known === 'backup-damaged') return damaged(part, (error as LongshoreError).message, error);
  return error;
}

function damaged(part: Part, fault: string, cause?: unknown): LongshoreError {
  return new LongshoreError('backup-damaged', `${part.name}: ${fault}`, { cause });
}
