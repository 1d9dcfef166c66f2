import { ApplicationFailure } from '@temporalio/workflow';
import type { BackUpInput } from '../../src/backups/contract.ts';
import type { RestoreInput } from '../../src/restores/contract.ts';

/** A bundle for tests of `runSchedule`: its children end as the test asked for by their IDs. */
export { runSchedule } from '../../workflows/run-schedule.ts';

export async function backUp({ backupId }: BackUpInput): Promise<void> {
  if (backupId.includes('full')) throw ApplicationFailure.nonRetryable('no room left', 'storage-full');
}

/** Odd ones find damage. */
export async function restore({ restoreId }: RestoreInput): Promise<void> {
  if (restoreId % 2 === 1) throw ApplicationFailure.nonRetryable('a part is cut', 'backup-damaged');
}
