import { z } from 'zod';
import type { StartBackup } from '../../src/backups/backup-service.ts';
import { hasEnded } from '../../src/jobs/job.ts';
import { requireTable } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import { hasBody, readJson } from '../http/json-body.ts';
import { applyPreferences, MAX_WAIT_SECONDS, preferencesOf, preferredWait } from '../http/prefer.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { backupAnswer, backupPath, problemOfBackup } from './backup-answer.ts';
import { backupSchema, codecSchema } from './backup-schemas.ts';

const BODY_MAX_BYTES = 64 * 1024;

const optionsSchema = z.strictObject({
  codec: codecSchema.optional().meta({ description: 'zstandard when left out' }),
  encrypt: z
    .boolean()
    .optional()
    .meta({ description: 'With AES-256-GCM. When left out: whenever the platform has a key for it' }),
  pin: z.boolean().optional().meta({ description: 'Keep it until it is unpinned' }),
});
const bodySchema = optionsSchema.extend({
  tables: z
    .array(z.string())
    .min(1)
    .max(10_000)
    .optional()
    .meta({ description: 'When left out: every table that the key may use' }),
});

const headers = z.object({
  Location: z.string().meta({ description: 'The backup' }),
  'Preference-Applied': z.string().optional().meta({ description: 'The wait that was honoured' }),
});
const content = { 'application/json': { schema: backupSchema } };
const described = {
  method: 'post',
  tag: 'Backups',
  scopes: ['write'],
  audit: 'backup.start',
  headers: z.object({
    Prefer: z.string().optional().meta({ description: 'wait=N: wait up to N seconds', example: 'wait=30' }),
  }),
  responses: {
    '201': { description: 'Waited for: the backup is done', headers, content },
    '202': { description: 'The backup has started', headers, content },
  },
  problems: [
    'malformed-body',
    'body-too-large',
    'unknown-table',
    'backup-key-missing',
    'backup-value',
    'backup-cancelled',
    'backup-terminated',
    'storage-full',
    'storage-unavailable',
    'temporal-unavailable',
  ],
} as const;
const ABOUT =
  'All tables are as they were at one moment. Reading and batches go on; a load publishes its rows when the backup ' +
  `has ended. \`Prefer: wait=N\` (at most ${MAX_WAIT_SECONDS}) waits for the end; a backup that fails meanwhile is ` +
  'answered with a problem that has the backup as its member `backup`.';

const startBackup = defineRoute({
  ...described,
  path: '/v1/backups',
  summary: 'Back up tables',
  description: ABOUT,
  requestBody: { required: false, content: { 'application/json': { schema: bodySchema } } },
  async handle(call) {
    const { tables, pin, ...options } = await readBody(call, bodySchema);
    for (const table of tables ?? []) requireTable(call.holder!, table);
    await start(call, { ...options, tables: tables ?? call.holder!.tables, pinned: pin ?? false });
  },
});

const startTableBackup = defineRoute({
  ...described,
  path: '/v1/tables/{table}/backups',
  summary: 'Back up one table',
  description: ABOUT,
  requestBody: { required: false, content: { 'application/json': { schema: optionsSchema } } },
  async handle(call) {
    const { pin, ...options } = await readBody(call, optionsSchema);
    await start(call, { ...options, tables: [call.table.name], pinned: pin ?? false });
  },
});

type AnyCall = Pick<Call<string, unknown, unknown>, 'req' | 'res' | 'deps' | 'holder'>;

/** No body says nothing, as `{}` does. */
async function readBody<T>({ req, res }: AnyCall, schema: z.ZodType<T>): Promise<T> {
  return hasBody(req) ? readJson(req, res, schema, BODY_MAX_BYTES) : schema.parse({});
}

async function start(call: AnyCall, request: Omit<StartBackup, 'startedBy'>): Promise<void> {
  const { req, res, deps, holder } = call;
  let backup = await deps.backups.start({ ...request, startedBy: holder!.id });
  contextOf(res).workflowId = backup.workflowId;
  const waitSeconds = preferredWait(preferencesOf(req));
  if (waitSeconds !== null) {
    applyPreferences(res, [`wait=${waitSeconds}`]);
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    backup = await deps.backups.wait(backup.id, waitSeconds * 1000, gone.signal);
    if (backup.status === 'failed' || backup.status === 'cancelled') throw problemOfBackup(backup, deps);
  }
  res
    .status(hasEnded(backup) ? 201 : 202)
    .location(backupPath(backup.id))
    .json(backupAnswer(backup, deps));
}

export const startBackupRoutes = [startBackup, startTableBackup];
