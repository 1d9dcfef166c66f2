import { z } from 'zod';
import type { ArrivalFileView } from '../../src/arrivals/arrival.ts';
import { unknownFile } from '../../src/arrivals/arrival-files.ts';
import { auditOf, noteTable } from '../http/audited.ts';
import { mayUseTable, requireTable } from '../http/auth.ts';
import { readPage } from '../http/page.ts';
import { flag, pageLimit, wholeNumber } from '../http/parameters.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { arrivalFileSchema, arrivalPath, fileAnswer, fileStateSchema } from './arrival-answer.ts';
import { arrivalParams, findArrival } from './arrivals.ts';

const TAG = 'Arrivals';
const fileParams = arrivalParams.extend({ file: wholeNumber(1).meta({ description: "A file's ID" }) });
const oneFile = { content: { 'application/json': { schema: arrivalFileSchema } } };

const listFiles = defineRoute({
  method: 'get',
  path: '/v1/arrivals/{id}/files',
  tag: TAG,
  summary: 'What has come, when, and what became of it, newest first',
  scopes: ['read', 'write'],
  params: arrivalParams,
  query: z.strictObject({
    state: fileStateSchema.optional(),
    table: z.string().optional().meta({ description: 'Only files of this table' }),
    limit: pageLimit(50, 500),
    before: wholeNumber(1).optional().meta({ description: 'Only files with a smaller ID' }),
  }),
  responses: {
    '200': {
      description: 'A page of files of tables that the key may use',
      content: {
        'application/json': { schema: z.object({ files: z.array(arrivalFileSchema), next: nextSchema }) },
      },
    },
  },
  problems: ['unknown-arrival'],
  async handle(call) {
    const { res, deps, query, holder, params } = call;
    const { table, ...rest } = query;
    await findArrival(call);
    if (table !== undefined) requireTable(holder!, table);
    const tables = table !== undefined ? [table] : (holder!.tables ?? undefined);
    const { entries, next } = await readPage(
      { res, self: `${arrivalPath(params.id)}/files`, query },
      (limit) => deps.arrivals.files(params.id, { ...rest, tables, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ files: entries.map(fileAnswer), next });
  },
});

const getFile = defineRoute({
  method: 'get',
  path: '/v1/arrivals/{id}/files/{file}',
  tag: TAG,
  summary: 'See one file of an arrival',
  scopes: ['read', 'write'],
  params: fileParams,
  responses: { '200': { description: 'The file', ...oneFile } },
  problems: ['unknown-arrival', 'unknown-arrival-file'],
  async handle(call) {
    call.res.json(fileAnswer(await findFile(call)));
  },
});

const retryFile = defineRoute({
  method: 'post',
  path: '/v1/arrivals/{id}/files/{file}/retry',
  tag: TAG,
  summary: 'Load a file once more that failed or was skipped',
  description: 'From where it is now, by the settings of today. A new load; the receipt is written anew.',
  scopes: ['write'],
  audit: 'arrival.retry',
  params: fileParams,
  query: z.strictObject({
    force: flag.optional().meta({ description: 'Also where the same content was loaded before' }),
  }),
  responses: { '202': { description: 'It is being loaded', ...oneFile } },
  problems: ['unknown-arrival', 'unknown-arrival-file', 'arrival-state', 'source-not-found'],
  async handle(call) {
    const { res, deps, params, query } = call;
    auditOf(res).target = `${params.id}:${params.file}`;
    await findFile(call);
    const file = await deps.arrivals.retry(params.id, params.file, query.force ?? false);
    res.status(202).json(fileAnswer(file));
  },
});

export const arrivalFileRoutes = [listFiles, getFile, retryFile];

type FileCall = Pick<
  Call<string, { readonly id: string; readonly file: number }, unknown>,
  'res' | 'deps' | 'params' | 'holder'
>;

/** @throws `unknown-arrival-file`, also when the key is limited to other tables */
async function findFile(call: FileCall): Promise<ArrivalFileView> {
  const { res, deps, params, holder } = call;
  await findArrival(call);
  const file = await deps.arrivals.file(params.id, params.file);
  if (holder!.tables !== null && (file.table === null || !mayUseTable(holder!, file.table))) {
    throw unknownFile(params.id, params.file);
  }
  if (file.table !== null) noteTable(res, file.table);
  return file;
}
