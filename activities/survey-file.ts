import { Context } from '@temporalio/activity';
import { Surveyor, surveyOptionsOf } from '../src/csv/survey.ts';
import { statement } from '../src/db/statement.ts';
import { LongshoreError } from '../src/errors.ts';
import { LoadEntity } from '../src/ledger/load-entities.ts';
import { type LoadStep, MISREAD, readLoadPlan, setLoadStatus, surveyColumns } from '../src/loads/loads.ts';
import { stampOf } from '../src/storage/stamp.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

const SAME_FILE = statement<{ id: number }>`
  select id from longshore.load l
   where table_name = $1 and mode = $2 and sha256 = $3 and id <> $4 and status = 'done' and not ${MISREAD}
     and (mode = 'append' or id = (select max(id) from longshore.load
                                    where table_name = $1 and status = 'done'))`;

/** Surveys a file that is in the storage already, in one streaming pass, and keeps the survey in the ledger. */
export function surveyFile({ db, storage }: ActivityDeps) {
  return async (step: LoadStep): Promise<void> => {
    const { loadId } = step;
    const plan = await readLoadPlan(db, step);
    if (plan.chunks) return;
    await setLoadStatus(db, step, 'surveying');
    const surveyor = new Surveyor(surveyOptionsOf(plan.table));
    let bytes = 0;
    await whileBeating(
      () => ({ bytes }),
      async (signal) => {
        for await (const piece of await storage.stream(plan.sourceKey)) {
          signal.throwIfAborted();
          surveyor.push(piece);
          bytes += piece.length;
        }
      },
    );
    const survey = surveyor.end();
    const stamp = await stampOf(storage, plan.sourceKey);
    if (plan.sourceStamp !== null && stamp !== plan.sourceStamp) {
      throw new LongshoreError('file-changed', `${plan.sourceKey} changed since the load was asked for`);
    }
    await db.transaction(async ({ em, query }) => {
      if (!plan.forced) {
        const { name, dialect, encoding } = plan.table;
        const same = await query(SAME_FILE, [
          ...[name, plan.mode, survey.sha256, loadId],
          ...[JSON.stringify(dialect), encoding],
        ]);
        if (same.length > 0) {
          throw new LongshoreError('already-loaded', `the same content was loaded by load ${same[0]!.id}`);
        }
      }
      const load = await em.findOneOrFail(LoadEntity, { id: loadId, uid: plan.uid });
      em.assign(load, surveyColumns(survey));
    });
    Context.current().log.info('surveyed', { loadId, bytes: survey.bytes, chunks: survey.chunks.length });
  };
}
