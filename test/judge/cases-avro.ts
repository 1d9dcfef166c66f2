import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { columnsWithTypes } from '../../src/avro/schema.ts';
import { quoteName, quoteNames } from '../../src/db/sql-names.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { ColumnType } from '../../src/rows/column-type.ts';
import sample from '../../src/sample/datapackage.json' with { type: 'json' };
import { hiresCsv } from '../../src/sample/generate.ts';
import { columnsOf } from '../../src/tables/table-state.ts';
import type { Table } from '../../src/types.ts';
import { testDatabase } from '../support/database.ts';
import { createExtreme } from '../support/extreme-tables.ts';
import { extremeTable } from '../support/extreme-values.ts';

const HIRES = 100_000;

/** A row as PostgreSQL shows it: each column's text, and the number that Avro stores for it. */
export interface ExpectedRow {
  readonly text: readonly (string | null)[];
  readonly stored: readonly (string | null)[];
}

export interface AvroCase {
  readonly name: string;
  readonly table: Table;
  /** PostgreSQL's binary copy of all rows. */
  readonly copy: Buffer;
  readonly expected: readonly ExpectedRow[];
}

/** Tables of a real PostgreSQL, each read as binary copy and as texts. */
export async function avroCases(): Promise<readonly AvroCase[]> {
  await using database = await testDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(`set timezone to 'UTC'`);
    const extremes = extremeTable('extremes');
    const odd = extremeTable('2nd-table_x.of', (field) => `${field} of_x "a" €`);
    const empty = { ...extremeTable('empty'), rows: [] };
    for (const one of [extremes, odd, empty]) await createExtreme(client, one);
    const hires = await createHires(client);
    return [
      await readCase(client, 'extreme values of all types', extremes.table),
      await readCase(client, 'names that Avro does not allow', odd.table),
      await readCase(client, 'an empty table', empty.table),
      await readCase(client, `${HIRES} hires`, hires),
    ];
  } finally {
    await client.end();
  }
}

async function createHires(client: pg.Client): Promise<Table> {
  const { tables } = parseDictionary(sample);
  const table = tables.find(({ name }) => name === 'hired_employees')!;
  const name = quoteName(table.name);
  const columns = columnsWithTypes(table).map((column) => `${quoteName(column.name)} ${column.type}`);
  await client.query(`create table ${name} (${columns.join(', ')})`);
  const fields = quoteNames(table.fields.map((field) => field.name));
  const into = client.query(copyFrom(`copy ${name} (${fields}) from stdin (format csv)`));
  await pipeline(Readable.from(hiresCsv({ seed: 1, hires: HIRES, badShare: 0 })), into);
  await client.query(`update ${name} set _load_id = 1, _line = id`);
  return table;
}

async function readCase(client: pg.Client, name: string, table: Table): Promise<AvroCase> {
  const rows = `from ${quoteName(table.name)} order by ctid`;
  const pieces: Buffer[] = [];
  const copy = `copy (select ${quoteNames(columnsOf(table))} ${rows}) to stdout (format binary)`;
  for await (const piece of client.query(copyTo(copy))) pieces.push(piece as Buffer);
  const columns = columnsWithTypes(table);
  const text = columns.map((column) => `${quoteName(column.name)}::text`);
  const stored = columns.map((column) => storedText(quoteName(column.name), column.type));
  const shown = await client.query<ExpectedRow>(
    `select array[${text}] as text, array[${stored}] as stored ${rows}`,
  );
  return { name, table, copy: Buffer.concat(pieces), expected: shown.rows };
}

/** What PostgreSQL itself counts since 1970. */
function storedText(column: string, type: ColumnType): string {
  if (type === 'date') return `(${column} - date '1970-01-01')::text`;
  const isTime = type === 'time' || type === 'timestamptz';
  return isTime ? `(extract(epoch from ${column}) * 1000000)::bigint::text` : `${column}::text`;
}
