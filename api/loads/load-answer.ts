import type { Response } from 'express';
import { ERRORS } from '../../src/errors.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import { unknownLoad } from '../../src/loads/loads.ts';
import { noteTable } from '../http/audited.ts';
import { mayUseTable } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';
import type { Call } from '../http/route.ts';
import type { LoadAnswer } from './load-schemas.ts';

/** A load with the addresses of what can be done with it. */
export function answerOf(load: LoadView, deps: ApiDeps): LoadAnswer {
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
      ...temporalLink(load.workflowId, deps),
    },
  };
}

/** Where people see the workflow, if the configuration says it. */
export function temporalLink(workflowId: string, { config }: ApiDeps): { readonly temporal?: string } {
  const { temporalUiUrl, temporalNamespace } = config;
  if (temporalUiUrl === undefined) return {};
  const path = `namespaces/${encodeURIComponent(temporalNamespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return { temporal: `${temporalUiUrl}/${path}` };
}

export function loadPath(id: number): string {
  return `/v1/loads/${id}`;
}

/** So that the log's line of this request names the load and its workflow. */
export function noteLoad(res: Response, load: LoadView): void {
  const context = contextOf(res);
  context.loadId = load.id;
  context.workflowId = load.workflowId;
  noteTable(res, load.table);
}

type LoadCall = Pick<Call<string, { readonly id: number }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The load of a path with `{id}`.
 * @throws `unknown-load`, also when the key is limited to other tables
 */
export async function findLoad(call: LoadCall): Promise<LoadView> {
  const load = await call.deps.loads.get(call.params.id);
  if (!mayUseTable(call.holder!, load.table)) throw unknownLoad(call.params.id);
  noteLoad(call.res, load);
  return load;
}

/**
 * The problem of a load that ended without its rows: the load's own error, with the load as a member, so that
 * whoever waited learns as much as whoever asks later.
 */
export function problemOfLoad(load: LoadView, deps: ApiDeps): HttpError {
  const code = load.error?.code ?? (load.status === 'cancelled' ? 'load-cancelled' : 'internal');
  return new HttpError(code, load.error?.message ?? ERRORS[code].title, {
    headers: { Location: loadPath(load.id) },
    members: { load: answerOf(load, deps) },
  });
}
