import { z } from 'zod';
import {
  type BatchReject,
  type BatchRejectsPage,
  type BatchView,
  MAX_BATCH_ROWS,
} from '../../src/batches/batch.ts';
import { type RejectPages, RejectsCsv } from '../../src/rejects/rejects-csv.ts';
import { answerFormat } from '../http/answer-format.ts';
import { requireTable } from '../http/auth.ts';
import type { ApiDeps } from '../http/deps.ts';
import { linkNext, readPage } from '../http/page.ts';
import { pageLimit, wholeNumber } from '../http/parameters.ts';
import { withJson } from '../http/problems.ts';
import { delimiterOf, sendRejectsCsv } from '../http/rejects-csv.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { batchAnswer, batchPath, findBatch, rejectsJson } from './batch-answer.ts';
import { batchRejectSchema, batchSchema } from './batch-schemas.ts';
import { rejectCells } from './reject-cells.ts';

const batchId = z.strictObject({ id: z.string().meta({ description: "A batch's ID" }) });

const listBatches = defineRoute({
  method: 'get',
  path: '/v1/batches',
  tag: 'Batches',
  summary: 'List committed and failed batches, newest first',
  scopes: ['read', 'write'],
  query: z.strictObject({
    table: z.string().optional().meta({ description: 'Only batches of this table' }),
    loadId: wholeNumber(1)
      .optional()
      .meta({ description: 'Only batches of the group whose rows have this `_load_id`' }),
    limit: pageLimit(50, 500),
    before: z
      .string()
      .max(64)
      .optional()
      .meta({ description: "Where to go on: from the page before's `next`" }),
  }),
  responses: {
    '200': {
      description: 'A page of batches',
      content: {
        'application/json': { schema: z.object({ batches: z.array(batchSchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { table, ...rest } = query;
    if (table !== undefined) requireTable(holder!, table);
    const tables = table !== undefined ? [table] : (holder!.tables ?? undefined);
    const { entries, next } = await readPage(
      { res, self: '/v1/batches', query },
      (limit) => deps.batches.list({ ...rest, tables, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ batches: entries.map((batch) => batchAnswer(batch, deps)), next });
  },
});

const getBatch = defineRoute({
  method: 'get',
  path: '/v1/batches/{id}',
  tag: 'Batches',
  summary: 'See how a batch ended, or that it is still running',
  scopes: ['read', 'write'],
  params: batchId,
  responses: {
    '200': { description: 'The batch', content: { 'application/json': { schema: batchSchema } } },
  },
  problems: ['unknown-batch', 'temporal-unavailable'],
  async handle(call) {
    call.res.json(batchAnswer(await findBatch(call), call.deps));
  },
});

const rejectsQuery = z.strictObject({
  format: z.enum(['json', 'csv']).optional().meta({ description: 'Goes before the Accept header' }),
  afterIndex: wholeNumber(0).optional().meta({ description: 'Only rejects of later rows' }),
  limit: wholeNumber(1, 1000)
    .optional()
    .meta({ description: 'Rejects a page (JSON: 100 when left out; CSV: all when left out)' }),
});

type RejectsCall = Call<'/v1/batches/{id}/rejects', { id: string }, z.output<typeof rejectsQuery>>;

const getRejects = defineRoute({
  method: 'get',
  path: '/v1/batches/{id}/rejects',
  tag: 'Batches',
  summary: "A batch's rejected rows, and why",
  description:
    'JSON comes in pages, CSV (by `Accept: text/csv` or `format=csv`) whole, unless `limit` is given: the cells ' +
    "under the names of the batch's own header (else of the table's fields), then `_index`, `_field`, `_code`, " +
    '`_message`, as those of a load.',
  scopes: ['read', 'write'],
  params: batchId,
  query: rejectsQuery,
  headers: z.object({ Accept: z.string().optional().meta({ example: 'text/csv' }) }),
  responses: {
    '200': {
      description: 'Rejects, by index',
      content: {
        'application/json': { schema: z.object({ rejects: z.array(batchRejectSchema), next: nextSchema }) },
        'text/csv': { schema: z.string() },
      },
    },
  },
  problems: ['unknown-batch', 'temporal-unavailable'],
  async handle(call) {
    const batch = await findBatch(call);
    await (answerFormat(call) === 'csv' ? sendCsv(call, batch) : sendPage(call, batch));
  },
});

async function sendPage({ res, deps, query }: RejectsCall, batch: BatchView): Promise<void> {
  const limit = query.limit ?? 100;
  const { rejects, more } = await rejectsOf(deps, batch, query.afterIndex ?? -1, limit);
  const self = `${batchPath(batch.id)}/rejects`;
  const next = linkNext(res, self, more ? { afterIndex: rejects.at(-1)!.index, limit } : null);
  res.type('json').send(withJson(`{"next":${JSON.stringify(next)}}`, { rejects: rejectsJson(rejects) }));
}

async function sendCsv({ res, deps, dictionary, query }: RejectsCall, batch: BatchView): Promise<void> {
  const table = dictionary.tables.find(({ name }) => name === batch.table);
  let page = await rejectsOf(deps, batch, -1, MAX_BATCH_ROWS);
  const columns = page.header ?? table?.fields.map((field) => field.name) ?? [];
  const isLong = (reject: BatchReject) => rejectCells(reject.row, columns).length > columns.length;
  // The header has to say whether there is a column for extra cells: so all pages are read first.
  while (page.more && !page.rejects.some(isLong)) {
    page = await rejectsOf(deps, batch, page.rejects.at(-1)!.index, MAX_BATCH_ROWS);
  }
  const extra = page.rejects.some(isLong);
  const csv = new RejectsCsv({ columns, extra }, '_index', delimiterOf(deps, batch.table));
  const pages: RejectPages = async (after, limit) => {
    const { rejects, more } = await rejectsOf(deps, batch, after, limit);
    return {
      rejects: rejects.map(({ index, row, errors }) => ({
        at: index,
        cells: rejectCells(row, columns),
        errors,
      })),
      more,
    };
  };
  const name = `batch-${batch.id}-rejects.csv`;
  await sendRejectsCsv(res, csv, pages, { name, after: query.afterIndex ?? -1, limit: query.limit });
}

/** The rejects of a batch: a running one has none yet, and one that is not in the ledger never will. */
function rejectsOf(
  deps: ApiDeps,
  batch: BatchView,
  afterIndex: number,
  limit: number,
): Promise<BatchRejectsPage> {
  if (batch.committedAt === null) return Promise.resolve({ header: null, rejects: [], more: false });
  return deps.batches.rejects(batch.id, { afterIndex, limit });
}

export const batchRoutes = [listBatches, getBatch, getRejects];
