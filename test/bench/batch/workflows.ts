import { proxyLocalActivities } from '@temporalio/workflow';
import type { createActivities } from './one-by-one.ts';

const { insertHire } = proxyLocalActivities<ReturnType<typeof createActivities>>({
  startToCloseTimeout: '1m',
});

/** The least that a workflow can be. */
export async function nothing(): Promise<void> {}

/** One row, one workflow. */
export async function commitRow(row: readonly unknown[]): Promise<void> {
  await insertHire(row);
}
