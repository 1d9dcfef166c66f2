import { join } from 'node:path';
import type { Response } from 'express';
import { z } from 'zod';
import { type ErrorCode, LongshoreError } from '../../src/errors.ts';
import type { InferOverrides, LookUpKeys } from '../../src/infer/contract.ts';
import { inferInThread } from '../../src/infer/infer-in-thread.ts';
import { readEncoding } from '../../src/infer/read-overrides.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import { quoted } from '../../src/shorten.ts';
import type { Table } from '../../src/types.ts';
import { mayUseTable } from '../http/auth.ts';
import { stopping } from '../http/closing.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { defineRoute } from '../http/route.ts';
import { inferQuery, inferredSchema } from './infer-schemas.ts';
import { FILE_TYPES, MOST_FILES, receiveFiles } from './receive-files.ts';

const UNREADABLE: ReadonlySet<ErrorCode> = new Set(['table-locked', 'table-slow', 'table-broken']);

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
    'of `longshore infer --json`. References to tables that are there are found for keys that may read them. Nothing is made and nothing is kept. Send a file as the body, or several as the ' +
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
      const { signal } = opened.use(endOf(res));
      const tables = dictionary.tables.filter(({ name }) => mayUseTable(holder!, name));
      // Nothing is sent while it is inferred. The next request of the connection has the server's limit again.
      req.socket.setTimeout(0);
      return await inferInThread(
        files.map(({ name, file: { fd, bytes } }) => ({ name, fd, bytes })),
        {
          overrides: overridesOf(query, charset),
          rules: query.rules ?? 'usual',
          maxBytes,
          tables,
        },
        signal,
        mayRead(holder!) ? lookUpKeys(deps, tables) : undefined,
      );
    });
    res.json(inferred);
  },
});

/** What values a table has is for those who may read it. */
function mayRead({ scopes }: ApiKeyHolder): boolean {
  return scopes.some((scope) => scope === 'read' || scope === 'admin');
}

/** A table that can not be read now is no fault of the files: their references to it are not known then. */
function lookUpKeys({ keyLookups }: Pick<ApiDeps, 'keyLookups'>, tables: readonly Table[]): LookUpKeys {
  return async ({ table: name, fields, keys }) => {
    try {
      return await keyLookups.lookUp(tables.find((table) => table.name === name)!, fields, keys);
    } catch (error) {
      if (error instanceof LongshoreError && UNREADABLE.has(error.code)) return { unknown: error.message };
      throw error;
    }
  };
}

function overridesOf(
  { table, delimiter, encoding, header, quote, dates, primaryKey, ...query }: z.output<typeof inferQuery>,
  charset: string | undefined,
): InferOverrides {
  const label = encoding ?? encodingOf(charset);
  return {
    ...(table !== undefined && { table }),
    ...(delimiter !== undefined && { delimiter }),
    ...(label !== undefined && { encoding: label }),
    ...(header !== undefined && { header }),
    ...(quote !== undefined && { quoteChar: orNone(quote) }),
    ...(query.doubleQuote !== undefined && { doubleQuote: query.doubleQuote }),
    ...(query.escape !== undefined && { escapeChar: orNone(query.escape) }),
    ...(query.skipInitialSpace !== undefined && { skipInitialSpace: query.skipInitialSpace }),
    ...(query.comment !== undefined && { commentChar: orNone(query.comment) }),
    ...(dates !== undefined && { dateOrder: dates }),
    ...(primaryKey !== undefined && { primaryKey: primaryKey === '' ? [] : primaryKey.split(',') }),
  };
}

function orNone(text: string): string | null {
  return text === 'none' ? null : text;
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
