import { WorkflowNotFoundError } from '@temporalio/client';
import { BACK_UP } from '../backups/contract.ts';
import { statement } from '../db/statement.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { LOAD_CSV } from '../loads/contract.ts';
import { RESTORE } from '../restores/contract.ts';
import { Faults } from '../runtime/faults.ts';
import { listingClient } from '../seal/listing-client.ts';

/** The ledger has a job before its workflow starts, so an older workflow without a row is an orphan. */
const AGE_MS = 60_000;

const FORGOTTEN =
  'the ledger knows nothing of it: PostgreSQL came back from an older copy. Nothing that it does would be kept';
const OVER = 'its load had ended: Temporal came back from an older copy. Nothing that it does would be kept';

const UNFINISHED = statement<{ id: string; over: boolean }>`
  select workflow_id as id, coalesce(finished_at < now() - $2 * interval '1 millisecond', false) as over
    from longshore.load where workflow_id = any ($1)
  union all select workflow_id, false from longshore.backup where workflow_id = any ($1)
  union all select workflow_id, false from longshore.restore where workflow_id = any ($1)`;

/**
 * Ends workflows of loads, backups and restores without a row in the ledger, and those of loads that ended long ago.
 * Their activities would write nothing (`workflow-orphaned`), but one that waits for its turn, or is paused, would wait
 * for ever. Groups of batches are left alone: an accepted group is committed, once.
 */
export async function endOrphans(
  { client, db, installation, log }: Omit<JobDeps, 'storage'>,
  olderThanMs = AGE_MS,
): Promise<void> {
  const types = [LOAD_CSV, BACK_UP, RESTORE].map((type) => `'${type}'`).join(', ');
  const query = `TaskQueue = '${installation.queue}' and ExecutionStatus = 'Running' and WorkflowType in (${types})`;
  const running: { readonly workflowId: string; readonly runId: string; readonly type: string }[] = [];
  for await (const { workflowId, runId, type, startTime } of listingClient(client).workflow.list({
    query,
  })) {
    if (Date.now() - startTime.getTime() >= olderThanMs) running.push({ workflowId, runId, type });
  }
  if (running.length === 0) return;
  const known = await db.query(UNFINISHED, [running.map(({ workflowId }) => workflowId), olderThanMs]);
  const over = new Map(known.map((row) => [row.id, row.over]));
  const faults = new Faults();
  for (const { workflowId, runId, type } of running) {
    if (over.get(workflowId) === false) continue;
    const reason = over.has(workflowId) ? OVER : FORGOTTEN;
    await faults.alone(workflowId, async () => {
      await client.workflow
        .getHandle(workflowId, runId)
        .terminate(reason)
        .catch((error) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
      log.warn({ workflowId, runId, type }, `The workflow ${workflowId} was ended: ${reason}`);
    });
  }
  faults.end();
}
