import { z } from 'zod';
import type { ArrivalSettings, ArrivalView } from '../../src/arrivals/arrival.ts';
import { unknownArrival } from '../../src/arrivals/arrivals.ts';
import { arrivalChangeSchema, arrivalSettingsSchema, newArrivalSchema } from '../../src/arrivals/settings.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import { quoted } from '../../src/shorten.ts';
import { auditOf, noteTable } from '../http/audited.ts';
import { mayUseTable } from '../http/auth.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/json-body.ts';
import { readPage } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { arrivalAnswer, arrivalPath, arrivalSchema } from './arrival-answer.ts';

const BODY_MAX = 65_536;
const TAG = 'Arrivals';

export const arrivalParams = z.strictObject({ id: z.string().meta({ description: "An arrival's ID" }) });
const oneArrival = { content: { 'application/json': { schema: arrivalSchema } } };
const BODY_PROBLEMS = ['malformed-body', 'invalid-request', 'body-too-large'] as const;

const listArrivals = defineRoute({
  method: 'get',
  path: '/v1/arrivals',
  tag: TAG,
  summary: 'List the arrivals, by their IDs',
  description: 'An arrival is a place where files come in by themselves. `inbox` is that of the inbox.',
  scopes: ['read', 'write'],
  query: z.strictObject({
    limit: pageLimit(50, 500),
    after: z.string().optional().meta({ description: 'Only arrivals whose ID comes later' }),
  }),
  responses: {
    '200': {
      description:
        'A page of arrivals of tables that the key may use, and of those whose paths say the table',
      content: {
        'application/json': { schema: z.object({ arrivals: z.array(arrivalSchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { entries, next } = await readPage(
      { res, self: '/v1/arrivals', query },
      (limit) => deps.arrivals.list({ after: query.after, limit, tables: holder!.tables ?? undefined }),
      ({ id }) => ({ after: id }),
    );
    res.json({ arrivals: entries.map(arrivalAnswer), next });
  },
});

const createArrival = defineRoute({
  method: 'post',
  path: '/v1/arrivals',
  tag: TAG,
  summary: 'Make an arrival',
  description:
    'From then on, files below its prefix that match its pattern are loaded by themselves, each version once.',
  scopes: ['admin'],
  audit: 'arrival.create',
  requestBody: { content: { 'application/json': { schema: newArrivalSchema } }, required: true },
  responses: { '201': { description: 'The arrival', ...oneArrival } },
  problems: [...BODY_PROBLEMS, 'unknown-table', 'merge-needs-key', 'arrival-state'],
  async handle({ req, res, deps, holder }) {
    const { id, ...settings } = await readJson(req, res, newArrivalSchema, BODY_MAX);
    auditOf(res).target = id;
    requireOwn(holder!, settings);
    noteTable(res, settings.table ?? '');
    const view = await deps.arrivals.create(id, settings, holder!.id);
    res.status(201).location(arrivalPath(id)).json(arrivalAnswer(view));
  },
});

const getArrival = defineRoute({
  method: 'get',
  path: '/v1/arrivals/{id}',
  tag: TAG,
  summary: 'See an arrival, and how its last look went',
  scopes: ['read', 'write'],
  params: arrivalParams,
  responses: { '200': { description: 'The arrival', ...oneArrival } },
  problems: ['unknown-arrival'],
  async handle(call) {
    call.res.json(arrivalAnswer(await findArrival(call)));
  },
});

const putArrival = defineRoute({
  method: 'put',
  path: '/v1/arrivals/{id}',
  tag: TAG,
  summary: 'Make an arrival, or replace its settings',
  description:
    'What is left out is as of a new one. Files that are being loaded are finished as they were taken.',
  scopes: ['admin'],
  audit: 'arrival.put',
  params: arrivalParams.extend({ id: newArrivalSchema.shape.id }),
  requestBody: { content: { 'application/json': { schema: arrivalSettingsSchema } }, required: true },
  responses: {
    '200': { description: 'The arrival as it is now', ...oneArrival },
    '201': { description: 'The new arrival', ...oneArrival },
  },
  problems: [...BODY_PROBLEMS, 'unknown-table', 'merge-needs-key'],
  async handle({ req, res, deps, holder, params }) {
    const settings = await readJson(req, res, arrivalSettingsSchema, BODY_MAX);
    requireOwn(holder!, settings);
    if (holder!.tables !== null) await requireOwnBefore(holder!, () => deps.arrivals.get(params.id));
    noteTable(res, settings.table ?? '');
    const { arrival, created } = await deps.arrivals.put(params.id, settings, holder!.id);
    if (created) res.status(201).location(arrivalPath(params.id));
    res.json(arrivalAnswer(arrival));
  },
});

const changeArrival = defineRoute({
  method: 'patch',
  path: '/v1/arrivals/{id}',
  tag: TAG,
  summary: 'Change an arrival',
  description: 'Files that are being loaded are finished as they were taken.',
  scopes: ['admin'],
  audit: 'arrival.change',
  params: arrivalParams,
  requestBody: { content: { 'application/json': { schema: arrivalChangeSchema } }, required: true },
  responses: { '200': { description: 'The arrival as it is now', ...oneArrival } },
  problems: [...BODY_PROBLEMS, 'unknown-arrival', 'unknown-table', 'merge-needs-key'],
  async handle(call) {
    const { req, res, deps, holder, params } = call;
    const change = await readJson(req, res, arrivalChangeSchema, BODY_MAX);
    const before = await findArrival(call);
    requireOwn(holder!, before);
    requireOwn(holder!, { ...before, ...change } as ArrivalSettings);
    res.json(arrivalAnswer(await deps.arrivals.change(params.id, change)));
  },
});

const deleteArrival = defineRoute({
  method: 'delete',
  path: '/v1/arrivals/{id}',
  tag: TAG,
  summary: 'Delete an arrival',
  description:
    'Files that are being loaded are finished; what it knew of others is forgotten, so an arrival that is made again ' +
    'loads files that are there still. The arrival of the inbox can only be paused.',
  scopes: ['admin'],
  audit: 'arrival.delete',
  params: arrivalParams,
  responses: { '204': { description: 'It is gone' } },
  problems: ['unknown-arrival', 'arrival-state'],
  async handle(call) {
    requireOwn(call.holder!, await findArrival(call));
    await call.deps.arrivals.delete(call.params.id);
    call.res.status(204).end();
  },
});

function pauseRoute(action: 'pause' | 'resume', summary: string, description: string) {
  return defineRoute({
    method: 'post',
    path: `/v1/arrivals/{id}/${action}`,
    tag: TAG,
    summary,
    description,
    scopes: ['admin'],
    audit: `arrival.${action}`,
    params: arrivalParams,
    responses: { '200': { description: 'The arrival', ...oneArrival } },
    problems: ['unknown-arrival'],
    async handle(call) {
      requireOwn(call.holder!, await findArrival(call));
      const view = await call.deps.arrivals.change(call.params.id, { paused: action === 'pause' });
      call.res.json(arrivalAnswer(view));
    },
  });
}

const notifyArrival = defineRoute({
  method: 'post',
  path: '/v1/arrivals/{id}/notify',
  tag: TAG,
  summary: 'Let an arrival look now',
  description: 'Many notifications are one look. A file is taken once it is stable, as always.',
  scopes: ['write'],
  audit: 'arrival.notify',
  params: arrivalParams,
  responses: { '202': { description: 'The look is asked for', ...oneArrival } },
  problems: ['unknown-arrival', 'arrival-state', 'temporal-unavailable'],
  async handle(call) {
    await findArrival(call);
    call.res.status(202).json(arrivalAnswer(await call.deps.arrivals.notify(call.params.id)));
  },
});

export const arrivalRoutes = [
  listArrivals,
  createArrival,
  getArrival,
  putArrival,
  changeArrival,
  deleteArrival,
  pauseRoute(
    'pause',
    'Pause an arrival',
    'No other file is taken; those that are being loaded are finished.',
  ),
  pauseRoute('resume', 'Let a paused arrival go on', 'It looks at once, and takes what has come meanwhile.'),
  notifyArrival,
];

type ArrivalCall = Pick<Call<string, { readonly id: string }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/** @throws `unknown-arrival`, also when the key is limited to other tables */
export async function findArrival({ res, deps, params, holder }: ArrivalCall): Promise<ArrivalView> {
  const view = await deps.arrivals.get(params.id);
  if (view.table !== null && !mayUseTable(holder!, view.table)) throw unknownArrival(params.id);
  if (view.table !== null) noteTable(res, view.table);
  return view;
}

/**
 * A key that is limited to tables sets arrivals of these tables only, over the folders of the inbox whose files it may
 * load by request as well.
 */
function requireOwn(
  { tables }: ApiKeyHolder,
  { table, prefix }: Pick<ArrivalSettings, 'table' | 'prefix'>,
): void {
  if (tables === null) return;
  if (table === null || !tables.includes(table)) {
    throw new HttpError(
      'forbidden',
      'this API key is limited to tables: the arrival has to be of one of them',
      {},
    );
  }
  if (!tables.some((own) => prefix.startsWith(`inbox/${own}/`))) {
    const folders = tables.map((own) => `inbox/${own}/`).join(', ');
    throw new HttpError(
      'forbidden',
      `this API key is limited to tables: the prefix ${quoted(prefix)} is not below ${folders}`,
      {},
    );
  }
}

async function requireOwnBefore(holder: ApiKeyHolder, read: () => Promise<ArrivalView>): Promise<void> {
  const before = await read().catch(() => null);
  if (before !== null) requireOwn(holder, before);
}
