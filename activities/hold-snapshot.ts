import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Client } from 'pg';
import { attemptCounts, recordSnapshot } from '../src/backups/attempts.ts';
import { readBackupPlan } from '../src/backups/backups.ts';
import { type HeldSnapshot, SNAPSHOT_HELD, SNAPSHOT_LOST } from '../src/backups/contract.ts';
import { takeSnapshot } from '../src/backups/snapshot.ts';
import type { Database } from '../src/db/database.ts';
import { tableLocked } from '../src/db/lock-holders.ts';
import { SQLSTATE, sqlstateOf } from '../src/db/sqlstate.ts';
import { statement } from '../src/db/statement.ts';
import { gateClosed } from '../src/publish/gate.ts';
import { liveName } from '../src/tables/table-state.ts';
import type { BackupAttempt } from './begin-backup.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

const LOOK_EVERY_MS = 500;
/** How long waiting publishes of loads and restores go first. Without it, consecutive backups would starve them. */
const GIVE_WAY_MS = 30_000;

/**
 * Takes a snapshot of the backup's tables, signals the workflow, and holds the snapshot until the attempt is over: its
 * backup has ended, another attempt has begun, or the activity is cancelled. It fails when the connection ends, because
 * then the snapshot is gone.
 */
export function holdSnapshot({ db }: ActivityDeps) {
  return async ({ backupId, attempt }: BackupAttempt): Promise<void> => {
    const { tables } = await readBackupPlan(db, backupId);
    const client = await db.connect();
    try {
      await whileBeating(
        () => undefined,
        async (signal) => {
          // A wait for a lock does not react to cancellation otherwise.
          signal.addEventListener('abort', () => void client.end().catch(() => undefined), { once: true });
          await giveWay(
            db,
            tables.map(({ name }) => name),
            signal,
          );
          const snapshot = await takeSnapshot(client, tables).catch(async (error) => {
            if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
            throw await tableLocked(db, tables.map(liveName), 'access share', error);
          });
          await recordSnapshot(db, backupId, attempt, snapshot);
          await tellWorkflow({ attempt, snapshotId: snapshot.id, parts: snapshot.parts });
          await untilOver(db, client, { backupId, attempt }, signal);
        },
      );
    } finally {
      await client.end().catch(() => undefined);
    }
  };
}

const WRITERS_WAIT = statement`
  select from longshore.load
   where status = 'publishing' and finished_at is null and table_name = any ($1)
     and not ${gateClosed('table_name')}
  union all
  select from longshore.restore where status = 'publishing' and finished_at is null and tables && $1`;

async function giveWay(db: Database, tables: readonly string[], signal: AbortSignal): Promise<void> {
  const until = performance.now() + GIVE_WAY_MS;
  while (performance.now() < until) {
    const waiting = await db.query(WRITERS_WAIT, [tables]);
    if (waiting.length === 0) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function tellWorkflow(held: HeldSnapshot): Promise<void> {
  const { client, info } = Context.current();
  const { workflowId, runId } = info.workflowExecution!;
  await client.workflow.getHandle(workflowId, runId).signal(SNAPSHOT_HELD, held);
}

async function untilOver(
  db: Database,
  client: Client,
  { backupId, attempt }: BackupAttempt,
  signal: AbortSignal,
): Promise<void> {
  while (await attemptCounts(db, backupId, attempt)) {
    await client.query('select').catch((cause) => {
      signal.throwIfAborted();
      throw ApplicationFailure.create({
        type: SNAPSHOT_LOST,
        message: 'the snapshot was lost',
        nonRetryable: true,
        cause,
      });
    });
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
