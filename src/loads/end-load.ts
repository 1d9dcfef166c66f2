import type { Database } from '../db/database.ts';
import { CLOCK } from '../db/ledger-queries.ts';
import { statement } from '../db/statement.ts';
import { INSTALLATION_ID } from '../installation/installation.ts';
import { type JobEnd, orphaned } from '../jobs/job.ts';
import { dropStage, stageName } from '../publish/stage.ts';
import { dropRejects } from '../rejects/kept-rejects.ts';
import type { Storage } from '../storage/storage.ts';
import type { LoadTotals } from './load-view.ts';
import { type LoadStep, readLoadPlan, unknownLoad } from './loads.ts';

export interface EndLoadInput extends LoadStep {
  readonly end: JobEnd;
}

export interface EndedLoad extends LoadTotals {
  /** The status in the ledger: a cancellation that came after the commit finds the load done. */
  readonly status: string;
  /** Workflow of the load whose turn it is now. */
  readonly next: string | null;
  /** Workflows of files of arrivals that wait for this load. Absent from older answers. */
  readonly arrived?: readonly string[];
}

const READ_ENDED = statement<EndedLoad & { uid: string; arrived: string[] }>`
  select uid, status, rows_read as read, rows_loaded as loaded, rows_rejected as rejected,
           rows_unchanged as unchanged, rows_discarded as discarded, (select workflow_id from longshore.load n
                     where n.table_name = l.table_name and n.id > l.id and n.finished_at is null
                     order by n.id limit 1) as next,
           array(select ${INSTALLATION_ID} || '-arrival-' || left(f.file_key, 40)
                          || case when f.drop_no > 0 then '-' || f.drop_no else '' end
                   from longshore.arrival_file f where f.load_id = l.id and f.state = 'loading') as arrived
      from longshore.load l where id = $1`;

/**
 * Records how a load ended, unless it has ended already, and deletes its stage and its upload.
 * @param hint how its file seems to be written, where that may be why it failed
 */
export async function endLoad(
  db: Database,
  storage: Pick<Storage, 'delete'>,
  { loadId, uid, end }: EndLoadInput,
  keptRejects?: number,
  hint: string | null = null,
): Promise<EndedLoad> {
  const plan = await readLoadPlan(db, { loadId, uid });
  const ended = await db.transaction(async (tx) => {
    const failure = end.status === 'failed' ? end : { code: null, message: null };
    await tx.ledger
      .updateTable('load')
      .set({
        status: end.status,
        error_code: failure.code,
        error_message:
          failure.message === null || hint === null ? failure.message : `${failure.message}; ${hint}`,
        ...(hint !== null && { hint }),
        finished_at: CLOCK,
        paused: false,
      })
      .where('id', '=', loadId)
      .where('uid', '=', plan.uid)
      .where('finished_at', 'is', null)
      .execute();
    const [row] = await tx.query(READ_ENDED, [loadId]);
    if (!row) throw unknownLoad(loadId);
    const { uid: found, ...rest } = row;
    if (found !== plan.uid) throw orphaned(`load ${loadId}`);
    if (keptRejects !== undefined) await dropRejects(tx, loadId, keptRejects);
    await dropStage(tx, stageName(loadId));
    return rest;
  });
  if (plan.sourceKind === 'upload') await storage.delete(plan.sourceKey);
  if (plan.plainKey !== null) await storage.delete(plan.plainKey);
  return ended;
}
