import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';
import type { ApiKeyView } from '../../src/keys/key-rows.ts';
import { quoted } from '../../src/shorten.ts';
import type { Dictionary } from '../../src/types.ts';
import { auditOf } from '../http/audited.ts';
import { requireJson } from '../http/content-type.ts';
import { readJson } from '../http/json-body.ts';
import { readPage } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { instant, nextSchema } from '../http/schemas.ts';

const BODY_MAX_BYTES = 64 * 1024;
const MAX_RATE = 1_000_000;

const scope = z
  .enum(['read', 'write', 'admin'])
  .meta({ id: 'Scope', description: 'admin includes the others' });
const keyId = z
  .string()
  .regex(/^[0-9a-z]{1,64}$/, 'expected the ID of a key')
  .meta({ description: "A key's ID", example: '0123456789ab' });
const rate = z
  .strictObject({
    perSecond: z.int().min(1).max(MAX_RATE).meta({ description: 'Requests a second in the long run' }),
    burst: z.int().min(1).max(MAX_RATE).meta({ description: 'Requests at once after a pause' }),
  })
  .meta({ id: 'Rate' });

const newKeySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[^\p{C}]{1,100}$/u, 'expected 1 to 100 characters, none of them a control character')
    .meta({ description: 'What people know it by', example: 'nightly loader', override: { type: 'string' } }),
  scopes: z.array(scope).min(1).max(3),
  tables: z
    .array(z.string().min(1))
    .min(1)
    .nullable()
    .optional()
    .meta({ description: 'Limits the key to these tables; left out or null: every table' }),
  rate: rate
    .nullable()
    .optional()
    .meta({ description: 'Left out or null: LONGSHORE_RATE and LONGSHORE_BURST' }),
});

const keyView = z.object({
  id: keyId,
  name: z.string(),
  scopes: z.array(scope),
  tables: z.array(z.string()).nullable().meta({ description: 'null: every table' }),
  rate: rate.nullable().meta({ description: 'null: the configured one' }),
  createdAt: instant,
  createdBy: keyId.nullable().meta({ description: 'The key that asked for it; null: the platform itself' }),
  lastUsedAt: instant.nullable().meta({ description: 'About a minute exact' }),
  revokedAt: instant.nullable(),
});
keyView satisfies z.ZodType<ApiKeyView>;
const keySchema = keyView.meta({ id: 'Key' });
const createdKeySchema = keyView
  .extend({ key: z.string().meta({ description: "The key's text, shown this once" }) })
  .meta({ id: 'CreatedKey' });

const createKey = defineRoute({
  method: 'post',
  path: '/v1/keys',
  tag: 'Keys',
  summary: 'Make a key',
  description: 'The answer holds its text, which is stored nowhere and can not be shown again.',
  scopes: ['admin'],
  audit: 'key.create',
  requestBody: { required: true, content: { 'application/json': { schema: newKeySchema } } },
  responses: {
    '201': {
      description: 'The key',
      headers: z.object({ Location: z.string().meta({ description: 'The key' }) }),
      content: { 'application/json': { schema: createdKeySchema } },
    },
  },
  problems: ['malformed-body', 'body-too-large', 'unsupported-media-type', 'upload-incomplete'],
  async handle({ req, res, deps, holder }) {
    requireJson(req);
    const wanted = await readJson(req, res, newKeySchema, BODY_MAX_BYTES);
    const tables = wanted.tables ?? null;
    checkTables(tables, wanted.scopes.includes('admin'), await deps.dictionary.look());
    const trail = auditOf(res);
    const { text, key } = await deps.keyService.create(
      {
        name: wanted.name,
        scopes: [...new Set(wanted.scopes)],
        tables: tables === null ? null : [...new Set(tables)],
        rate: wanted.rate ?? null,
        createdBy: holder!.id,
      },
      (id) => trail.entry(id, 201),
    );
    trail.written = true;
    res
      .status(201)
      .location(`/v1/keys/${key.id}`)
      .json({ ...key, key: text });
  },
});

const listKeys = defineRoute({
  method: 'get',
  path: '/v1/keys',
  tag: 'Keys',
  summary: 'List keys, newest first, revoked ones included',
  scopes: ['admin'],
  query: z.strictObject({
    limit: pageLimit(50, 500),
    before: keyId.optional().meta({ description: 'Only keys that are older than this one' }),
  }),
  responses: {
    '200': {
      description: 'A page of keys',
      content: { 'application/json': { schema: z.object({ keys: z.array(keySchema), next: nextSchema }) } },
    },
  },
  async handle({ res, deps, query }) {
    const { entries: keys, next } = await readPage(
      { res, self: '/v1/keys', query },
      (limit) => deps.keyService.list({ ...query, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ keys, next });
  },
});

const getKey = defineRoute({
  method: 'get',
  path: '/v1/keys/{id}',
  tag: 'Keys',
  summary: 'See what a key may do, and when it was last used',
  scopes: ['admin'],
  params: z.strictObject({ id: keyId }),
  responses: { '200': { description: 'The key', content: { 'application/json': { schema: keySchema } } } },
  problems: ['unknown-key'],
  async handle({ res, deps, params }) {
    const key = await deps.keyService.get(params.id);
    if (key === null) throw new LongshoreError('unknown-key', `there is no key ${JSON.stringify(params.id)}`);
    res.json(key);
  },
});

const revokeKey = defineRoute({
  method: 'delete',
  path: '/v1/keys/{id}',
  tag: 'Keys',
  summary: 'Revoke a key and its tokens',
  description:
    'At once in the process that answers, within 10 seconds in any other. A key that is revoked stays so and is ' +
    'still listed. The last admin key, and the one that LONGSHORE_ADMIN_KEY sets, can not be revoked.',
  scopes: ['admin'],
  audit: 'key.revoke',
  params: z.strictObject({ id: keyId }),
  responses: { '204': { description: 'It is revoked, now or before' } },
  problems: ['unknown-key', 'key-protected'],
  async handle({ res, deps, params }) {
    const trail = auditOf(res);
    await deps.keyService.revoke(params.id, trail.entry(params.id, 204));
    trail.written = true;
    res.status(204).end();
  },
});

export const keyRoutes = [createKey, listKeys, getKey, revokeKey];

function checkTables(tables: readonly string[] | null, admin: boolean, dictionary: Dictionary): void {
  if (tables === null) return;
  // An admin key could create another key for itself without the limit.
  if (admin)
    throw wrongTables([{ detail: 'an admin key can not be limited to tables', pointer: '#/tables' }]);
  const places = tables.flatMap((name, index) =>
    dictionary.tables.some((table) => table.name === name)
      ? []
      : [{ detail: `the dictionary has no table ${quoted(name)}`, pointer: `#/tables/${index}` }],
  );
  if (places.length > 0) throw wrongTables(places);
}

function wrongTables(
  places: readonly { readonly detail: string; readonly pointer: string }[],
): LongshoreError {
  return new LongshoreError('invalid-request', places.map(({ detail }) => detail).join('; '), { places });
}
