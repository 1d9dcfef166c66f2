import type { Response } from 'express';
import { z } from 'zod';
import {
  type BatchFormat,
  type BatchMode,
  type BatchView,
  type EndedBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_ROWS,
} from '../../src/batches/batch.ts';
import type { BodyRoom } from '../../src/batches/body-room.ts';
import { hintOfRejects } from '../../src/batches/hint-of-batch.ts';
import { DEFAULT_DIALECT } from '../../src/dictionary/parse-dialect.ts';
import { parseReadAs } from '../../src/dictionary/read-as.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import type { Dialect, Dictionary, ReadAs, Table } from '../../src/types.ts';
import { batchFormatOf } from '../http/content-type.ts';
import { readText } from '../http/json-body.ts';
import {
  applyPreferences,
  MAX_WAIT_SECONDS,
  type Preferences,
  preferencesOf,
  preferredOf,
  preferredWait,
} from '../http/prefer.ts';
import { readingOf, readingParameters } from '../http/reading-parameters.ts';
import { defineRoute, type FormerTablesCall, TABLE_PARAM, unknownTable } from '../http/route.ts';
import { batchAnswer, batchPath, endedJson, minimalJson, noteBatch, problemOfBatch } from './batch-answer.ts';
import { batchModeSchema, batchSchema, endedBatchSchema, minimalBatchSchema } from './batch-schemas.ts';
import { decodeCsv } from './decode-csv.ts';
import { IDEMPOTENCY_KEY, idempotencyKeyOf } from './idempotency-key.ts';

const STANDARD_WAIT_SECONDS = 30;

const query = z.strictObject({
  mode: batchModeSchema
    .optional()
    .meta({ description: 'Goes before the preference `resolution`; append when left out' }),
  ...readingParameters,
});

type RowsCall = FormerTablesCall<z.output<typeof query>>;

const row = z.record(z.string(), z.unknown());
const rows = z.array(row).min(1).max(MAX_BATCH_ROWS);
const text = z.string().min(1);
const headers = z.object({
  Location: z.string().meta({ description: 'The batch' }),
  'Preference-Applied': z.string().optional().meta({ description: 'The preferences that were honoured' }),
  'Idempotency-Replayed': z
    .literal('true')
    .optional()
    .meta({ description: 'This is the answer of an earlier request with the same Idempotency-Key' }),
});
const ended = { 'application/json': { schema: z.union([endedBatchSchema, minimalBatchSchema]) } };

export const postRowsRoute = defineRoute({
  method: 'post',
  path: '/v1/tables/{table}/rows',
  formerTables: true,
  params: TABLE_PARAM,
  tag: 'Batches',
  summary: 'Send a batch of rows',
  description:
    `1 to ${MAX_BATCH_ROWS} rows, of at most ${MAX_BATCH_BYTES} bytes, in UTF-8 (CSV also as \`encoding\` says): JSON (an array of objects, or ` +
    '`{"rows": […]}`), NDJSON, or CSV in the dialect of the table, or as the ' +
    'parameters from `delimiter` to `commentChar` say. Good rows go in, the others come back with their ' +
    'errors; with `Prefer: handling=strict` all of them go in or none. The answer comes when the rows are durable: ' +
    '201 when all went in, 200 when some did, a problem `batch-rejected` when none did; 202 when that takes longer ' +
    `than \`wait=N\` (${STANDARD_WAIT_SECONDS} seconds unless given, at most ${MAX_WAIT_SECONDS}), or at once with ` +
    '`respond-async`: the batch will then be committed whatever happens. A request that is repeated with its ' +
    '`Idempotency-Key` gets the first answer again and writes nothing. `return=minimal` leaves out the rejects and ' +
    'what GET of the batch tells.',
  scopes: ['write'],
  audit: 'rows.insert',
  query,
  headers: z.object({
    Prefer: z
      .string()
      .optional()
      .meta({
        description:
          'handling=strict or lenient, respond-async, wait=N, return=minimal or representation, ' +
          'resolution=merge-duplicates (mode merge); RFC 7240',
        example: 'handling=strict, wait=10',
      }),
    'Idempotency-Key': z.string().optional().meta({
      description: '1 to 255 visible ASCII characters, bare or as a quoted string',
      pattern: IDEMPOTENCY_KEY.source,
      example: '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
    }),
  }),
  requestBody: {
    required: true,
    content: {
      'application/json': { schema: z.union([rows, z.strictObject({ rows })]) },
      'application/x-ndjson': { schema: text },
      'application/ndjson': { schema: text },
      'application/jsonl': { schema: text },
      'text/csv': { schema: text },
    },
  },
  responses: {
    '200': { description: 'Some rows went in, others were rejected', headers, content: ended },
    '201': { description: 'Every row went in', headers, content: ended },
    '202': {
      description: 'The batch will be committed',
      headers,
      content: { 'application/json': { schema: z.union([batchSchema, minimalBatchSchema]) } },
    },
  },
  problems: [
    'unsupported-media-type',
    'malformed-body',
    'body-too-large',
    'upload-incomplete',
    'batch-empty',
    'batch-too-large',
    'batch-rejected',
    'batch-lost',
    'batch-terminated',
    'header-mismatch',
    'merge-needs-key',
    'idempotency-key-in-use',
    'idempotency-key-reused',
    'overloaded',
    'storage-full',
    'storage-unavailable',
    'temporal-unavailable',
  ],
  handle: postRows,
});

async function postRows(call: RowsCall): Promise<void> {
  const { req, res, deps, dictionary, params, holder } = call;
  const preferences = preferencesOf(req);
  const mode = modeOf(call.query.mode, preferences);
  // Only a request that may have been made before can be answered without its table.
  if (req.get('idempotency-key') === undefined) orThrow(tableOf(dictionary, holder, params.table, mode));
  const dialect = dialectOf(call);
  const readAs = parseReadAs({ dialect }, readingOf(call.query));
  const format = batchFormatOf(req, readAs?.encoding);
  if (readAs !== null && format !== 'csv') throw onlyCsvIsReadAs(readAs, format);
  const idempotencyKey = idempotencyKeyOf(req.get('idempotency-key'));
  const strict = preferences.get('handling') === 'strict';
  const waitSeconds =
    preferredWait(preferences) ?? (preferences.has('respond-async') ? 0 : STANDARD_WAIT_SECONDS);

  const decode = (body: Buffer) => decodeCsv(body, dialect, readAs);
  const { outcome, hint } = await receive(call, format === 'csv' ? decode : undefined, async (body, room) => {
    const batch = {
      mode,
      format,
      strict,
      ...(readAs !== null && { readAs }),
      body,
      sentBy: holder!.id,
      idempotencyKey,
    };
    const table = tableOf(dictionary, holder, params.table, mode);
    if (!(table instanceof LongshoreError)) {
      const outcome = await deps.batches.commit({ ...batch, table }, waitSeconds * 1000, room);
      return {
        outcome,
        hint: 'running' in outcome ? null : await hintOfRejects({ ...batch, table }, outcome),
      };
    }
    const first = await deps.batches.replay({ ...batch, table: { name: params.table } });
    if (first === null) throw table;
    return { outcome: first, hint: null };
  });
  const running = 'running' in outcome;
  const view = running ? outcome.running : outcome.view;
  noteBatch(res, view);
  applyPreferences(res, honoured(preferences, { mode, running }));
  if (running) sendRunning(call, view, preferences);
  else sendEnded(call, outcome, preferences, hint);
}

/** @returns the table, or why no batch in this mode can go into it */
function tableOf(
  dictionary: Dictionary,
  holder: ApiKeyHolder | null,
  name: string,
  mode: BatchMode,
): Table | LongshoreError {
  const table = dictionary.tables.find((one) => one.name === name);
  if (table === undefined) return unknownTable(name, dictionary, holder);
  if (mode === 'append' || table.primaryKey.length > 0) return table;
  return new LongshoreError('merge-needs-key', `the table ${name} has no primary key`);
}

function orThrow(table: Table | LongshoreError): void {
  if (table instanceof LongshoreError) throw table;
}

/** Of a table that is gone only the first answer is asked for: its dialect does not matter. */
function dialectOf({ dictionary, params }: RowsCall): Dialect {
  return dictionary.tables.find(({ name }) => name === params.table)?.dialect ?? DEFAULT_DIALECT;
}

function onlyCsvIsReadAs(readAs: ReadAs, format: BatchFormat): LongshoreError {
  const detail = `says how CSV is read, and the body is ${format === 'json' ? 'JSON' : 'NDJSON'}`;
  const places = Object.keys(readAs).map((parameter) => ({ parameter, detail }));
  const message = `${places.map(({ parameter }) => parameter).join(', ')}: ${detail}`;
  return new LongshoreError('invalid-request', message, { places });
}

/** Reads the body under a reservation of memory, which is held until the body is queued or refused. */
async function receive<T>(
  { req, res, deps }: RowsCall,
  decode: ((body: Buffer) => string) | undefined,
  use: (body: string, room: BodyRoom) => Promise<T>,
): Promise<T> {
  const announcedBytes = Number(req.get('content-length') ?? 0);
  // A body that is too large is refused without a reservation.
  const room = deps.batches.room(announcedBytes > MAX_BATCH_BYTES ? 0 : announcedBytes);
  try {
    return await use(await readText(req, res, MAX_BATCH_BYTES, 'a batch', room.take, decode), room);
  } finally {
    room.release();
  }
}

/** PostgREST's preference for an upsert is understood as well. */
function modeOf(mode: BatchMode | undefined, preferences: Preferences): BatchMode {
  if (mode !== undefined) return mode;
  return preferences.get('resolution') === 'merge-duplicates' ? 'merge' : 'append';
}

function honoured(
  preferences: Preferences,
  { mode, running }: { readonly mode: BatchMode; readonly running: boolean },
): readonly string[] {
  if (preferences.size === 0) return [];
  const applied: string[] = [];
  const handling = preferredOf(preferences, 'handling', ['strict', 'lenient']);
  if (handling !== null) applied.push(`handling=${handling}`);
  if (running && preferences.has('respond-async')) applied.push('respond-async');
  const wait = preferredWait(preferences);
  if (wait !== null) applied.push(`wait=${wait}`);
  const form = preferredOf(preferences, 'return', ['minimal', 'representation']);
  if (form !== null) applied.push(`return=${form}`);
  if (mode === 'merge' && preferredOf(preferences, 'resolution', ['merge-duplicates']) !== null) {
    applied.push('resolution=merge-duplicates');
  }
  return applied;
}

function sendRunning({ res, deps }: RowsCall, view: BatchView, preferences: Preferences): void {
  const json = isMinimal(preferences) ? minimalJson(view) : JSON.stringify(batchAnswer(view, deps));
  send(res, 202, view, json);
}

function sendEnded(
  { res, deps }: RowsCall,
  outcome: EndedBatch,
  preferences: Preferences,
  hint: string | null,
): void {
  const { view, replayed } = outcome;
  const { sent, accepted } = view.rows;
  const replay: Record<string, string> = replayed ? { 'Idempotency-Replayed': 'true' } : {};
  if (accepted === 0) {
    throw problemOfBatch(outcome, deps, { Location: batchPath(view.id), ...replay }, hint);
  }
  res.set(replay);
  const json = isMinimal(preferences) ? minimalJson(view) : endedJson(outcome, deps, hint);
  send(res, accepted === sent ? 201 : 200, view, json);
}

function isMinimal(preferences: Preferences): boolean {
  return preferences.get('return') === 'minimal';
}

/** Sends without Express's `json` and `location`, which would parse and escape values that are safe. */
function send(res: Response, status: number, view: BatchView, json: string): void {
  res.statusCode = status;
  res.setHeader('Location', batchPath(view.id));
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(json));
  res.end(json);
}
