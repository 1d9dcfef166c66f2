import { z } from 'zod';
import { TOKEN_SECONDS } from '../../src/keys/tokens.ts';
import { auditOf } from '../http/audited.ts';
import { defineRoute } from '../http/route.ts';

/** RFC 6749, 5.1. */
const tokenSchema = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.literal(TOKEN_SECONDS).meta({ description: 'Seconds' }),
    scope: z.string().meta({ description: "The key's scopes, with spaces between" }),
  })
  .meta({ id: 'Token' });

export const tokenRoute = defineRoute({
  method: 'post',
  path: '/v1/tokens',
  tag: 'Keys',
  summary: 'Get a token that stands for a key for half an hour',
  description:
    "Send the key's ID as the user and its secret (what follows the last underscore that ends the ID), or its whole " +
    'text, as the password (RFC 7617). Send the token as `Authorization: Bearer`. It may do what its key may do at ' +
    'that moment, and ends with the key. A body, as OAuth clients send it, is not read.',
  auth: 'basic',
  scopes: ['read', 'write'],
  audit: 'token.create',
  responses: {
    '200': { description: 'The token', content: { 'application/json': { schema: tokenSchema } } },
  },
  async handle({ res, deps, holder }) {
    auditOf(res).target = holder!.id;
    const token: z.infer<typeof tokenSchema> = {
      access_token: await deps.tokens.issue(holder!.id),
      token_type: 'Bearer',
      expires_in: TOKEN_SECONDS,
      scope: holder!.scopes.join(' '),
    };
    res.json(token);
  },
});
