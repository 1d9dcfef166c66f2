import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { MARK } from '../../src/installation/installation.ts';
import type { RejectView } from '../../src/rejects/rejects.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { RejectCode } from '../../src/types.ts';
import { MARKER } from './bad-requests.ts';
import { eventually } from './eventually.ts';
import type { Cleanup } from './home.ts';
import { TEST_SEALED } from './sealed.ts';
import { type Answer, type TestStack, testStack } from './stack.ts';

const required = { required: true };
const DICTIONARY = {
  name: 'bad-input',
  resources: [
    {
      name: 'kinds',
      dialect: { header: false },
      schema: {
        fields: [
          { name: 'code', type: 'string', constraints: required },
          { name: 'title', type: 'string' },
        ],
        primaryKey: 'code',
      },
    },
    {
      name: 'things',
      dialect: { header: false },
      schema: {
        fields: [
          { name: 'id', type: 'integer', constraints: required },
          { name: 'name', type: 'string', constraints: required },
          { name: 'made', type: 'date' },
          { name: 'price', type: 'number' },
          { name: 'kind', type: 'string' },
        ],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'kind', reference: { resource: 'kinds', fields: 'code' } }],
      },
    },
    {
      name: 'notes',
      dialect: { header: true },
      schema: { fields: [{ name: 'id', type: 'integer', constraints: required }, { name: 'text' }] },
    },
    {
      name: 'wide',
      dialect: { header: true },
      schema: { fieldsMatch: 'subset', fields: [{ name: 'id', type: 'integer' }] },
    },
  ],
};

/** What a test says of a reject: its line, and each error's field and code. */
export type ExpectedReject = readonly [
  line: number,
  ...errors: (readonly [field: string | null, code: RejectCode])[],
];

export interface BadInputStack extends TestStack {
  /** A request that is not a plain load: sent with the good key unless it has its own. */
  send(path: string, request: RequestInit): Promise<Answer>;
  /** Replaces a table's rows by a file with bad ones, exactly these. */
  loadBad(
    table: string,
    csv: string | Buffer,
    expected: readonly ExpectedReject[],
  ): Promise<{ readonly body: Answer['body']; readonly found: readonly RejectView[] }>;
  /** `from` is what follows FROM in SQL. */
  count(from: string): Promise<number>;
  /** Keys in the storage, the inbox and the installation's mark aside: uploads, and what is half written. */
  storedFiles(): Promise<readonly string[]>;
  /** Every load has ended and its counts add up; no stage and no upload is left. */
  assertTidy(): Promise<void>;
  /** Neither the logs nor Temporal's histories hold the marker or the key. */
  assertNothingTold(): Promise<void>;
}

/** A stack whose tables and helpers are for attacks, and whose log is kept. */
export async function badInputStack(t: Cleanup): Promise<BadInputStack> {
  const logged: string[] = [];
  const log = createLogger({ level: 'debug', process: 'test' }, { write: (line) => void logged.push(line) });
  const stack = await testStack(t, DICTIONARY, { log });
  const { db } = stack;

  const count = async (from: string) => {
    const [row] = await db.query<{ n: number }>(`select count(*)::int as n from ${from}`);
    return row?.n ?? 0;
  };
  const storedFiles = async () => {
    const root = join(stack.home, 'storage');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((path) => !path.startsWith('inbox/') && path !== MARK);
  };
  return {
    ...stack,
    count,
    storedFiles,

    async send(path, request) {
      const headers = { 'x-api-key': stack.key, ...request.headers };
      const response = await fetch(stack.url + path, { method: 'POST', ...request, headers });
      return { status: response.status, body: (await response.json()) as Answer['body'] };
    },

    async loadBad(table, csv, expected) {
      const { status, body } = await stack.load(table, csv, { mode: 'replace', force: 'true' });
      assert.equal(status, 201, JSON.stringify(body));
      const found = await stack.rejects(body.id);
      assert.deepEqual(
        found.map(({ line, errors }) => [line, ...errors.map((e) => [e.field, e.code])]),
        expected,
      );
      assert.equal(body.rows.rejected, expected.length);
      return { body, found };
    },

    // A load is done with its commit; its workflow clears away a moment later.
    async assertTidy() {
      await eventually(() => count('longshore.load where finished_at is null'), 0);
      await eventually(storedFiles, []);
      await eventually(
        () => count(`pg_class where relnamespace = 'longshore_stage'::regnamespace and relkind = 'r'`),
        0,
      );
      const { body } = await stack.get('/v1/loads?limit=100');
      for (const { id, rows } of (body as unknown as { loads: Answer['body'][] }).loads) {
        const { read, loaded, rejected, unchanged, discarded } = rows;
        assert.equal(read, loaded + rejected + unchanged + discarded, `load ${id}`);
      }
    },

    async assertNothingTold() {
      const histories = await readHistories(stack);
      assert.ok(histories.length > 0 && histories.every((text) => text.includes('loadId')));
      assert.ok(logged.some((line) => line.includes('/v1/tables/{table}/loads')));
      for (const secret of [MARKER, stack.key]) {
        for (const text of [...logged, ...histories]) {
          assert.ok(!text.includes(secret), `${secret} is told: ${text}`);
        }
      }
    },
  };
}

/** The histories of every load's workflow as JSON, with their payloads as text. */
async function readHistories({ db, temporal }: TestStack): Promise<readonly string[]> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const { workflow } = new Client({ connection, namespace: temporal.namespace, ...TEST_SEALED });
    const loads = await db.query<{ id: string }>('select workflow_id as id from longshore.load');
    return await Promise.all(
      loads.map(async ({ id }) =>
        // Protobuf's own form in JSON has a payload's bytes as base64.
        JSON.stringify(await workflow.getHandle(id).fetchHistory(), (key, value) =>
          key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value,
        ),
      ),
    );
  } finally {
    await connection.close();
  }
}
