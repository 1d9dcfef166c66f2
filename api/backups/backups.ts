import { z } from 'zod';
import type { ErrorCode } from '../../src/errors.ts';
import { auditOf } from '../http/audited.ts';
import { requireTable } from '../http/auth.ts';
import { hasBody, readJson } from '../http/json-body.ts';
import { readPage } from '../http/page.ts';
import { flag, pageLimit } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { backupAnswer, backupSummaryAnswer, findBackup } from './backup-answer.ts';
import {
  backupParams,
  backupPurposeSchema,
  backupSchema,
  backupStatusSchema,
  backupSummarySchema,
} from './backup-schemas.ts';

const tag = 'Backups';
const content = { 'application/json': { schema: backupSchema } };

const listQuery = z.strictObject({
  table: z.string().optional().meta({ description: 'Only backups that hold this table' }),
  status: backupStatusSchema.optional(),
  purpose: backupPurposeSchema.optional(),
  schedule: z.string().max(200).optional().meta({ description: 'Only backups that this schedule made' }),
  limit: pageLimit(50, 500),
  before: z.string().max(64).optional().meta({ description: 'Only those after this one in the list' }),
});

const listBackups = defineRoute({
  method: 'get',
  path: '/v1/backups',
  tag,
  summary: 'List backups, newest first',
  description:
    'Without their parts, and with the first 20 of their tables: GET of a backup has them all. A key that is limited to ' +
    'some tables sees the backups that hold no others.',
  scopes: ['read', 'write'],
  query: listQuery,
  responses: {
    '200': {
      description: 'A page of backups',
      content: {
        'application/json': { schema: z.object({ backups: z.array(backupSummarySchema), next: nextSchema }) },
      },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { schedule: scheduleId, ...rest } = query;
    if (rest.table !== undefined) requireTable(holder!, rest.table);
    const within = holder!.tables ?? undefined;
    const { entries, next } = await readPage(
      { res, self: '/v1/backups', query },
      (limit) => deps.backups.list({ ...rest, within, scheduleId, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ backups: entries.map((backup) => backupSummaryAnswer(backup, deps)), next });
  },
});

const getBackup = defineRoute({
  method: 'get',
  path: '/v1/backups/{id}',
  tag,
  summary: 'See how a backup is doing, or what it holds',
  scopes: ['read', 'write'],
  params: backupParams,
  responses: { '200': { description: 'The backup', content } },
  problems: ['unknown-backup'],
  async handle(call) {
    call.res.json(backupAnswer(await findBackup(call), call.deps));
  },
});

const deleteBackup = defineRoute({
  method: 'delete',
  path: '/v1/backups/{id}',
  tag,
  summary: 'Delete a backup',
  description:
    'Its files are gone; its entry stays, as `deleted`. Refused while it runs, is pinned or is in use by a restore.',
  scopes: ['admin'],
  audit: 'backup.delete',
  params: backupParams,
  query: z.strictObject({
    force: flag
      .optional()
      .meta({ description: 'Delete it even when it is the last good backup of one of its tables' }),
  }),
  responses: { '200': { description: 'Deleted', content } },
  problems: ['unknown-backup', 'backup-state', 'storage-unavailable'],
  async handle(call) {
    const { id } = await findBackup(call);
    const deleted = await call.deps.backups.remove(id, { force: call.query.force ?? false });
    call.res.json(backupAnswer(deleted, call.deps));
  },
});

const BODY_MAX_BYTES = 64 * 1024;
const adoptBodySchema = z.strictObject({
  ids: z.array(z.string().max(64)).min(1).max(1000).optional().meta({
    description: 'When left out: all that are unverified for nothing but the lack of a key (`no-key`)',
  }),
});

const adoptBackups = defineRoute({
  method: 'post',
  path: '/v1/backups/adopt',
  tag,
  summary: 'Take unverified backups on your word',
  description:
    'Looks at the storage, then makes these backups known, as if they had been made here. Refused for those that ' +
    'something speaks against: edited, emptied, moved, of the future, or with a MAC that does not agree.',
  scopes: ['admin'],
  audit: 'backup.adopt',
  requestBody: { required: false, content: { 'application/json': { schema: adoptBodySchema } } },
  responses: {
    '200': {
      description: 'What became of each',
      content: {
        'application/json': {
          schema: z.object({
            adopted: z.array(z.string()).meta({ description: 'Also those that were known already' }),
            refused: z.array(z.object({ id: z.string(), detail: z.string() })),
          }),
        },
      },
    },
  },
  problems: ['malformed-body', 'body-too-large', 'storage-unavailable'],
  async handle({ req, res, deps, holder }) {
    const body = hasBody(req) ? await readJson(req, res, adoptBodySchema, BODY_MAX_BYTES) : {};
    const trail = auditOf(res);
    const audit = (id: string) => trail.entry(id, 200);
    const done = await deps.backups.adopt({ ids: body.ids ?? null, adoptedBy: holder!.id, audit });
    // Each adopted backup has its own audit entry, written with the change.
    trail.written = done.adopted.length > 0 && done.refused.length === 0;
    for (const id of done.adopted)
      deps.log.warn({ backupId: id, keyId: holder!.id }, `Backup ${id} was adopted`);
    res.json(done);
  },
});

const CONTROLS = {
  pin: {
    summary: 'Pin a backup',
    description: 'Nothing deletes it until it is unpinned.',
    scopes: ['write'],
  },
  unpin: {
    summary: 'Unpin a backup',
    description: 'Retention and DELETE may take it again.',
    scopes: ['admin'],
  },
  cancel: { summary: 'Cancel a running backup', description: 'Nothing of it is kept.', scopes: ['write'] },
} as const;

function controlRoute(action: keyof typeof CONTROLS) {
  const cancelling = action === 'cancel';
  const problems: readonly ErrorCode[] = ['unknown-backup', 'backup-state'];
  return defineRoute({
    ...CONTROLS[action],
    method: 'post',
    path: `/v1/backups/{id}/${action}`,
    tag,
    audit: `backup.${action}`,
    params: backupParams,
    responses: cancelling
      ? { '202': { description: 'Asked for; the backup follows', content } }
      : { '200': { description: 'The backup', content } },
    problems: cancelling ? [...problems, 'temporal-unavailable'] : problems,
    async handle(call) {
      const { id } = await findBackup(call);
      const { backups } = call.deps;
      const backup = cancelling ? await backups.cancel(id) : await backups.setPinned(id, action === 'pin');
      call.res.status(cancelling ? 202 : 200).json(backupAnswer(backup, call.deps));
    },
  });
}

export const backupRoutes = [
  listBackups,
  adoptBackups,
  getBackup,
  deleteBackup,
  controlRoute('pin'),
  controlRoute('unpin'),
  controlRoute('cancel'),
];
