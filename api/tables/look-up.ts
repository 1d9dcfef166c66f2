import { z } from 'zod';
import { keysOf } from '../../src/dictionary/unique-keys.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Table } from '../../src/types.ts';
import { requireJson } from '../http/content-type.ts';
import { readJson } from '../http/json-body.ts';
import { defineRoute } from '../http/route.ts';

/** As many keys as one question has, with room for long ones. */
const MOST_KEYS = 10_000;
const BODY_MAX_BYTES = 8 * 1024 * 1024;

const bodySchema = z.strictObject({
  fields: z
    .array(z.string())
    .min(1)
    .max(32)
    .meta({
      description: 'A key of the table: its primary key, a unique key or a unique field',
      example: ['id'],
    }),
  keys: z
    .array(z.array(z.string()).min(1).max(32))
    .min(1)
    .max(MOST_KEYS)
    .meta({
      description: 'Each as a file of the table would have it, a text for each field',
      example: [['1'], ['2'], ['99']],
    }),
});

export const lookUpRoute = defineRoute({
  method: 'post',
  path: '/v1/tables/{table}/look-up',
  tag: 'Tables',
  summary: 'Ask which of some keys a table has',
  description:
    'For finding out whether the values of a file would refer to the table. Nothing is changed; that it is a POST is for ' +
    'the number of keys.',
  scopes: ['read'],
  changesNothing: true,
  requestBody: { required: true, content: { 'application/json': { schema: bodySchema } } },
  responses: {
    '200': {
      description: 'Which keys are not there',
      content: {
        'application/json': {
          schema: z.object({
            asked: z.int().meta({ description: 'How many keys were asked for' }),
            missing: z
              .array(z.int())
              .meta({ description: 'Places in the list, from 0, of those that are not there', example: [2] }),
          }),
        },
      },
    },
  },
  problems: [
    'malformed-body',
    'body-too-large',
    'unsupported-media-type',
    'upload-incomplete',
    'table-locked',
    'table-slow',
    'table-broken',
  ],
  async handle({ req, res, deps, table }) {
    requireJson(req);
    const { fields, keys } = await readJson(req, res, bodySchema, BODY_MAX_BYTES);
    requireKey(table, fields);
    const short = keys.findIndex(({ length }) => length !== fields.length);
    if (short !== -1) {
      const detail = `expected ${fields.length} texts, as many as there are fields, received ${keys[short]!.length}`;
      throw invalid({ detail, pointer: `#/keys/${short}` });
    }
    const there = await deps.keyLookups.lookUp(table, fields, keys);
    res.json({ asked: keys.length, missing: there.flatMap((isThere, at) => (isThere ? [] : [at])) });
  },
});

function requireKey(table: Table, fields: readonly string[]): void {
  const keys = keysOf(table).map((key) => key.fields);
  if (keys.some((key) => key.length === fields.length && key.every((name) => fields.includes(name)))) return;
  const known = keys.map((key) => key.join(', ')).join('; ') || 'none';
  throw invalid({ detail: `expected a key of ${table.name} (${known})`, pointer: '#/fields' });
}

function invalid(place: { readonly detail: string; readonly pointer: string }): LongshoreError {
  return new LongshoreError('invalid-request', 'the body does not have the expected form', {
    places: [place],
  });
}
