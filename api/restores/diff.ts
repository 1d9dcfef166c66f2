import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';
import type { Table } from '../../src/types.ts';
import { findBackup } from '../backups/backup-answer.ts';
import { backupParams } from '../backups/backup-schemas.ts';
import { requireTable } from '../http/auth.ts';
import { cursorParameter, decodeCursor, encodeCursor, noCursor } from '../http/cursor.ts';
import { goneSignal } from '../http/gone.ts';
import { linkNext } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { MAX_WAIT_SECONDS } from '../http/prefer.ts';
import { defineRoute } from '../http/route.ts';
import { count, nextSchema } from '../http/schemas.ts';
import { changeSchema } from './restore-schemas.ts';

const value = z.string().nullable();
const differenceSchema = z
  .object({
    key: z.array(z.string()).meta({ description: "Texts of the primary key's fields" }),
    kind: z.enum(['added', 'removed', 'changed']).meta({
      description: 'What a restore would do: added is in the backup only, removed in the table only',
    }),
    fields: z.record(z.string(), z.object({ backup: value, now: value })).meta({
      description: 'Of a changed row the fields that differ, else all; values as texts',
    }),
  })
  .meta({ id: 'Difference' });

const diffSchema = z
  .object({
    backupId: z.string(),
    counts: changeSchema.meta({ description: 'Of the whole table, when the comparison began' }),
    same: count.meta({ description: 'Rows that are the same in both' }),
    differences: z.array(differenceSchema).meta({ description: 'In the order of the keys' }),
    next: nextSchema,
  })
  .meta({ id: 'BackupDiff' });

export const diffRoute = defineRoute({
  method: 'get',
  path: '/v1/backups/{id}/diff',
  tag: 'Backups',
  summary: 'Compare a backup with a table, row by row',
  description:
    'The backup is read into a table of its own first, which is kept for some minutes for the next pages; the table is ' +
    'read as it is now. A large backup may take longer than a request may: the answer is then `diff-not-ready`, to be ' +
    'asked again. Without a primary key there are only counts.',
  scopes: ['read'],
  params: backupParams,
  query: z.strictObject({
    table: z.string().meta({ description: 'The table' }),
    limit: pageLimit(100, 1000),
    after: cursorParameter,
  }),
  responses: {
    '200': {
      description: 'A page of differences',
      content: { 'application/json': { schema: diffSchema } },
    },
  },
  problems: [
    'unknown-backup',
    'unknown-table',
    'backup-state',
    'backup-damaged',
    'backup-key-missing',
    'restore-mismatch',
    'diff-not-ready',
    'storage-unavailable',
    'temporal-unavailable',
  ],
  async handle(call) {
    const { res, deps, query, holder } = call;
    requireTable(holder!, query.table);
    const { id: backupId } = await findBackup(call);
    const table = deps.dictionary.tables.find(({ name }) => name === query.table);
    if (!table)
      throw new LongshoreError('unknown-table', `the dictionary has no table ${JSON.stringify(query.table)}`);
    const after = query.after === undefined ? null : keyOf(query.after, table);
    const page = { after, limit: query.limit };
    const { counts, differences, more } = await deps.restores.diff({
      backupId,
      table,
      page,
      waitMs: MAX_WAIT_SECONDS * 1000,
      signal: goneSignal(res),
    });
    const self = `/v1/backups/${encodeURIComponent(backupId)}/diff`;
    const nextQuery = more ? { ...query, after: encodeCursor(differences.at(-1)!.key) } : null;
    const next = linkNext(res, self, nextQuery);
    const same = counts.rowsInBackup - (counts.added ?? 0) - (counts.changed ?? 0);
    res.json({ backupId, counts, same, differences, next });
  },
});

/** @throws LongshoreError `invalid-request` for what is no cursor of this table */
function keyOf(cursor: string, { primaryKey }: Table): readonly string[] {
  const key = decodeCursor(cursor);
  if (key.length !== primaryKey.length) throw noCursor();
  return key;
}
