import { z } from 'zod';
import { revealPayloads, SHOWN } from '../../src/seal/seal-codec.ts';
import { mayUseTables } from '../http/auth.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/json-body.ts';
import { type Call, defineRoute } from '../http/route.ts';

/** More than Temporal lets one workflow task or answer have. */
const BODY_MAX = 8 * 1024 * 1024;
const MAX_PAYLOADS = 1000;
const MAX_METADATA = 50;
const TAG = 'Operations';

/** Values are counted before they are validated: a body of nothing but brackets would block the process. */
const metadataSchema = z
  .unknown()
  .refine(hasFewKeys, `more than ${MAX_METADATA} entries`)
  .pipe(z.record(z.string(), z.string()));
/** As JSON has Temporal's messages: bytes are base64. */
const payloadSchema = z.object({
  metadata: metadataSchema.optional(),
  data: z.string().optional(),
  externalPayloads: z.unknown().optional(),
});
const payloadsSchema = z.object({
  payloads: z.array(z.unknown()).max(MAX_PAYLOADS).pipe(z.array(payloadSchema)),
});

const documented = z
  .object({
    payloads: z
      .array(
        z.looseObject({
          metadata: z.record(z.string(), z.string()).optional().meta({ description: 'Values are base64' }),
          data: z.string().optional().meta({ description: 'base64' }),
        }),
      )
      .max(MAX_PAYLOADS),
  })
  .meta({ id: 'Payloads', description: "Payloads of Temporal, in protobuf's JSON" });
const content = { 'application/json': { schema: documented } };

const decodePayloads = defineRoute({
  method: 'post',
  path: '/codec/decode',
  tag: TAG,
  summary: 'Read encrypted payloads of Temporal',
  description:
    "The remote codec of Temporal's Web UI and command line. Encrypted payloads come back as they were; all others as " +
    `they are. The metadata \`${SHOWN}\` says which (\`opened\`, \`readable\`, \`unsealed\`), or \`unopened\` of one ` +
    'whose data is the reason then. Payloads hold rows of any table, so a key that is limited to tables is refused. ' +
    'With `Origin`, only pages of the Web UI (`TEMPORAL_UI_URL`) may ask.',
  auth: 'any',
  scopes: ['read'],
  changesNothing: true,
  requestBody: { content, required: true },
  responses: { '200': { description: 'The payloads, in the order in which they were sent', content } },
  problems: ['malformed-body', 'invalid-request', 'body-too-large', 'overloaded'],
  async handle(call) {
    requireAllTables(call);
    const { req, res, deps } = call;
    const answer = await deps.uploads.use(async () => {
      const { payloads } = await readJson(req, res, payloadsSchema, BODY_MAX);
      const shown = revealPayloads(deps.payloadKeys, payloads.map(fromJson));
      return payloads.map((payload, index) => ({ ...payload, ...toJson(shown[index]!) }));
    });
    res.json({ payloads: answer });
  },
});

const signIn = defineRoute({
  method: 'get',
  path: '/codec',
  tag: TAG,
  summary: 'Have the browser ask for a key, for the codec',
  description:
    "A browser asks for nothing by itself where a page of another address, such as Temporal's Web UI, wants something. " +
    'Here it asks for the ID of a key and its secret, and sends them with what the Web UI wants from then on.',
  auth: 'basic',
  scopes: ['read'],
  responses: {
    '200': { description: 'Whose key it was', content: { 'text/plain': { schema: z.string() } } },
  },
  handle(call) {
    requireAllTables(call);
    const { id, name } = call.holder!;
    const told =
      `This browser has the key ${id} (${name}): Temporal's Web UI can show encrypted payloads ` +
      'until the browser is closed.\n';
    call.res.type('text/plain').send(told);
  },
});

export const codecRoutes = [decodePayloads, signIn];

function requireAllTables({ holder }: Pick<Call<string, unknown, unknown>, 'holder'>): void {
  if (mayUseTables(holder!, null)) return;
  throw new HttpError('forbidden', 'payloads may be of any table, and this API key is limited to some', {});
}

function hasFewKeys(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length <= MAX_METADATA;
}

type JsonPayload = z.output<typeof payloadSchema>;

function fromJson({ metadata, data }: JsonPayload) {
  return {
    metadata: mapped(metadata ?? {}, (text) => Buffer.from(text, 'base64')),
    data: Buffer.from(data ?? '', 'base64'),
  };
}

function toJson({ metadata, data }: ReturnType<typeof revealPayloads>[number]) {
  return {
    metadata: mapped(metadata ?? {}, (bytes) => Buffer.from(bytes).toString('base64')),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}

function mapped<From, To>(
  record: Readonly<Record<string, From>>,
  to: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));
}
