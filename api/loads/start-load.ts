import { z } from 'zod';
import { asDatabaseError } from '../../src/db/database-error.ts';
import { parseReadAs, readTableAs } from '../../src/dictionary/read-as.ts';
import { ERRORS, LongshoreError } from '../../src/errors.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import type { LoadSource } from '../../src/loads/load-view.ts';
import { confineStorageKey } from '../../src/storage/storage-key.ts';
import type { LoadMode, ReadAs, Survey, Table } from '../../src/types.ts';
import { aboutWaiting, answerStarted, startedHeaders, waitHeader } from '../http/answer-job.ts';
import { noteTable } from '../http/audited.ts';
import { fileCodingOf, loadBodyOf } from '../http/content-type.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/json-body.ts';
import { flag, maxRejects } from '../http/parameters.ts';
import { readingOf, readingParameters } from '../http/reading-parameters.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { loadResource } from './load-answer.ts';
import { loadModeSchema, startedLoadSchema } from './load-schemas.ts';
import { receiveFile } from './upload.ts';

const INBOX = 'inbox/';
const SOURCE_MAX_BYTES = 16 * 1024;

const query = z.strictObject({
  mode: loadModeSchema.optional().transform((mode): LoadMode => mode ?? 'append'),
  maxRejects: maxRejects.optional(),
  force: flag
    .optional()
    .meta({ description: 'Load the file even when the same content was loaded in this mode before' }),
  ...readingParameters,
});

const sourceSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .max(1024)
    .meta({ description: 'Path of a file below inbox/ in the storage', example: '2026/hires.csv' }),
});

const file = z
  .string()
  .meta({ description: 'The CSV file', override: { type: 'string', format: 'binary', minLength: 1 } });

const headers = startedHeaders('load');
const content = { 'application/json': { schema: startedLoadSchema } };

type StartCall = Call<'/v1/tables/{table}/loads', unknown, z.output<typeof query>>;

export const startLoadRoute = defineRoute({
  method: 'post',
  path: '/v1/tables/{table}/loads',
  tag: 'Loads',
  summary: 'Load a CSV file into a table',
  description:
    'Send the file as the multipart field `file`, as a `text/csv` body (its name from `Content-Disposition`), or ' +
    'name one in the inbox. There is no limit of size. A file may be packed (gzip, zstd, bzip2, xz, a zip archive of one ' +
    'file) or in UTF-16 or UTF-32: it is read as what it holds. A file that is not written as the dictionary says of the ' +
    'table is read as the parameters from `delimiter` to `commentChar` say. The same content in the same mode is one ' +
    `load: sending it again answers with the first load. ${aboutWaiting('load')}`,
  scopes: ['write'],
  audit: 'load.start',
  query,
  headers: waitHeader.extend({
    'Content-Disposition': z.string().optional().meta({
      description: 'Names the file of a text/csv body',
      example: 'attachment; filename="hires.csv"',
    }),
  }),
  requestBody: {
    required: true,
    content: {
      'multipart/form-data': { schema: z.strictObject({ file }) },
      'text/csv': { schema: file },
      'application/json': { schema: sourceSchema },
    },
  },
  responses: {
    '200': {
      description: 'The same file was loaded before: that load, in its present state',
      headers,
      content,
    },
    '201': { description: 'Waited for: the load is done', headers, content },
    '202': { description: 'The load has started', headers, content },
  },
  problems: [
    'unsupported-media-type',
    'malformed-body',
    'body-too-large',
    'file-missing',
    'file-empty',
    'encoding-mismatch',
    'unpack-failed',
    'expansion-limit',
    'file-changed',
    'source-not-found',
    'header-mismatch',
    'merge-needs-key',
    'upload-incomplete',
    'storage-full',
    'too-many-rejects',
    'reference-broken',
    'load-cancelled',
    'database-full',
    'temporal-unavailable',
    'overloaded',
  ],
  handle: startLoad,
});

/** A request, and how its file is read. */
interface Asked {
  readonly call: StartCall;
  readonly readAs: ReadAs | null;
  /** As the file is read. */
  readonly table: Table;
}

async function startLoad(call: StartCall): Promise<void> {
  const { res, deps } = call;
  const readAs = parseReadAs(call.table, readingOf(call.query));
  const asked: Asked = { call, readAs, table: readTableAs(call.table, readAs) };
  const { name, primaryKey } = call.table;
  if (call.query.mode === 'merge' && primaryKey.length === 0) {
    throw new LongshoreError('merge-needs-key', `the table ${name} has no primary key`);
  }
  const { load, existing, rulesChanged, readOtherwise } = await start(asked, await receive(asked));
  noteTable(res, load.table);
  const differences = [
    ...(rulesChanged ? [`the rules of ${name} have changed since that load`] : []),
    ...(readOtherwise ? ['that load read the file otherwise than is asked for now'] : []),
  ];
  const now = rulesChanged && !readOtherwise ? 'by those of today' : 'as it is asked for now';
  const hint = differences.length > 0 && {
    hint: `${differences.join(', and ')}: force=true loads the file ${now}`,
  };
  await answerStarted(call, loadResource, deps.loads, load, {
    existing,
    ...(existing && { rulesChanged, readOtherwise }),
    ...hint,
  });
}

interface Arrived {
  readonly source: LoadSource;
  readonly survey: Survey | null;
  readonly textEncoding: string | null;
}

async function receive({ call, table }: Asked): Promise<Arrived> {
  const { req, res, deps } = call;
  const body = loadBodyOf(req, table);
  if (body !== 'json') {
    const { storage, config } = deps;
    const coding = body === 'raw' ? fileCodingOf(req) : null;
    const options = { storage, table, maxExpansion: config.maxExpansion, coding };
    return deps.uploads.use(() => receiveFile(req, res, body, options));
  }
  const { source } = await readJson(req, res, sourceSchema, SOURCE_MAX_BYTES);
  return { source: await findSource(call, source), survey: null, textEncoding: null };
}

async function findSource({ deps, holder }: StartCall, path: string): Promise<LoadSource> {
  const key = confineStorageKey(INBOX, path);
  requireInbox(holder!, path);
  const found = await deps.storage.stat(key);
  if (found === null) throw new LongshoreError('source-not-found', `there is no file ${key} in the storage`);
  if (found.bytes === 0) throw new LongshoreError('file-empty', `${key} is empty`);
  return { kind: 'inbox', name: path, key };
}

/**
 * A file belongs to the table in whose folder of the inbox it is: an API key limited to tables reads no others.
 * @throws HttpError `forbidden`, whether or not there is such a file
 */
function requireInbox({ tables }: ApiKeyHolder, path: string): void {
  if (tables === null || tables.some((table) => path.startsWith(`${table}/`))) return;
  const folders = tables.map((table) => `${INBOX}${table}/`).join(', ');
  throw new HttpError(
    'forbidden',
    `this API key is limited to tables: it may only name files below ${folders}`,
    {},
  );
}

/**
 * Starts the load; an upload that no new load took over is deleted. Where a fault leaves open whether the load was
 * created, it stays: if it is nobody's, it goes with old uploads.
 */
async function start({ call, readAs }: Asked, received: Arrived) {
  const { deps, table, query, holder } = call;
  let keep = false;
  try {
    const started = await deps.loads.start({
      table: table satisfies Table,
      readAs,
      dictionary: call.dictionary,
      mode: query.mode,
      ...received,
      maxRejects: query.maxRejects === undefined ? deps.config.maxRejects : query.maxRejects,
      force: query.force ?? false,
      startedBy: holder!.id,
    });
    keep = !started.existing;
    return started;
  } catch (error) {
    keep = !isRefused(error);
    throw error;
  } finally {
    if (!keep && received.source.kind === 'upload') await deps.storage.delete(received.source.key);
  }
}

/** Nothing was created. */
function isRefused(error: unknown): boolean {
  const known = error instanceof LongshoreError ? error : asDatabaseError(error);
  return known !== null && (ERRORS[known.code].status < 500 || known.code === 'database-full');
}
