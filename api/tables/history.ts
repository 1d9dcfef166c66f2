import { z } from 'zod';
import type { VersionView } from '../../src/dictionary/dictionary-history.ts';
import { DICTIONARY_BASES, DICTIONARY_CHANGES } from '../../src/dictionary/dictionary-kinds.ts';
import { mayUseTable } from '../http/auth.ts';
import { readPage } from '../http/page.ts';
import { pageLimit, wholeNumber } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { instant, nextSchema } from '../http/schemas.ts';

const tables = z.array(z.string());

const versionSchema = z
  .object({
    no: z.int().min(1).meta({ description: 'Counts versions from 1' }),
    version: z.string().meta({ description: 'As `GET /v1/dictionary` shows it' }),
    at: instant,
    change: z.enum(DICTIONARY_CHANGES).meta({
      description:
        'What made it: a start of the platform, `POST /v1/tables`, the removal of a table, or its return',
    }),
    changedBy: z.string().meta({ description: 'ID of the key, or `start`' }),
    base: z.enum(DICTIONARY_BASES).meta({
      description: 'What the last start before it had: the file of `LONGSHORE_DICTIONARY`, or the sample',
    }),
    added: tables,
    removed: tables,
    changed: tables.meta({ description: 'Tables of another definition than before' }),
  })
  .meta({ id: 'DictionaryVersion' });
versionSchema satisfies z.ZodType<VersionView>;

export const historyRoute = defineRoute({
  method: 'get',
  path: '/v1/dictionary/history',
  tag: 'Tables',
  summary: 'List the versions of the dictionary',
  description:
    'The newest first, each with what came, left and changed. A key that is limited sees its tables.',
  scopes: ['read', 'write'],
  query: z.strictObject({
    limit: pageLimit(50, 500),
    before: wholeNumber(1, 2_147_483_647)
      .optional()
      .meta({ description: 'Only versions with a smaller number' }),
  }),
  responses: {
    '200': {
      description: 'A page of the versions',
      content: {
        'application/json': { schema: z.object({ versions: z.array(versionSchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { entries, next } = await readPage(
      { res, self: '/v1/dictionary/history', query },
      (limit) => deps.changes.history({ ...query, limit }),
      ({ no }) => ({ before: no }),
    );
    const visible = (names: readonly string[]) => names.filter((name) => mayUseTable(holder!, name));
    const versions = entries.map((entry) => ({
      ...entry,
      added: visible(entry.added),
      removed: visible(entry.removed),
      changed: visible(entry.changed),
    }));
    res.json({ versions, next });
  },
});
