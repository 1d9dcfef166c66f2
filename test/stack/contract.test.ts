import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Contract, type OpenApi } from '../support/contract.ts';
import { type TestStack, testStack } from '../support/stack.ts';

interface Ask {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | FormData;
  readonly status: number;
}

const csv = { 'content-type': 'text/csv' };
const json = { 'content-type': 'application/json' };
const waiting = { ...csv, prefer: 'wait=50' };

const ARRIVAL = '{"id":"yearly","prefix":"landing/","pattern":"*.csv","table":"jobs","paused":true}';
const ARRIVED = `
  insert into longshore.arrival_file (arrival_id, source, path, version, file_key, drop_no, bytes, table_name, state, marked,
                                      seen_at, confirmed_at, ended_at)
  values ('inbox', 'storage', 'inbox/jobs/a.csv', 'v', 'k', 0, 5, 'jobs', 'done', true, now(), now(), now())`;
const SCHEDULE = '{"id":"yearly","kind":"backup","cron":"0 3 1 1 *","tables":["jobs"]}';

/** What is asked of each operation, in this order: its main answers. A new route needs an entry. */
const TOWNS =
  '{"name": "towns", "schema": {"fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}}';

const ASKED: Readonly<Record<string, readonly Ask[]>> = {
  'POST /v1/tables/{table}/loads': [
    { path: '/v1/tables/departments/loads', headers: waiting, body: '1,One\n2,Two\nx,Three\n', status: 201 },
    { path: '/v1/tables/departments/loads', headers: csv, body: '1,One\n2,Two\nx,Three\n', status: 200 },
    { path: '/v1/tables/jobs/loads', headers: csv, body: '1,One\n', status: 202 },
    {
      path: "/v1/tables/jobs/loads?delimiter=tab&encoding=latin1&header=true&quoteChar='&doubleQuote=false&escapeChar=%5C&skipInitialSpace=true&commentChar=%23",
      headers: waiting,
      body: '# two\nid\tjob\n2\tTwo\n',
      status: 201,
    },
    { path: '/v1/tables/jobs/loads?delimiter=%3B%3B', headers: csv, body: '1;One\n', status: 400 },
    { path: '/v1/tables/jobs/loads', headers: csv, body: '', status: 422 },
    { path: '/v1/tables/jobs/loads', headers: { 'content-type': 'image/png' }, body: 'x', status: 415 },
    { path: '/v1/tables/jobs/loads', headers: json, body: '{"source": 7}', status: 400 },
    { path: '/v1/tables/jobs/loads', headers: json, body: `"${'x'.repeat(20_000)}"`, status: 413 },
    { path: '/v1/tables/jobs/loads', headers: json, body: '{"source": "no.csv"}', status: 404 },
    { path: '/v1/tables/cities/loads', headers: csv, body: '1,One\n', status: 404 },
    {
      path: '/v1/tables/departments/loads?maxRejects=0',
      headers: waiting,
      body: 'x,Four\n',
      status: 422,
    },
  ],
  'GET /v1/loads': [
    { path: '/v1/loads?limit=1', status: 200 },
    { path: '/v1/loads?before=9007199254740991', status: 200 },
  ],
  'GET /v1/loads/{id}': [
    { path: '/v1/loads/1', status: 200 },
    { path: '/v1/loads/77', status: 404 },
    { path: '/v1/loads/9007199254740991', status: 404 },
    { path: '/v1/loads/x', status: 400 },
  ],
  'GET /v1/loads/{id}/rejects': [
    { path: '/v1/loads/1/rejects', status: 200 },
    { path: '/v1/loads/1/rejects?format=csv', status: 200 },
    { path: '/v1/loads/77/rejects', status: 404 },
  ],
  'GET /v1/loads/{id}/rejects/summary': [
    { path: '/v1/loads/1/rejects/summary', status: 200 },
    { path: '/v1/loads/77/rejects/summary', status: 404 },
  ],
  'DELETE /v1/loads/{id}/rejects': [
    { path: '/v1/loads/1/rejects', status: 200 },
    { path: '/v1/loads/77/rejects', status: 404 },
  ],
  'POST /v1/loads/{id}/pause': [{ path: '/v1/loads/1/pause', status: 409 }],
  'POST /v1/loads/{id}/resume': [{ path: '/v1/loads/1/resume', status: 409 }],
  'POST /v1/loads/{id}/cancel': [{ path: '/v1/loads/1/cancel', status: 409 }],
  'GET /v1/tables': [{ path: '/v1/tables', status: 200 }],
  'GET /v1/tables/{table}': [
    { path: '/v1/tables/departments', status: 200 },
    { path: '/v1/tables/hired_employees', status: 200 },
    { path: '/v1/tables/cities', status: 404 },
  ],
  'POST /v1/tables': [
    { path: '/v1/tables?dryRun=true', headers: json, body: TOWNS, status: 200 },
    { path: '/v1/tables', headers: json, body: TOWNS, status: 201 },
    { path: '/v1/tables', headers: json, body: TOWNS, status: 200 },
    {
      path: '/v1/tables',
      headers: json,
      body: `{"resources": [${TOWNS.replace('towns', 'hamlets')}]}`,
      status: 201,
    },
    { path: '/v1/tables', headers: json, body: TOWNS.replace('id', 'code'), status: 422 },
    { path: '/v1/tables', headers: json, body: TOWNS.replace('integer', 'string'), status: 409 },
    { path: '/v1/tables', headers: json, body: '{', status: 400 },
    { path: '/v1/tables', headers: csv, body: 'x', status: 415 },
  ],
  'POST /v1/tables/{table}/look-up': [
    {
      path: '/v1/tables/departments/look-up',
      headers: json,
      body: '{"fields": ["id"], "keys": [["1"], ["99"], ["x"]]}',
      status: 200,
    },
    {
      path: '/v1/tables/departments/look-up',
      headers: json,
      body: '{"fields": ["department"], "keys": [["1"]]}',
      status: 400,
    },
    {
      path: '/v1/tables/departments/look-up',
      headers: json,
      body: '{"fields": ["id"], "keys": [["1", "2"]]}',
      status: 400,
    },
    { path: '/v1/tables/departments/look-up', headers: json, body: '{"fields": ["id"]', status: 400 },
    { path: '/v1/tables/departments/look-up', headers: csv, body: 'x', status: 415 },
    {
      path: '/v1/tables/cities/look-up',
      headers: json,
      body: '{"fields": ["id"], "keys": [["1"]]}',
      status: 404,
    },
  ],
  'DELETE /v1/tables/{table}': [
    { path: '/v1/tables/departments', status: 409 },
    { path: '/v1/tables/towns', status: 200 },
    { path: '/v1/tables/hamlets', status: 200 },
    { path: '/v1/tables/hamlets', status: 404 },
  ],
  'GET /v1/removed-tables': [{ path: '/v1/removed-tables', status: 200 }],
  'POST /v1/removed-tables/{id}/bring-back': [
    { path: '/v1/removed-tables/1/bring-back', status: 200 },
    { path: '/v1/removed-tables/77/bring-back', status: 404 },
    { path: '/v1/removed-tables/x/bring-back', status: 400 },
  ],
  'DELETE /v1/removed-tables/{id}': [
    { path: '/v1/removed-tables/2', status: 204 },
    { path: '/v1/removed-tables/2', status: 404 },
  ],
  'GET /v1/tables/{table}/rows': [
    { path: '/v1/tables/departments/rows?limit=1', status: 200 },
    { path: '/v1/tables/departments/rows?after=invented', status: 400 },
  ],
  'POST /v1/tables/{table}/rows': [
    {
      path: '/v1/tables/departments/rows?delimiter=%3B&header=true&encoding=windows-1252',
      headers: { 'content-type': 'text/csv; charset=windows-1252' },
      body: 'id;department\n31;C\n',
      status: 201,
    },
    { path: '/v1/tables/departments/rows?delimiter=%3B', headers: json, body: '[{"id": 32}]', status: 400 },
    {
      path: '/v1/tables/departments/rows',
      headers: json,
      body: '[{"id": 21, "department": "A"}]',
      status: 201,
    },
    {
      path: '/v1/tables/departments/rows',
      headers: json,
      body: '[{"id": 22, "department": "B"}, {"id": "x"}]',
      status: 200,
    },
    { path: '/v1/tables/departments/rows', headers: json, body: '[{"id": "x"}]', status: 422 },
    {
      path: '/v1/tables/departments/rows',
      headers: { ...csv, prefer: 'respond-async' },
      body: '23,C\n',
      status: 202,
    },
    {
      path: '/v1/tables/departments/rows?mode=merge',
      headers: { ...json, prefer: 'return=minimal', 'idempotency-key': 'one' },
      body: '[{"id": 24, "department": "D"}]',
      status: 201,
    },
    {
      path: '/v1/tables/departments/rows?mode=merge',
      headers: { ...json, prefer: 'return=minimal', 'idempotency-key': 'one' },
      body: '[{"id": 24, "department": "D"}]',
      status: 201,
    },
    { path: '/v1/tables/departments/rows', headers: json, body: '[{"id"', status: 400 },
    { path: '/v1/tables/departments/rows', headers: { 'content-type': 'image/png' }, body: 'x', status: 415 },
    { path: '/v1/tables/departments/rows', headers: csv, body: '1,x\n'.repeat(1001), status: 413 },
    { path: '/v1/tables/cities/rows', headers: json, body: '[]', status: 404 },
  ],
  'GET /v1/batches': [{ path: '/v1/batches?limit=1', status: 200 }],
  'GET /v1/batches/{id}': [
    { path: '/v1/batches/{batch}', status: 200 },
    { path: '/v1/batches/01890000-0000-7000-8000-000000000000-0', status: 404 },
  ],
  'GET /v1/batches/{id}/rejects': [
    { path: '/v1/batches/{batch}/rejects?afterIndex=9007199254740991', status: 200 },
    { path: '/v1/batches/{batch}/rejects?format=csv', status: 200 },
  ],
  'POST /v1/keys': [
    {
      path: '/v1/keys',
      headers: json,
      body: '{"name": "n", "scopes": ["read"], "tables": ["jobs"]}',
      status: 201,
    },
    { path: '/v1/keys', headers: json, body: '{"name": "\\u0000", "scopes": ["read"]}', status: 400 },
    { path: '/v1/keys', headers: csv, body: 'x', status: 415 },
  ],
  'POST /codec/decode': [
    { path: '/codec/decode', headers: json, body: '{"payloads": [{"data": "e30="}]}', status: 200 },
    { path: '/codec/decode', headers: json, body: '{"payloads": {}}', status: 400 },
  ],
  'GET /codec': [{ path: '/codec', headers: { authorization: '{basic}' }, status: 200 }],
  'POST /v1/tokens': [{ path: '/v1/tokens', headers: { authorization: '{basic}' }, status: 200 }],
  'GET /v1/keys': [{ path: '/v1/keys', status: 200 }],
  'GET /v1/keys/{id}': [
    { path: '/v1/keys/{key}', status: 200 },
    { path: '/v1/keys/nobody', status: 404 },
  ],
  'DELETE /v1/keys/{id}': [
    { path: '/v1/keys/{key}', status: 204 },
    { path: '/v1/keys/operator', status: 409 },
  ],
  'GET /v1/audit': [{ path: '/v1/audit?limit=1', status: 200 }],
  'POST /v1/backups': [
    { path: '/v1/backups', headers: { ...json, prefer: 'wait=50' }, body: '{}', status: 201 },
    { path: '/v1/backups', headers: json, body: '{"tables": ["cities"]}', status: 404 },
  ],
  'POST /v1/tables/{table}/backups': [
    { path: '/v1/tables/jobs/backups', headers: json, body: '{}', status: 202 },
  ],
  'GET /v1/backups': [{ path: '/v1/backups?limit=1', status: 200 }],
  'GET /v1/backups/{id}': [
    { path: '/v1/backups/{backup}', status: 200 },
    { path: '/v1/backups/none', status: 404 },
  ],
  'GET /v1/backups/{id}/files/{name}': [
    { path: '/v1/backups/{backup}/files/manifest.json', status: 200 },
    { path: '/v1/backups/{backup}/files/none', status: 404 },
  ],
  'GET /v1/backups/{id}/diff': [
    { path: '/v1/backups/{backup}/diff?table=jobs', status: 200 },
    { path: '/v1/backups/{backup}/diff?table=cities', status: 404 },
    { path: '/v1/backups/none/diff?table=jobs', status: 404 },
  ],
  'POST /v1/backups/{id}/verify': [
    { path: '/v1/backups/{backup}/verify', headers: { prefer: 'wait=50' }, status: 201 },
    { path: '/v1/backups/none/verify', status: 404 },
  ],
  'POST /v1/backups/{id}/restore': [
    { path: '/v1/backups/{backup}/restore', headers: json, body: '{"dryRun": true}', status: 202 },
    { path: '/v1/backups/{backup}/restore', headers: json, body: '{"tables": ["cities"]}', status: 404 },
    { path: '/v1/backups/none/restore', headers: json, body: '{}', status: 404 },
  ],
  'POST /v1/tables/{table}/restore': [
    {
      path: '/v1/tables/jobs/restore',
      headers: { ...json, prefer: 'wait=50' },
      body: '{"backup": "{backup}"}',
      status: 201,
    },
    {
      path: '/v1/tables/jobs/restore',
      headers: { ...json, prefer: 'wait=50' },
      body: '{"backup": "{backup}", "as": "jobs_then"}',
      status: 201,
    },
    { path: '/v1/tables/jobs/restore', headers: json, body: '{"backup": "none"}', status: 404 },
    { path: '/v1/tables/jobs/restore', headers: json, body: '{"backup"', status: 400 },
    { path: '/v1/tables/cities/restore', headers: json, body: '{"backup": "latest"}', status: 404 },
  ],
  'GET /v1/restores': [{ path: '/v1/restores?limit=1', status: 200 }],
  'GET /v1/restores/{id}': [
    { path: '/v1/restores/{restore}', status: 200 },
    { path: '/v1/restores/9007199254740991', status: 404 },
    { path: '/v1/restores/none', status: 400 },
  ],
  'GET /v1/copies': [
    { path: '/v1/copies?limit=1', status: 200 },
    { path: '/v1/copies?after=a-b', status: 400 },
  ],
  'DELETE /v1/copies/{name}': [
    { path: '/v1/copies/jobs_then', status: 204 },
    { path: '/v1/copies/jobs_then', status: 404 },
  ],
  'POST /v1/restores/{id}/cancel': [{ path: '/v1/restores/{restore}/cancel', status: 409 }],
  'POST /v1/backups/adopt': [
    { path: '/v1/backups/adopt', status: 200 },
    { path: '/v1/backups/adopt', headers: json, body: '{"ids": ["{backup}", "none"]}', status: 200 },
    { path: '/v1/backups/adopt', headers: json, body: '{"ids": []}', status: 400 },
    { path: '/v1/backups/adopt', headers: json, body: '{"ids": [', status: 400 },
  ],
  'POST /v1/backups/{id}/pin': [{ path: '/v1/backups/{backup}/pin', status: 200 }],
  'POST /v1/backups/{id}/unpin': [{ path: '/v1/backups/{backup}/unpin', status: 200 }],
  'POST /v1/backups/{id}/cancel': [{ path: '/v1/backups/{backup}/cancel', status: 409 }],
  'DELETE /v1/backups/{id}': [
    { path: '/v1/backups/{backup}', status: 409 },
    { path: '/v1/backups/{backup}?force=true', status: 200 },
  ],
  'GET /v1/dictionary': [{ path: '/v1/dictionary', status: 200 }],
  'GET /v1/dictionary/history': [
    { path: '/v1/dictionary/history?limit=1', status: 200 },
    { path: '/v1/dictionary/history?before=1', status: 200 },
    { path: '/v1/dictionary/history?before=0', status: 400 },
    { path: '/v1/dictionary/history?limit=501', status: 400 },
  ],
  'GET /v1/dictionary/plan': [{ path: '/v1/dictionary/plan', status: 200 }],
  'POST /v1/dictionary/infer': [
    {
      path: '/v1/dictionary/infer?name=towns.csv',
      headers: csv,
      body: 'id,town\n1,One\n2,Two\n',
      status: 200,
    },
    {
      path: '/v1/dictionary/infer',
      body: filesOf('id,town\n1,One\n', 'id;day\n1;2026-01-31\n'),
      status: 200,
    },
    {
      path: '/v1/dictionary/infer?quote=none&doubleQuote=false&escape=none&skipInitialSpace=true&comment=%23',
      headers: csv,
      body: '# towns\nid, town\n1, One\n2, Two\n',
      status: 200,
    },
    { path: '/v1/dictionary/infer?primaryKey=no', headers: csv, body: 'id,town\n1,One\n', status: 400 },
    { path: '/v1/dictionary/infer', headers: csv, body: '%PDF-1.7', status: 422 },
    { path: '/v1/dictionary/infer', headers: json, body: '[]', status: 415 },
    { path: '/v1/dictionary/infer', headers: csv, body: 'id,town\n'.repeat(200_000), status: 413 },
  ],
  'POST /v1/dictionary/apply': [
    { path: '/v1/dictionary/apply', headers: json, body: '{"steps": ["0123456789abcdef"]}', status: 409 },
    { path: '/v1/dictionary/apply', headers: json, body: '{"steps": []}', status: 400 },
  ],
  'POST /v1/schedules': [
    { path: '/v1/schedules', headers: json, body: SCHEDULE, status: 201 },
    { path: '/v1/schedules', headers: json, body: SCHEDULE, status: 409 },
    { path: '/v1/schedules', headers: json, body: SCHEDULE.replace('0 3', '0 25'), status: 400 },
    { path: '/v1/schedules', headers: json, body: '{', status: 400 },
    { path: '/v1/schedules', headers: json, body: SCHEDULE.replace('jobs', 'cities'), status: 404 },
    { path: '/v1/schedules', headers: json, body: SCHEDULE.replace('{', '{"encrypt":true,'), status: 422 },
    { path: '/v1/schedules', headers: json, body: `"${'x'.repeat(70_000)}"`, status: 413 },
  ],
  'GET /v1/reports': [{ path: '/v1/reports', status: 200 }],
  ...Object.fromEntries(['hires-by-quarter', 'departments-above-mean'].flatMap(askedOfReport)),
  'POST /v1/reports/{name}/refresh': [
    { path: '/v1/reports/hires-by-quarter/refresh', headers: { prefer: 'wait=50' }, status: 200 },
    { path: '/v1/reports/hires-by-quarter/refresh', status: 202 },
    { path: '/v1/reports/none/refresh', status: 404 },
  ],
  'GET /v1/schedules': [{ path: '/v1/schedules', status: 200 }],
  'GET /v1/schedules/{id}': [
    { path: '/v1/schedules/yearly', status: 200 },
    { path: '/v1/schedules/none', status: 404 },
    { path: '/v1/schedules/No', status: 404 },
  ],
  'PATCH /v1/schedules/{id}': [
    { path: '/v1/schedules/yearly', headers: json, body: '{"note":"once a year"}', status: 200 },
    { path: '/v1/schedules/yearly', headers: json, body: '{"colour":"blue"}', status: 400 },
    { path: '/v1/schedules/none', headers: json, body: '{}', status: 404 },
  ],
  'POST /v1/schedules/{id}/pause': [{ path: '/v1/schedules/yearly/pause', status: 200 }],
  'POST /v1/schedules/{id}/unpause': [{ path: '/v1/schedules/yearly/unpause', status: 200 }],
  'POST /v1/schedules/{id}/trigger': [
    { path: '/v1/schedules/yearly/trigger', status: 202 },
    { path: '/v1/schedules/none/trigger', status: 404 },
  ],
  'GET /v1/schedules/{id}/retention': [{ path: '/v1/schedules/yearly/retention', status: 200 }],
  'DELETE /v1/schedules/{id}': [
    { path: '/v1/schedules/yearly', status: 204 },
    { path: '/v1/schedules/yearly', status: 404 },
  ],
  'POST /v1/arrivals': [
    { path: '/v1/arrivals', headers: json, body: ARRIVAL, status: 201 },
    { path: '/v1/arrivals', headers: json, body: ARRIVAL, status: 409 },
    {
      path: '/v1/arrivals',
      headers: json,
      body: ARRIVAL.replace('yearly', 'daily').replace(
        '}',
        ',"dialect":{"delimiter":"tab","quoteChar":null}}',
      ),
      status: 201,
    },
    {
      path: '/v1/arrivals',
      headers: json,
      body: ARRIVAL.replace('}', ',"dialect":{"delimiter":";;"}}'),
      status: 400,
    },
    { path: '/v1/arrivals', headers: json, body: ARRIVAL.replace('landing/', '../'), status: 400 },
    { path: '/v1/arrivals', headers: json, body: '{', status: 400 },
    { path: '/v1/arrivals', headers: json, body: ARRIVAL.replace('jobs', 'cities'), status: 404 },
    { path: '/v1/arrivals', headers: json, body: `"${'x'.repeat(70_000)}"`, status: 413 },
  ],
  'GET /v1/arrivals': [
    { path: '/v1/arrivals?limit=1', status: 200 },
    { path: '/v1/arrivals?after=inbox', status: 200 },
  ],
  'GET /v1/arrivals/{id}': [
    { path: '/v1/arrivals/inbox', status: 200 },
    { path: '/v1/arrivals/none', status: 404 },
  ],
  'PUT /v1/arrivals/{id}': [
    { path: '/v1/arrivals/yearly', headers: json, body: ARRIVAL.replace('"id":"yearly",', ''), status: 200 },
    { path: '/v1/arrivals/other', headers: json, body: ARRIVAL.replace('"id":"yearly",', ''), status: 201 },
    { path: '/v1/arrivals/yearly', headers: json, body: '{}', status: 400 },
  ],
  'PATCH /v1/arrivals/{id}': [
    { path: '/v1/arrivals/yearly', headers: json, body: '{"marker":"_SUCCESS"}', status: 200 },
    { path: '/v1/arrivals/yearly', headers: json, body: '{"table":null}', status: 400 },
    { path: '/v1/arrivals/yearly', headers: json, body: '{}', status: 400 },
    { path: '/v1/arrivals/none', headers: json, body: '{"paused":true}', status: 404 },
  ],
  'POST /v1/arrivals/{id}/notify': [{ path: '/v1/arrivals/yearly/notify', status: 409 }],
  'POST /v1/arrivals/{id}/resume': [{ path: '/v1/arrivals/yearly/resume', status: 200 }],
  'POST /v1/arrivals/{id}/pause': [{ path: '/v1/arrivals/yearly/pause', status: 200 }],
  'GET /v1/arrivals/{id}/files': [
    { path: '/v1/arrivals/inbox/files?state=done&table=jobs', status: 200 },
    { path: '/v1/arrivals/none/files', status: 404 },
  ],
  'GET /v1/arrivals/{id}/files/{file}': [
    { path: '/v1/arrivals/inbox/files/1', status: 200 },
    { path: '/v1/arrivals/yearly/files/1', status: 404 },
  ],
  'POST /v1/arrivals/{id}/files/{file}/retry': [
    { path: '/v1/arrivals/inbox/files/1/retry', status: 409 },
    { path: '/v1/arrivals/inbox/files/9007199254740991/retry', status: 404 },
  ],
  'POST /v1/events/s3': [
    { path: '/v1/events/s3?secret=a secret for events', headers: json, body: '{"Records":[]}', status: 200 },
    {
      path: '/v1/events/s3',
      headers: { ...json, authorization: 'Bearer no' },
      body: '{"Records":[]}',
      status: 401,
    },
    { path: '/v1/events/s3?secret=a secret for events', headers: json, body: '{"Records":[1]}', status: 400 },
    { path: '/v1/events/s3?secret=a secret for events', headers: json, body: '{', status: 400 },
  ],
  'DELETE /v1/arrivals/{id}': [
    { path: '/v1/arrivals/yearly', status: 204 },
    { path: '/v1/arrivals/inbox', status: 409 },
  ],
  'GET /healthz': [{ path: '/healthz', status: 200 }],
  'GET /readyz': [{ path: '/readyz', status: 200 }],
  'GET /metrics': [{ path: '/metrics', status: 200 }],
  'GET /docs': [{ path: '/docs', status: 200 }],
  'GET /docs/api': [{ path: '/docs/api', status: 200 }],
  'GET /docs/search': [
    { path: '/docs/search', status: 200 },
    { path: '/docs/search?q=load', status: 200 },
    { path: '/docs/search?query=load', status: 400 },
  ],
  'GET /docs/{page}': [
    { path: '/docs/recovery', status: 200 },
    { path: '/docs/none', status: 404 },
  ],
  'GET /docs/project/{page}': [
    { path: '/docs/project/readme', status: 200 },
    { path: '/docs/project/none', status: 404 },
  ],
  'GET /openapi.json': [{ path: '/openapi.json', status: 200 }],
};

function filesOf(...contents: readonly string[]): FormData {
  const form = new FormData();
  for (const [at, content] of contents.entries()) form.append('file', new Blob([content]), `file ${at}.csv`);
  return form;
}

function askedOfReport(name: string): [operation: string, asked: readonly Ask[]][] {
  const path = `/v1/reports/${name}`;
  const rows: readonly Ask[] = [
    { path: `${path}?year=2021`, status: 200 },
    { path: `${path}?year=1887&sort=-department&limit=1`, status: 200 },
    { path: `${path}?year=2021`, headers: { accept: 'text/csv' }, status: 200 },
    { path: `${path}?year=2021`, headers: { 'if-none-match': '*' }, status: 304 },
    { path: `${path}?year=0`, status: 400 },
    { path, status: 400 },
  ];
  const chart: readonly Ask[] = [
    { path: `${path}.svg?year=2021&width=400&height=300`, status: 200 },
    { path: `${path}.svg?year=2021`, headers: { 'if-none-match': '*' }, status: 304 },
    { path: `${path}.svg?year=2021&width=7`, status: 400 },
  ];
  return [
    [`GET ${path}`, rows],
    [`GET ${path}.svg`, chart],
  ];
}

describe('every answer is as the OpenAPI document says', () => {
  let stack: TestStack;
  let contract: Contract;
  /** Of things that were made on the way: `{batch}`, `{key}`, `{backup}`, `{restore}`; and `{basic}`, the operator's credentials. */
  const made = new Map<string, string>();
  const stopping: (() => Promise<unknown>)[] = [];
  before(async () => {
    stack = await testStack({ after: (action) => void stopping.push(action) }, undefined, {
      env: { LONGSHORE_EVENTS_SECRET: 'a secret for events', LONGSHORE_INFER_MIB: '1' },
    });
    await stack.db.query(ARRIVED);
    made.set('basic', `Basic ${Buffer.from(`operator:${stack.key}`).toString('base64')}`);
    contract = new Contract((await (await fetch(`${stack.url}/openapi.json`)).json()) as OpenApi);
  });
  after(async () => {
    for (const stop of stopping.reverse()) await stop();
  });

  async function ask(operation: string, asked: Ask): Promise<Response> {
    const [method = ''] = operation.split(' ');
    const { body, status } = asked;
    const filled = (text: string) =>
      text.replaceAll(/\{(\w+)\}/g, (_, name: string) => made.get(name) ?? `no-${name}`);
    const path = filled(asked.path);
    const headers = Object.fromEntries(
      Object.entries(asked.headers ?? {}).map(([name, value]) => [name, filled(value)]),
    );
    const response = await fetch(stack.url + path, {
      method,
      headers: { 'x-api-key': stack.key, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? filled(body) : body }),
    });
    const text = await contract.check(method, path, response.clone());
    assert.equal(response.status, status, `${method} ${path}: ${text}`);
    if (status === 201) remember(operation, JSON.parse(text));
    return response;
  }

  function remember(operation: string, body: { readonly id: string | number }): void {
    const names = { '/rows': 'batch', ' /v1/backups': 'backup', '/restore': 'restore', ' /v1/keys': 'key' };
    for (const [end, name] of Object.entries(names)) {
      if (operation.endsWith(end)) made.set(name, String(body.id));
    }
  }

  it('every route gives its main answers as documented', async () => {
    assert.deepEqual(
      contract
        .operations()
        .map(({ name }) => name)
        .sort(),
      Object.keys(ASKED).sort(),
    );
    for (const [operation, asked] of Object.entries(ASKED)) {
      for (const one of asked) await ask(operation, one);
    }
  });

  it('every route with an API key gives the documented answers without one and with a wrong one', async () => {
    for (const { name, open } of contract.operations()) {
      const { path } = ASKED[name]![0]!;
      if (open) continue;
      const none = await ask(name, { path, status: 401, headers: { 'x-api-key': '' } });
      assert.match(none.headers.get('www-authenticate')!, /^(Bearer|Basic) /);
      await ask(name, { path, status: 401, headers: { 'x-api-key': 'lsk_nobody_has_this' } });
    }
  });

  it('every route refuses an unknown parameter, and names its place', async () => {
    for (const { name } of contract.operations()) {
      const { path } = ASKED[name]![0]!;
      const { authorization } = ASKED[name]![0]!.headers ?? {};
      const response = await ask(name, {
        path: `${path}${path.includes('?') ? '&' : '?'}color=blue`,
        ...(authorization !== undefined && { headers: { authorization } }),
        status: 400,
      });
      const { errors } = (await response.json()) as { errors: { parameter: string }[] };
      assert.deepEqual(
        errors.map(({ parameter }) => parameter),
        ['color'],
      );
    }
  });

  it('every route answers NUL in an address as documented', async () => {
    for (const { name, open } of contract.operations()) {
      const [method = '', template = ''] = name.split(' ');
      if (open || !template.includes('{')) continue;
      const path = template.replaceAll(/\{\w+\}/g, '%00');
      const response = await fetch(stack.url + path, { method, headers: { 'x-api-key': stack.key } });
      assert.ok([400, 404].includes(response.status), `${name}: ${response.status} ${await response.text()}`);
    }
  });

  it('every address answers other methods as documented', async () => {
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const names = contract.operations().map(({ name }) => name);
    for (const template of new Set(names.map((name) => name.split(' ')[1]!))) {
      const taken = methods.filter((method) => names.includes(`${method} ${template}`));
      const path = ASKED[`${taken[0]} ${template}`]![0]!.path;
      for (const method of methods.filter((name) => !taken.includes(name))) {
        const response = await fetch(stack.url + path, { method, headers: { 'x-api-key': stack.key } });
        const allow = response.headers
          .get('allow')
          ?.split(', ')
          .filter((name) => name !== 'HEAD');
        assert.equal(response.status, 405, `${method} ${path}`);
        assert.deepEqual(allow?.sort(), taken.toSorted(), `${method} ${path}`);
        assert.equal(((await response.json()) as { code: string }).code, 'method-not-allowed');
      }
    }
  });

  it('every route was seen to succeed or to conflict', () => {
    const done = new Set([...contract.seen].filter((seen) => / (?:2\d\d|409)$/.test(seen)).map(operationOf));
    const never = contract.operations().filter(({ name }) => !done.has(name));
    assert.deepEqual(never, []);
  });
});

/** `GET /v1/loads 200` → `GET /v1/loads` */
function operationOf(seen: string): string {
  return seen.split(' ').slice(0, 2).join(' ');
}
