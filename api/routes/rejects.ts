import { z } from 'zod';
import type { LoadView } from '../../src/ledger/load-view.ts';
import { answerFormat } from '../answer-format.ts';
import { findLoad, loadPath } from '../load-answer.ts';
import { loadId, wholeNumber } from '../parameters.ts';
import { delimiterOf, type RejectPages, RejectsCsv, sendRejectsCsv } from '../rejects-csv.ts';
import { type Call, defineRoute } from '../route.ts';
import { nextSchema, rejectSchema } from '../schemas.ts';

const query = z.strictObject({
  format: z.enum(['json', 'csv']).optional().meta({ description: 'Goes before the Accept header' }),
  afterLine: wholeNumber(0).optional().meta({ description: 'Only rejects of later lines' }),
  limit: wholeNumber(1, 1000)
    .optional()
    .meta({ description: 'Rejects a page (JSON: 100 when left out; CSV: all when left out)' }),
});

type RejectsCall = Call<'/v1/loads/{id}/rejects', { id: number }, z.output<typeof query>>;

export const rejectsRoute = defineRoute({
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

async function sendPage({ res, deps, query }: RejectsCall, id: number): Promise<void> {
  const limit = query.limit ?? 100;
  const { rejects, more } = await deps.loads.rejects(id, { afterLine: query.afterLine ?? 0, limit });
  const next = more ? `${loadPath(id)}/rejects?afterLine=${rejects.at(-1)!.line}&limit=${limit}` : null;
  if (next !== null) res.links({ next });
  res.json({ rejects, next });
}

async function sendCsv({ res, deps, query }: RejectsCall, load: LoadView): Promise<void> {
  const shape = await deps.loads.rejectShape(load.id);
  const csv = new RejectsCsv(shape, '_line', delimiterOf(deps, load.table));
  const pages: RejectPages = async (afterLine, limit) => {
    const { rejects, more } = await deps.loads.rejects(load.id, { afterLine, limit });
    return { rejects: rejects.map(({ line, ...rest }) => ({ at: line, ...rest })), more };
  };
  const name = `load-${load.id}-rejects.csv`;
  await sendRejectsCsv(res, csv, pages, { name, after: query.afterLine ?? 0, limit: query.limit });
}
