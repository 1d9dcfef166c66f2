import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';

/** Counts of the rows of a whole group, as the ledger has them. */
export interface GroupRows {
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly discarded: number;
}

const READ_GROUP = statement<GroupRows>`
  select coalesce(sum(rows_sent), 0)::int as sent, coalesce(sum(rows_accepted), 0)::int as accepted,
         coalesce(sum(rows_rejected), 0)::int as rejected, coalesce(sum(rows_discarded), 0)::int as discarded
    from longshore.batch_group g left join longshore.batch b on b.group_id = g.id
   where g.workflow_id = $1
   group by g.id having bool_and(b.status is distinct from 'failed')`;

/** What a group's workflow has committed; null when the ledger has no such group, or one that failed. */
export async function readGroup(db: Sql, workflowId: string): Promise<GroupRows | null> {
  const [rows] = await db.query(READ_GROUP, [workflowId]);
  return rows ?? null;
}
