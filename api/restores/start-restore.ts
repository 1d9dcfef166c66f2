import { z } from 'zod';
import { unknownBackup } from '../../src/backups/backups.ts';
import { type ErrorCode, LongshoreError } from '../../src/errors.ts';
import { MAX_KEYS } from '../../src/restores/create-restore.ts';
import type { RestoreTarget, RestoreView } from '../../src/restores/restore.ts';
import { findBackup } from '../backups/backup-answer.ts';
import { backupParams } from '../backups/backup-schemas.ts';
import { aboutWaiting, answerStarted, startedHeaders, waitHeader } from '../http/answer-job.ts';
import { auditOf } from '../http/audited.ts';
import { requireScope } from '../http/auth.ts';
import { hasBody, readJson } from '../http/json-body.ts';
import { moment } from '../http/parameters.ts';
import { type Call, defineRoute, type FormerTablesCall, TABLE_PARAM } from '../http/route.ts';
import { restoreResource } from './restore-answer.ts';
import { restoreSchema } from './restore-schemas.ts';

/** Of the action in the audit log: the backup was one that nobody vouches for. */
const UNVERIFIED = 'unverified';

const BODY_MAX_BYTES = 4 * 1024 * 1024;
const KEY_MAX = 10_000;

const common = {
  dryRun: z.boolean().optional().meta({ description: 'Change nothing: say what the restore would change' }),
  safety: z.boolean().optional().meta({
    description: 'Back up first what the restore replaces, so that it can be undone; true when left out',
  }),
  compare: z.boolean().optional().meta({
    description:
      'Count the rows that are added, removed and changed, which takes longer; dry runs and restores of single keys always do',
  }),
  acceptBrokenRows: z.boolean().optional().meta({
    description:
      'Take rows that break rules of the dictionary as the backup has them, where PostgreSQL takes them, instead of refusing',
  }),
};
const acceptUnverified = z.boolean().optional().meta({
  description:
    'Take the backup even when it is unverified, and nobody vouches for its rows. Only with a key of scope `admin`, and not with `latest`',
});
const tableBodySchema = z.strictObject({
  backup: z.string().max(64).meta({
    description:
      '`latest` (the newest that holds the table, can be read here and is no safety backup) or an ID',
    example: 'latest',
  }),
  as: z.string().min(1).max(63).optional().meta({
    description: 'Restore under this name in the schema `longshore_copies`; the table stays as it is',
    example: 'jobs_may',
  }),
  keys: z
    .array(z.array(z.string().max(KEY_MAX)).min(1).max(100))
    .min(1)
    // Looked at before the keys themselves: a million faults would keep the process busy for seconds.
    .max(MAX_KEYS)
    .optional()
    .meta({
      description:
        `Restore only the rows with these primary keys, at most ${MAX_KEYS}; each is the texts of the key’s fields, ` +
        'in order',
      example: [['17'], ['18']],
    }),
  before: moment.optional().meta({
    description:
      'With `latest`: the newest of the snapshots up to this moment, such as one before an accident',
    example: '2026-11-21T11:00:00Z',
  }),
  ...common,
  acceptUnverified,
});
const backupBodySchema = z.strictObject({
  tables: z
    .array(z.string())
    .min(1)
    .max(10_000)
    .optional()
    .meta({ description: 'When left out: every table of the backup' }),
  ...common,
  acceptUnverified,
});
const verifyBodySchema = z.strictObject({ acceptUnverified });

const headers = startedHeaders('restore');
const content = { 'application/json': { schema: restoreSchema } };
const problems: readonly ErrorCode[] = [
  'malformed-body',
  'body-too-large',
  'unknown-table',
  'table-broken',
  'unknown-backup',
  'backup-state',
  'backup-unverified',
  'backup-damaged',
  'backup-key-missing',
  'restore-mismatch',
  'restore-state',
  'restore-cancelled',
  'restore-terminated',
  'reference-broken',
  'database-full',
  'storage-full',
  'storage-unavailable',
  'temporal-unavailable',
];
const described = {
  method: 'post',
  tag: 'Restores',
  scopes: ['write'],
  headers: waitHeader,
  responses: {
    '201': { description: 'Waited for: it is done', headers, content },
    '202': { description: 'It has started', headers, content },
  },
} as const;
const ABOUT =
  'All tables are replaced in one transaction, or none. Readers see them as they were until then; batches and loads ' +
  'of these tables wait and go in afterwards. Only with a key of scope `admin`, but for a dry run and a restore ' +
  `under another name. ${aboutWaiting('restore')}`;

const restoreTable = defineRoute({
  ...described,
  path: '/v1/tables/{table}/restore',
  formerTables: true,
  params: TABLE_PARAM,
  audit: 'table.restore',
  auditVariants: [UNVERIFIED],
  summary: 'Bring a table back from a backup',
  description: `${ABOUT} A table that left the dictionary can only be restored under another name.`,
  requestBody: { required: true, content: { 'application/json': { schema: tableBodySchema } } },
  problems,
  async handle(call) {
    const { req, res, deps, holder, params } = call;
    const { table } = params;
    const body = await readJson(req, res, tableBodySchema, BODY_MAX_BYTES);
    const { as = null, keys = null, dryRun = false } = body;
    if ((!dryRun && as === null) || body.acceptUnverified) requireScope(holder!, ['admin']);
    if (body.before !== undefined && body.backup !== 'latest') {
      throw new LongshoreError(
        'restore-state',
        '`before` chooses the latest backup of a table: it does not go with the ID of one',
      );
    }
    const { backupId, skipped } =
      body.backup === 'latest'
        ? await deps.restores.latestOf(table, body.before)
        : { backupId: body.backup, skipped: [] };
    if (holder!.tables !== null) await requireTableIn(call, backupId);
    const { safety, compare, acceptBrokenRows } = body;
    const target = targetOf({ as, keys, safety, compare, acceptBrokenRows });
    const kind = dryRun ? 'dry-run' : 'restore';
    const started = await deps.restores.start({
      ...{ kind, backupId, tables: [table], target, skipped },
      acceptUnverified: body.backup !== 'latest' && (body.acceptUnverified ?? false),
      startedBy: holder!.id,
    });
    await answer(call, started);
  },
});

const restoreBackup = defineRoute({
  ...described,
  path: '/v1/backups/{id}/restore',
  audit: 'backup.restore',
  auditVariants: [UNVERIFIED],
  params: backupParams,
  summary: 'Bring tables back from a backup',
  description: ABOUT,
  requestBody: { required: false, content: { 'application/json': { schema: backupBodySchema } } },
  problems,
  async handle(call) {
    const { req, res, deps, holder } = call;
    const body = hasBody(req) ? await readJson(req, res, backupBodySchema, BODY_MAX_BYTES) : {};
    const { tables = null, dryRun = false, safety, compare, acceptBrokenRows } = body;
    const { acceptUnverified: accept = false } = body;
    if (!dryRun || accept) requireScope(holder!, ['admin']);
    const { id: backupId } = await findBackup(call);
    const kind = dryRun ? 'dry-run' : 'restore';
    const target = targetOf({ as: null, keys: null, safety, compare, acceptBrokenRows });
    const started = await deps.restores.start({
      ...{ kind, backupId, tables, target, skipped: [] },
      acceptUnverified: accept,
      startedBy: holder!.id,
    });
    await answer(call, started);
  },
});

const verifyBackup = defineRoute({
  ...described,
  path: '/v1/backups/{id}/verify',
  audit: 'backup.verify',
  auditVariants: [UNVERIFIED],
  params: backupParams,
  summary: 'Prove a backup good',
  description:
    'A drill: reads every file of the backup, restores it into tables of its own, builds their keys and references, ' +
    'compares rows and checksums with those of the backup, and drops it all. What it found is the member ' +
    '`verification` of the backup.',
  requestBody: { required: false, content: { 'application/json': { schema: verifyBodySchema } } },
  problems,
  async handle(call) {
    const { req, res, deps, holder } = call;
    const body = hasBody(req) ? await readJson(req, res, verifyBodySchema, BODY_MAX_BYTES) : {};
    const { id: backupId } = await findBackup(call);
    const { acceptUnverified: accept = false } = body;
    if (accept) requireScope(holder!, ['admin']);
    await answer(
      call,
      await deps.restores.verify({ backupId, acceptUnverified: accept, startedBy: holder!.id }),
    );
  },
});

/**
 * For a key that is limited to tables another table's backup does not exist.
 * @throws LongshoreError `unknown-backup`
 */
async function requireTableIn(
  { deps, params }: Pick<FormerTablesCall<unknown>, 'deps' | 'params'>,
  backupId: string,
): Promise<void> {
  const { tables } = await deps.backups.get(backupId);
  if (!tables.some(({ table }) => table === params.table)) throw unknownBackup(backupId);
}

function targetOf({
  as,
  keys,
  safety = true,
  compare = false,
  acceptBrokenRows = false,
}: Omit<RestoreTarget, 'safety'> & { readonly safety?: boolean }): RestoreTarget {
  return { as, keys, safety: as === null && safety, compare, ...(acceptBrokenRows && { acceptBrokenRows }) };
}

type AnyCall = Pick<Call<string, unknown, unknown>, 'req' | 'res' | 'deps'>;

async function answer(call: AnyCall, started: RestoreView): Promise<void> {
  if (started.target.acceptUnverified) auditOf(call.res).variant = UNVERIFIED;
  await answerStarted(call, restoreResource, call.deps.restores, started);
}

export const startRestoreRoutes = [restoreTable, restoreBackup, verifyBackup];
