import type { LoadView } from '../../src/loads/load-view.ts';
import { unknownLoad } from '../../src/loads/loads.ts';
import { type JobResource, noteJob } from '../http/answer-job.ts';
import { noteTable } from '../http/audited.ts';
import { mayUseTable } from '../http/auth.ts';
import type { ApiDeps } from '../http/deps.ts';
import type { Call } from '../http/route.ts';
import { workflowLink } from '../http/temporal-link.ts';
import type { LoadAnswer } from './load-schemas.ts';

/** A load with links to the requests that apply to it. */
export function loadAnswer(load: LoadView, deps: ApiDeps): LoadAnswer {
  const self = loadPath(load.id);
  return {
    ...(load as LoadAnswer),
    links: {
      self,
      table: `/v1/tables/${encodeURIComponent(load.table)}`,
      rejects: `${self}/rejects`,
      pause: `${self}/pause`,
      resume: `${self}/resume`,
      cancel: `${self}/cancel`,
      ...workflowLink(load.workflowId, deps),
    },
  };
}

export function loadPath(id: number): string {
  return `/v1/loads/${id}`;
}

export const loadResource: JobResource<LoadView> = {
  name: 'load',
  cancelled: 'load-cancelled',
  path: loadPath,
  answer: loadAnswer,
};

type LoadCall = Pick<Call<string, { readonly id: number }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The load of a path with `{id}`.
 * @throws `unknown-load`, also when the key is limited to other tables
 */
export async function findLoad({ res, deps, params, holder }: LoadCall): Promise<LoadView> {
  const load = await deps.loads.get(params.id);
  if (!mayUseTable(holder!, load.table)) throw unknownLoad(params.id);
  noteJob(res, loadResource, load);
  noteTable(res, load.table);
  return load;
}
