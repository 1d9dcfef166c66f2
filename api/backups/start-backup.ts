import { z } from 'zod';
import { DEFAULT_CODEC } from '../../src/avro/codec.ts';
import type { StartBackup } from '../../src/backups/backup-service.ts';
import { aboutWaiting, answerStarted, startedHeaders, waitHeader } from '../http/answer-job.ts';
import { requireTable } from '../http/auth.ts';
import { hasBody, readJson } from '../http/json-body.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { backupResource } from './backup-answer.ts';
import { backupSchema, codecSchema } from './backup-schemas.ts';

const BODY_MAX_BYTES = 64 * 1024;

const optionsSchema = z.strictObject({
  codec: codecSchema.optional().meta({ description: `${DEFAULT_CODEC} when left out` }),
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

const headers = startedHeaders('backup');
const content = { 'application/json': { schema: backupSchema } };
const described = {
  method: 'post',
  tag: 'Backups',
  scopes: ['write'],
  audit: 'backup.start',
  headers: waitHeader,
  responses: {
    '201': { description: 'Waited for: the backup is done', headers, content },
    '202': { description: 'The backup has started', headers, content },
  },
  problems: [
    'malformed-body',
    'body-too-large',
    'unknown-table',
    'table-broken',
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
  `has ended. ${aboutWaiting('backup')}`;

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

/** Reads the body; none is the same as `{}`. */
async function readBody<T>({ req, res }: AnyCall, schema: z.ZodType<T>): Promise<T> {
  return hasBody(req) ? readJson(req, res, schema, BODY_MAX_BYTES) : schema.parse({});
}

async function start(call: AnyCall, request: Omit<StartBackup, 'startedBy'>): Promise<void> {
  const { deps, holder } = call;
  const backup = await deps.backups.start({ ...request, startedBy: holder!.id });
  await answerStarted(call, backupResource, deps.backups, backup);
}

export const startBackupRoutes = [startBackup, startTableBackup];
