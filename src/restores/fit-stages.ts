import { createHash } from 'node:crypto';
import { resolve } from '../avro/resolve.ts';
import { avroSchemaOf } from '../avro/schema.ts';
import type { BackupKeys } from '../backups/backup-keys.ts';
import { plainPart } from '../backups/plain-part.ts';
import type { Tx } from '../db/database.ts';
import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { Table } from '../types.ts';
import { FaultySummary, faultyRows, hasRulesToCheck } from './check-backup-rows.ts';
import { referencesOf } from './prove-stages.ts';
import { keyFieldsOf } from './publish-restore.ts';
import { lenient, type RestoredTable, type RestorePlan } from './restores.ts';
import { duplicates, orphans } from './stage-faults.ts';

export interface FitDeps {
  readonly storage: Storage;
  readonly backupKeys: BackupKeys;
}

/**
 * Finds why the current dictionary would refuse to restore the backup of a drill: tables and fields that are gone, rows
 * that break rules, keys and references that do not hold. Rows are named by their lineage. Runs in the drill's
 * transaction, over stages whose keys are built as in the backup.
 *
 * @returns the misfits in words; empty when it fits
 */
export async function fitStages(
  deps: FitDeps,
  tx: Tx,
  plan: RestorePlan,
  today: readonly Table[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const misfits: string[] = [];
  const fitting: { readonly one: RestoredTable; readonly now: Table }[] = [];
  for (const one of plan.tables) {
    const now = today.find(({ name }) => name === one.table.name);
    const why = now === undefined ? 'the dictionary has no such table any more' : shapeMisfit(one, now);
    if (why !== null) misfits.push(`${one.table.name}: ${why}`);
    else fitting.push({ one, now: now! });
  }
  for (const { one, now } of fitting) {
    const rows = await rowMisfit(deps, plan, one, now, signal);
    if (rows !== null) misfits.push(`${now.name}: ${rows}`);
    for (const fields of keyFieldsOf(now)) {
      const twice = await duplicates(tx, one.stage, fields);
      if (twice !== null) misfits.push(`${now.name}: ${fields.join(', ')} is not unique: ${twice}`);
    }
  }
  const staged = fitting.map(({ one, now }) => ({ ...one, table: now }));
  for (const { table, stage } of staged) {
    for (const { text, fields, to, parent } of referencesOf(table, staged)) {
      const broken = await orphans(tx, stage, fields, parent, to);
      if (broken !== null) misfits.push(`${table.name}: the reference ${text} is broken: ${broken}`);
    }
  }
  return misfits;
}

function shapeMisfit({ saved }: RestoredTable, now: Table): string | null {
  try {
    resolve(avroSchemaOf(saved.definition), now);
    return null;
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'restore-mismatch') return error.message;
    throw error;
  }
}

async function rowMisfit(
  deps: FitDeps,
  plan: RestorePlan,
  { saved }: RestoredTable,
  now: Table,
  signal: AbortSignal,
): Promise<string | null> {
  if (!hasRulesToCheck(now, saved.definition)) return null;
  // Nulls that are not allowed any more are faults to be counted; they must not end the reading.
  const shape = lenient(now);
  const found = new FaultySummary();
  for (const part of saved.parts) {
    // The hash is ignored: the files were compared with the manifest before.
    const file = await plainPart(deps, plan.backup, part, createHash('sha256'));
    for await (const row of faultyRows(file, now, shape)) {
      signal.throwIfAborted();
      found.add(row);
    }
  }
  return found.count === 0 ? null : `${found.count} rows ${found.describe()}`;
}
