import { join } from 'node:path';
import type { Response } from 'express';
import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';
import type { InferOverrides } from '../../src/infer/contract.ts';
import { inferInThread } from '../../src/infer/infer-in-thread.ts';
import { readEncoding } from '../../src/infer/read-overrides.ts';
import { quoted } from '../../src/shorten.ts';
import { mayUseTable } from '../http/auth.ts';
import { stopping } from '../http/closing.ts';
import { contextOf } from '../http/context.ts';
import { defineRoute } from '../http/route.ts';
import { inferQuery, inferredSchema } from './infer-schemas.ts';
import { FILE_TYPES, MOST_FILES, receiveFiles } from './receive-files.ts';

const file = z.string().meta({ override: { type: 'string', format: 'binary', minLength: 1 } });
const form = z.strictObject({
  file: z.array(file).min(1).max(MOST_FILES).meta({ description: 'One file or several' }),
});

export const inferRoute = defineRoute({
  method: 'post',
  path: '/v1/dictionary/infer',
  tag: 'Tables',
  summary: 'Find out what CSV files hold',
  description:
    'Encoding, dialect, types, rules, keys and references, from every row, each with its evidence; the answer is that ' +
    'of `longshore infer --json`. Nothing is made and nothing is kept. Send a file as the body, or several as the ' +
    'multipart fields `file`; they may be packed by gzip, by themselves or by Content-Encoding. Together they have at ' +
    'most LONGSHORE_INFER_MIB MiB, unpacked. A few are inferred at a time (LONGSHORE_INFERENCES); one more is answered ' +
    'with `overloaded`.',
  scopes: ['write'],
  changesNothing: true,
  query: inferQuery,
  headers: z.object({
    'Content-Encoding': z.enum(['gzip', 'x-gzip', 'identity']).optional(),
    'Content-Disposition': z.string().optional().meta({
      description: 'Names the file of a body that is no form, as `name` does',
      example: 'attachment; filename="orders.csv"',
    }),
  }),
  requestBody: {
    required: true,
    content: {
      'multipart/form-data': { schema: form },
      ...Object.fromEntries(FILE_TYPES.map((type) => [type, { schema: file }])),
    },
  },
  responses: {
    '200': {
      description: 'What was found, and the descriptor of it',
      content: { 'application/json': { schema: inferredSchema } },
    },
  },
  problems: [
    'file-missing',
    'file-empty',
    'file-not-csv',
    'unsupported-media-type',
    'malformed-body',
    'body-too-large',
    'upload-incomplete',
    'storage-full',
    'overloaded',
  ],
  async handle({ req, res, deps, query, dictionary, holder }) {
    const { config, inferences } = deps;
    const maxBytes = config.inferMebibytes * 2 ** 20;
    const inferred = await inferences.use(async () => {
      await using opened = new AsyncDisposableStack();
      const { files, charset } = await receiveFiles(req, res, {
        folder: join(config.home, 'infer'),
        maxBytes,
        name: query.name,
        opened,
      });
      const signal = opened.use(endOf(res)).signal;
      // Nothing is sent while it is inferred. The next request of the connection has the server's limit again.
      req.socket.setTimeout(0);
      return await inferInThread(
        files.map(({ name, file: { fd } }) => ({ name, fd })),
        {
          overrides: overridesOf(query, charset),
          rules: query.rules ?? 'usual',
          maxBytes,
          tables: dictionary.tables.filter(({ name }) => mayUseTable(holder!, name)),
        },
        signal,
      );
    });
    res.json(inferred);
  },
});

function overridesOf(
  { table, delimiter, encoding, header, quote, dates, primaryKey }: z.output<typeof inferQuery>,
  charset: string | undefined,
): InferOverrides {
  const label = encoding ?? encodingOf(charset);
  return {
    ...(table !== undefined && { table }),
    ...(delimiter !== undefined && { delimiter }),
    ...(label !== undefined && { encoding: label }),
    ...(header !== undefined && { header }),
    ...(quote !== undefined && { quoteChar: quote === 'none' ? null : quote }),
    ...(dates !== undefined && { dateOrder: dates }),
    ...(primaryKey !== undefined && { primaryKey: primaryKey === '' ? [] : primaryKey.split(',') }),
  };
}

function encodingOf(charset: string | undefined): string | undefined {
  if (charset === undefined) return undefined;
  const encoding = readEncoding(charset);
  if (encoding !== null) return encoding;
  throw new LongshoreError('unsupported-media-type', `there is no charset ${quoted(charset)}`);
}

/** Aborts when there is nobody any more who waits for the answer. */
function endOf(res: Response): Disposable & { readonly signal: AbortSignal } {
  const end = new AbortController();
  const gone = () => end.abort(new LongshoreError('upload-incomplete', 'the client hung up'));
  const stay = contextOf(res).closing.onOver(() => end.abort(stopping()));
  res.once('close', gone);
  if (res.closed || res.destroyed) gone();
  return {
    signal: end.signal,
    [Symbol.dispose]() {
      stay();
      res.off('close', gone);
    },
  };
}
