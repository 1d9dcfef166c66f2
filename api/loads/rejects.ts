import { z } from 'zod';
import type { LoadView } from '../../src/loads/load-view.ts';
import { type RejectPages, RejectsCsv } from '../../src/rejects/rejects-csv.ts';
import { answerFormat } from '../http/answer-format.ts';
import { linkNext } from '../http/page.ts';
import { loadId, wholeNumber } from '../http/parameters.ts';
import { delimiterOf, sendRejectsCsv } from '../http/rejects-csv.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { count, nextSchema } from '../http/schemas.ts';
import { findLoad, loadPath } from './load-answer.ts';
import { cellErrorSchema, rejectSchema } from './load-schemas.ts';

const query = z.strictObject({
  format: z.enum(['json', 'csv']).optional().meta({ description: 'Goes before the Accept header' }),
  afterLine: wholeNumber(0).optional().meta({ description: 'Only rejects of later lines' }),
  limit: wholeNumber(1, 1000)
    .optional()
    .meta({ description: 'Rejects a page (JSON: 100 when left out; CSV: all when left out)' }),
});

/** Header with the number of rejects that are missing in a CSV, since they were only counted. */
const NOT_KEPT = 'Longshore-Rejects-Not-Kept';

type RejectsCall = Call<'/v1/loads/{id}/rejects', { id: number }, z.output<typeof query>>;

const listRejects = defineRoute({
  method: 'get',
  path: '/v1/loads/{id}/rejects',
  tag: 'Loads',
  summary: "A load's rejected rows, and why",
  description:
    'JSON comes in pages. CSV (by `Accept: text/csv` or `format=csv`) comes whole, unless `limit` is given: a line ' +
    "a row, its original cells under the names of the file's header or of the table's fields, then `_line`, " +
    "`_field`, `_code`, `_message`, several errors joined by `; `. It has the table's delimiter: correct the cells, " +
    'drop the added columns (and the header, where the table has none) and load it again. Cells are as they were ' +
    'sent: a spreadsheet takes one that begins with `=`, `+`, `-` or `@` for a formula.',
  scopes: ['read', 'write'],
  params: loadId,
  query,
  headers: z.object({ Accept: z.string().optional().meta({ example: 'text/csv' }) }),
  responses: {
    '200': {
      description: 'Rejects, by line',
      headers: z.object({
        [NOT_KEPT]: z
          .string()
          .optional()
          .meta({ description: 'CSV: how many more rejects there are, which are only counted' }),
      }),
      content: {
        'application/json': { schema: z.object({ rejects: z.array(rejectSchema), next: nextSchema }) },
        'text/csv': { schema: z.string() },
      },
    },
  },
  problems: ['unknown-load'],
  async handle(call) {
    const load = await findLoad(call);
    await (answerFormat(call) === 'csv' ? sendCsv(call, load) : sendPage(call, load.id));
  },
});

const summarySchema = z.object({
  rejected: count.meta({ description: 'Rejected rows; while the load runs, of its finished chunks' }),
  kept: count.meta({ description: 'The first of them, whose records and errors are kept' }),
  errors: z
    .array(
      z.object({ code: cellErrorSchema.shape.code, field: z.string().nullable(), errors: z.int().min(1) }),
    )
    .meta({
      description: 'How often which field broke which rule, most often first; a row can break several',
    }),
});
const summary = { content: { 'application/json': { schema: summarySchema } } };

const summarizeRejects = defineRoute({
  method: 'get',
  path: '/v1/loads/{id}/rejects/summary',
  tag: 'Loads',
  summary: "A load's rejected rows, counted by field and code",
  description: 'All of them, whether or not they are kept.',
  scopes: ['read', 'write'],
  params: loadId,
  responses: { '200': { description: 'The counts', ...summary } },
  problems: ['unknown-load'],
  async handle(call) {
    const { id } = await findLoad(call);
    call.res.json(await call.deps.loads.rejectsSummary(id));
  },
});

const deleteRejects = defineRoute({
  method: 'delete',
  path: '/v1/loads/{id}/rejects',
  tag: 'Loads',
  summary: "Delete a load's rejected rows",
  description: 'Of a load that has ended. Their records are gone; the counts stay.',
  scopes: ['write'],
  audit: 'rejects.delete',
  params: loadId,
  responses: { '200': { description: 'Deleted: the counts', ...summary } },
  problems: ['unknown-load', 'load-state'],
  async handle(call) {
    const { id } = await findLoad(call);
    await call.deps.loads.deleteRejects(id);
    call.res.json(await call.deps.loads.rejectsSummary(id));
  },
});

export const rejectRoutes = [listRejects, summarizeRejects, deleteRejects];

async function sendPage({ res, deps, query }: RejectsCall, id: number): Promise<void> {
  const limit = query.limit ?? 100;
  const { rejects, more } = await deps.loads.rejects(id, { afterLine: query.afterLine ?? 0, limit });
  const self = `${loadPath(id)}/rejects`;
  const next = linkNext(res, self, more ? { afterLine: rejects.at(-1)!.line, limit } : null);
  res.json({ rejects, next });
}

async function sendCsv({ res, deps, query }: RejectsCall, load: LoadView): Promise<void> {
  const shape = await deps.loads.rejectShape(load.id);
  const { rejected, kept } = await deps.loads.rejectsSummary(load.id);
  if (rejected > kept) res.set(NOT_KEPT, String(rejected - kept));
  const csv = new RejectsCsv(shape, '_line', delimiterOf(deps, load.table));
  const pages: RejectPages = async (afterLine, limit) => {
    const { rejects, more } = await deps.loads.rejects(load.id, { afterLine, limit });
    return { rejects: rejects.map(({ line, ...rest }) => ({ at: line, ...rest })), more };
  };
  const name = `load-${load.id}-rejects.csv`;
  await sendRejectsCsv(res, csv, pages, { name, after: query.afterLine ?? 0, limit: query.limit });
}
