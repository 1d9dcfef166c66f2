import type { ApiDeps } from './deps.ts';

type Links = { readonly temporal?: string };

/** Link to a workflow in Temporal's Web UI, if its address is configured. */
export function workflowLink(workflowId: string, deps: ApiDeps, runId?: string): Links {
  const run = runId === undefined ? '' : `/${runId}`;
  return temporalLink(deps, `workflows/${encodeURIComponent(workflowId)}${run}`);
}

/** @param page below the namespace's: `schedules/<id>` */
export function temporalLink({ config }: ApiDeps, page: string): Links {
  const { temporalUiUrl, temporalNamespace } = config;
  if (temporalUiUrl === undefined) return {};
  return { temporal: `${temporalUiUrl}/namespaces/${encodeURIComponent(temporalNamespace)}/${page}` };
}
