import { z } from 'zod';
import { requireScope, requireTable } from '../http/auth.ts';
import { readPage } from '../http/page.ts';
import { pageLimit, wholeNumber } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { findRestore, restoreAnswer } from './restore-answer.ts';
import { restoreKindSchema, restoreSchema, restoreStatusSchema } from './restore-schemas.ts';

const tag = 'Restores';
const restoreId = z.strictObject({ id: wholeNumber(1).meta({ description: "A restore's ID" }) });
const content = { 'application/json': { schema: restoreSchema } };

const listQuery = z.strictObject({
  kind: restoreKindSchema.optional(),
  status: restoreStatusSchema.optional(),
  backup: z.string().max(64).optional().meta({ description: 'Only those of this backup' }),
  table: z.string().optional().meta({ description: 'Only those that hold this table' }),
  limit: pageLimit(50, 500),
  before: wholeNumber(1).optional().meta({ description: 'Only those with a smaller ID' }),
});

const listRestores = defineRoute({
  method: 'get',
  path: '/v1/restores',
  tag,
  summary: 'List restores, dry runs and drills, newest first',
  description: 'A key that is limited to some tables sees those that hold no others.',
  scopes: ['read', 'write'],
  query: listQuery,
  responses: {
    '200': {
      description: 'A page of restores',
      content: {
        'application/json': { schema: z.object({ restores: z.array(restoreSchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { backup: backupId, ...rest } = query;
    if (rest.table !== undefined) requireTable(holder!, rest.table);
    const within = holder!.tables ?? undefined;
    const { entries, next } = await readPage(
      { res, self: '/v1/restores', query },
      (limit) => deps.restores.list({ ...rest, backupId, within, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ restores: entries.map((restore) => restoreAnswer(restore, deps)), next });
  },
});

const getRestore = defineRoute({
  method: 'get',
  path: '/v1/restores/{id}',
  tag,
  summary: 'See how a restore is doing, or what it changed',
  scopes: ['read', 'write'],
  params: restoreId,
  responses: { '200': { description: 'The restore', content } },
  problems: ['unknown-restore'],
  async handle(call) {
    call.res.json(restoreAnswer(await findRestore(call), call.deps));
  },
});

const cancelRestore = defineRoute({
  method: 'post',
  path: '/v1/restores/{id}/cancel',
  tag,
  summary: 'Cancel a restore, a dry run or a drill',
  description: 'Every table stays as it is. What is published already can not be cancelled, only undone.',
  scopes: ['write'],
  audit: 'restore.cancel',
  params: restoreId,
  responses: { '202': { description: 'Asked for; the restore follows', content } },
  problems: ['unknown-restore', 'restore-state', 'temporal-unavailable'],
  async handle(call) {
    const { id, kind, target } = await findRestore(call);
    // Who may not start it may not end it.
    if (kind === 'restore' && target.as === null) requireScope(call.holder!, ['admin']);
    const restore = await call.deps.restores.cancel(id);
    call.res.status(202).json(restoreAnswer(restore, call.deps));
  },
});

export const restoreRoutes = [listRestores, getRestore, cancelRestore];
