import { z } from 'zod';
import { findBackup } from '../backups/backup-answer.ts';
import { backupParams } from '../backups/backup-schemas.ts';
import { requireTable } from '../http/auth.ts';
import { cursorParameter, decodeCursor, encodeCursor } from '../http/cursor.ts';
import { goneSignal } from '../http/gone.ts';
import { linkNext } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { MAX_WAIT_SECONDS } from '../http/prefer.ts';
import { defineRoute } from '../http/route.ts';
import { count, nextSchema } from '../http/schemas.ts';
import { changeSchema } from './restore-schemas.ts';

const value = z.string().nullable();
const names = z.array(z.string());
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
    fields: z
      .object({
        left: names.meta({ description: 'The backup has them, and the dictionary does not any more' }),
        added: names.meta({ description: 'They are new: null in the backup' }),
        retyped: names.meta({ description: 'They have another type now' }),
      })
      .meta({ description: 'Fields not in common; those that left or have another type are not compared' }),
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
    const after = query.after === undefined ? null : decodeCursor(query.after);
    const page = { after, limit: query.limit };
    const { counts, between, differences, more } = await deps.restores.diff({
      backupId,
      table: query.table,
      page,
      waitMs: MAX_WAIT_SECONDS * 1000,
      signal: goneSignal(res),
    });
    const self = `/v1/backups/${encodeURIComponent(backupId)}/diff`;
    const nextQuery = more ? { ...query, after: encodeCursor(differences.at(-1)!.key) } : null;
    const next = linkNext(res, self, nextQuery);
    const same = counts.rowsInBackup - (counts.added ?? 0) - (counts.changed ?? 0);
    res.json({ backupId, counts, same, fields: between, differences, next });
  },
});
