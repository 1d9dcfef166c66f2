import type { Table } from '../types.ts';
import type { BatchMode, EndedBatch } from './batch.ts';
import { countsOf, type Entry } from './group-parameters.ts';
import type { References } from './group-sql.ts';

/** The workflow that commits, the table and the mode. */
export interface CommitTarget {
  readonly workflowId: string;
  readonly runId: string;
  readonly table: Table;
  readonly mode: BatchMode;
  readonly references: References;
}

/** The outcome of a batch that was committed just now, as it would be read from the ledger. */
export function outcomeOf(
  { workflowId, runId, table, mode }: CommitTarget,
  entry: Entry,
  group: { readonly id: number; readonly committedAt: Date },
): EndedBatch {
  const { id, strict, receivedAt } = entry.batch.received;
  const rows = countsOf(entry);
  const wentIn = rows.accepted > 0;
  return {
    view: {
      id,
      table: table.name,
      mode,
      strict,
      status: 'done',
      workflowId,
      runId,
      loadId: wentIn ? group.id : null,
      firstLine: wentIn ? entry.firstLine : null,
      rows,
      error: null,
      receivedAt,
      committedAt: group.committedAt.toISOString(),
    },
    rejects: entry.rejects,
    replayed: false,
  };
}
