import { absentInFile } from '../src/dictionary/columns-of-file.ts';
import { type LoadStep, readLoadPlan, setLoadStatus } from '../src/loads/loads.ts';
import { checkStage } from '../src/publish/check-stage.ts';
import { rejectRefused } from '../src/publish/find-refused.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { quoteRejects } from './quote-rejects.ts';

/**
 * Rejects the rows that PostgreSQL refuses: by set-based statements where the rules are known, else by trying. Runs only
 * when publishing has found that there are some. A second attempt continues where the first one ended.
 */
export function checkLoad(deps: ActivityDeps) {
  return (step: LoadStep): Promise<{ readonly rejected: number }> =>
    whileBeating(
      () => undefined,
      async (signal) => {
        const { db } = deps;
        const plan = await readLoadPlan(db, step);
        await setLoadStatus(db, step, 'checking');
        const { id: loadId, table, mode } = plan;
        const rejected =
          (await db.transaction((tx) =>
            checkStage(tx, table, mode, loadId, deps.keptRejects, absentInFile(plan)),
          )) || (await db.transaction((tx) => rejectRefused(tx, table, mode, loadId, signal)));
        await quoteRejects(deps, plan, signal);
        return { rejected };
      },
    );
}
