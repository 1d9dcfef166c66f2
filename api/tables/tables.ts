import { z } from 'zod';
import type { StoredRow, TableView } from '../../src/loads/load-service.ts';
import type { Field, Table } from '../../src/types.ts';
import { mayUseTable } from '../http/auth.ts';
import { cursorParameter, decodeCursor, encodeCursor } from '../http/cursor.ts';
import { JSON_NUMBER } from '../http/json-number.ts';
import { linkNext } from '../http/page.ts';
import { pageLimit } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { loadPath } from '../loads/load-answer.ts';
import { describeTable } from './descriptor.ts';
import { tableInFullSchema, tableSchema } from './table-schemas.ts';

const listTables = defineRoute({
  method: 'get',
  path: '/v1/tables',
  tag: 'Tables',
  summary: 'List the tables and what they hold',
  description:
    'A table that somebody dropped or changed in the database is `broken`; the others are as always.',
  scopes: ['read', 'write'],
  responses: {
    '200': {
      description: 'The tables that the key may use, referenced ones before those that refer to them',
      content: { 'application/json': { schema: z.object({ tables: z.array(tableSchema) }) } },
    },
  },
  async handle({ res, deps, dictionary, holder }) {
    const tables = dictionary.tables.filter((table) => mayUseTable(holder!, table.name));
    const views = await deps.loads.tables(tables.map((table) => table.name));
    res.json({ tables: views.map((view, index) => summarize(tables[index]!, view)) });
  },
});

const getTable = defineRoute({
  method: 'get',
  path: '/v1/tables/{table}',
  tag: 'Tables',
  summary: 'A table: what it holds, and its entry in the dictionary',
  scopes: ['read', 'write'],
  responses: {
    '200': {
      description: 'The table',
      content: {
        'application/json': { schema: tableInFullSchema },
      },
    },
  },
  async handle({ res, deps, table }) {
    const [view] = await deps.loads.tables([table.name]);
    res.json({ ...summarize(table, view!), resource: describeTable(table) });
  },
});

const getRows = defineRoute({
  method: 'get',
  path: '/v1/tables/{table}/rows',
  tag: 'Tables',
  summary: "A table's rows",
  description:
    'In the order of the primary key, or of load and line in a table without one. Each row has its fields, and ' +
    '`_load_id` and `_line`, which name the load and the line of the file that it came with. Numbers have every ' +
    'digit that is stored, also where a reader of JSON would round them; a moment that RFC 3339 can not write is as ' +
    'PostgreSQL writes it (`infinity`, `0044-03-15 BC`). A page of long rows ends before its limit: `next` says ' +
    'whether there are more.',
  scopes: ['read'],
  query: z.strictObject({
    limit: pageLimit(100, 1000),
    after: cursorParameter,
  }),
  responses: {
    '200': {
      description: 'A page of rows',
      content: {
        'application/json': {
          schema: z.object({ rows: z.array(z.record(z.string(), z.unknown())), next: nextSchema }),
        },
      },
    },
  },
  problems: ['table-locked', 'table-slow', 'row-too-large', 'table-broken'],
  async handle({ res, deps, table, query }) {
    const after = query.after === undefined ? null : decodeCursor(query.after);
    const page = await deps.loads.rows(table, { after, limit: query.limit });
    const self = `/v1/tables/${encodeURIComponent(table.name)}/rows`;
    const more = page.next && { limit: query.limit, after: encodeCursor(page.next) };
    const next = linkNext(res, self, more);
    res.json({ rows: page.rows.map((row) => rowOf(table.fields, row)), next });
  },
});

export const tableRoutes = [listTables, getTable, getRows];

export function summarize(table: Table, view: TableView): z.infer<typeof tableSchema> {
  const name = encodeURIComponent(table.name);
  return {
    ...view,
    title: table.title,
    description: table.description,
    primaryKey: [...table.primaryKey],
    links: {
      self: `/v1/tables/${name}`,
      rows: `/v1/tables/${name}/rows`,
      loads: `/v1/loads?table=${name}`,
      ...(view.lastLoadId !== null && { lastLoad: loadPath(view.lastLoadId) }),
    },
  };
}

function rowOf(fields: readonly Field[], row: StoredRow): Record<string, unknown> {
  const cells = fields.map((field, index) => [field.name, cellOf(field, row.cells[index] ?? null)]);
  return Object.fromEntries([...cells, ['_load_id', row.loadId], ['_line', row.line]]);
}

/** Writes a number's text as it is (ES2026, in V8 already; TypeScript's library does not know it yet). */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function cellOf(field: Field, text: string | null): unknown {
  if (text === null) return null;
  if (field.type === 'boolean') return text === 'true';
  // NaN and the infinities are no JSON numbers: they stay text.
  if ((field.type === 'integer' || field.type === 'number') && JSON_NUMBER.test(text)) return rawJSON(text);
  return text;
}
