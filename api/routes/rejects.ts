import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { LoadView } from '../../src/ledger/load-view.ts';
import { findLoad, loadPath } from '../load-answer.ts';
import { loadId, wholeNumber } from '../parameters.ts';
import { RejectsCsv } from '../rejects-csv.ts';
import { type Call, defineRoute } from '../route.ts';
import { nextSchema, rejectSchema } from '../schemas.ts';

/** Rejects that the CSV reads from the ledger at a time. */
const CSV_PAGE = 1000;

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
    const { req, res } = call;
    res.vary('Accept');
    const format =
      call.query.format ?? (req.accepts(['application/json', 'text/csv']) === 'text/csv' ? 'csv' : 'json');
    await (format === 'csv' ? sendCsv(call, load) : sendPage(call, load.id));
  },
});

async function sendPage({ res, deps, query }: RejectsCall, id: number): Promise<void> {
  const limit = query.limit ?? 100;
  const { rejects, more } = await deps.loads.rejects(id, { afterLine: query.afterLine ?? 0, limit });
  const next = more ? `${loadPath(id)}/rejects?afterLine=${rejects.at(-1)!.line}&limit=${limit}` : null;
  if (next !== null) res.links({ next });
  res.json({ rejects, next });
}

async function sendCsv(call: RejectsCall, load: LoadView): Promise<void> {
  const { res, deps } = call;
  const delimiter = deps.dictionary.tables.find((table) => table.name === load.table)?.dialect.delimiter;
  const csv = new RejectsCsv(await deps.loads.rejectShape(load.id), delimiter ?? ',');
  res.type('text/csv').attachment(`load-${load.id}-rejects.csv`);
  await pipeline(Readable.from(lines(call, load.id, csv)), res);
}

async function* lines({ deps, query }: RejectsCall, id: number, csv: RejectsCsv): AsyncGenerator<string> {
  yield csv.header();
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  for (let afterLine = query.afterLine ?? 0; left > 0; ) {
    const limit = Math.min(left, CSV_PAGE);
    const { rejects, more } = await deps.loads.rejects(id, { afterLine, limit });
    if (rejects.length > 0) yield rejects.map((reject) => csv.line(reject)).join('');
    if (!more) return;
    left -= rejects.length;
    afterLine = rejects.at(-1)!.line;
  }
}
