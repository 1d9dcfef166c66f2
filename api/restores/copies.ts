import { z } from 'zod';
import type { CopyView } from '../../src/restores/copies.ts';
import { backupPath } from '../backups/backup-answer.ts';
import { auditOf, noteTable } from '../http/audited.ts';
import { readPage } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { count, instant, nextSchema, path } from '../http/schemas.ts';
import { restorePath } from './restore-answer.ts';

const tag = 'Restores';
const nameOf = z.string().regex(/^\w{1,63}$/, 'expected the name of a copy');

const copyView = z.object({
  name: z.string(),
  table: z.string().meta({ description: 'That it is a copy of' }),
  schema: z.string().meta({ description: "PostgreSQL's schema that it is in" }),
  backupId: z.string(),
  restoreId: z.int().meta({ description: 'The restore that made it' }),
  rows: count.meta({ description: 'When it was made' }),
  bytes: count.meta({ description: 'On disk, with its indexes' }),
  createdBy: z.string().meta({ description: 'ID of the key that asked for it' }),
  createdAt: instant,
});
copyView satisfies z.ZodType<CopyView>;
const copySchema = copyView
  .extend({ links: z.object({ self: path, backup: path, restore: path }) })
  .meta({ id: 'Copy' });

const listCopies = defineRoute({
  method: 'get',
  path: '/v1/copies',
  tag,
  summary: 'List the tables that were restored under another name',
  description: 'In the order of their names. A key that is limited to some tables sees the copies of those.',
  scopes: ['read', 'write'],
  query: z.strictObject({
    limit: pageLimit(100, 500),
    after: nameOf.optional().meta({ description: 'Only those whose names come later' }),
  }),
  responses: {
    '200': {
      description: 'A page of copies',
      content: {
        'application/json': { schema: z.object({ copies: z.array(copySchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { entries, next } = await readPage(
      { res, self: '/v1/copies', query },
      (limit) => deps.restores.copies({ ...query, within: holder!.tables ?? undefined, limit }),
      ({ name }) => ({ after: name }),
    );
    res.json({ copies: entries.map(copyAnswer), next });
  },
});

function copyAnswer(copy: CopyView): z.infer<typeof copySchema> {
  const links = {
    self: `/v1/copies/${copy.name}`,
    backup: backupPath(copy.backupId),
    restore: restorePath(copy.restoreId),
  };
  return { ...copy, links };
}

const deleteCopy = defineRoute({
  method: 'delete',
  path: '/v1/copies/{name}',
  tag,
  summary: 'Delete a table that was restored under another name',
  description: 'Its rows are gone; the table that it is a copy of, and the backup, stay as they are.',
  scopes: ['write'],
  audit: 'copy.delete',
  params: z.strictObject({ name: nameOf.meta({ description: "A copy's name", example: 'jobs_may' }) }),
  responses: { '204': { description: 'It is deleted' } },
  problems: ['unknown-copy', 'copy-state'],
  async handle({ res, deps, params, holder }) {
    auditOf(res).target = params.name;
    noteTable(res, await deps.restores.deleteCopy(params.name, holder!.tables ?? undefined));
    res.status(204).end();
  },
});

export const copyRoutes = [listCopies, deleteCopy];
