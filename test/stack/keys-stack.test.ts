import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '../../src/audit/audit-entry.ts';
import { until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

test('a key, its token and its lines in the audit log, over the whole stack', async (t) => {
  const stack = await testStack(t, undefined, { env: { LONGSHORE_RATE: '300', LONGSHORE_BURST: '900' } });
  const made = await stack.post('/v1/keys', { name: 'loader', scopes: ['write'], tables: ['jobs'] });
  assert.equal(made.status, 201);
  const { id, key } = made.body as unknown as { id: string; key: string };
  const basic = Buffer.from(`${id}:${key}`).toString('base64');
  const answer = await fetch(`${stack.url}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const rows = await fetch(`${stack.url}/v1/tables/jobs/rows`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '[{"id": 1, "job": "Pilot"}]',
  });
  assert.equal(rows.status, 201);
  assert.equal(rows.headers.get('ratelimit-policy'), '"default";q=900;w=3');
  const batch = ((await rows.json()) as { id: string }).id;

  const entries = await until(
    async () => ((await stack.get('/v1/audit')).body as unknown as { entries: AuditEntry[] }).entries,
    (seen) => seen.length === 3,
  );
  assert.deepEqual(
    entries.map((entry) => [entry.keyName, entry.action, entry.target, entry.table, entry.status]),
    [
      ['loader', 'rows.insert', batch, 'jobs', 201],
      ['loader', 'token.create', id, null, 200],
      ['LONGSHORE_ADMIN_KEY', 'key.create', id, null, 201],
    ],
  );
});
