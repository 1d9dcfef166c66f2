import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { CODECS } from '../../src/avro/codec.ts';
import { decodeAvro } from '../../src/avro/decode.ts';
import { encodeAvro } from '../../src/avro/encode.ts';
import { readAvroRows } from '../../src/avro/read-rows.ts';
import { copyIn } from '../../src/db/copy-in.ts';
import { CopyOut } from '../../src/db/copy-out.ts';
import { quoteName, quoteNames } from '../../src/db/sql-names.ts';
import { LongshoreError } from '../../src/errors.ts';
import { columnsOf } from '../../src/tables/table-state.ts';
import { drain, piecesOf } from '../support/copy-tuples.ts';
import { testDatabase } from '../support/database.ts';
import { createExtreme } from '../support/extreme-tables.ts';
import { extremeTable } from '../support/extreme-values.ts';

describe('Avro files of a real PostgreSQL', async () => {
  const { table, rows } = extremeTable('extremes');
  const database = await testDatabase();
  const client = new pg.Client({ connectionString: database.url });
  const columns = quoteNames(columnsOf(table));

  before(async () => {
    await client.connect();
    await createExtreme(client, { table, rows });
    await client.query(`create table back (like ${quoteName(table.name)})`);
  });
  after(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  const copyOut = (name: string) =>
    client.query(new CopyOut(`copy (select ${columns} from ${quoteName(name)}) to stdout (format binary)`));
  const encode = (codec: (typeof CODECS)[number], name = table.name) =>
    drain(encodeAvro(copyOut(name), { table, codec, metadata: {} }));

  for (const codec of CODECS) {
    test(`bring back the very rows (${codec})`, async () => {
      await client.query('truncate back');
      const file = await encode(codec);
      const again = await drain(decodeAvro(piecesOf(file.bytes), { table }));
      assert.deepEqual(again.value, file.value);
      const decoded = decodeAvro(piecesOf(file.bytes), { table });
      const copied = await copyIn(client, `copy back (${columns}) from stdin (format binary)`, decoded);
      assert.equal(copied, rows.length);
      // As text: 1.10 and 1.1 are equal as numbers.
      const texts = columnsOf(table).map((name) => `${quoteName(name)}::text`);
      for (const [one, two] of [
        [table.name, 'back'],
        ['back', table.name],
      ] as const) {
        const left = await client.query(
          `select ${texts} from ${quoteName(one)} except all select ${texts} from ${quoteName(two)}`,
        );
        assert.deepEqual(left.rows, []);
      }
      assert.equal((await encode('null', 'back')).value.checksum, file.value.checksum);
    });
  }

  test('read as the texts that a load would take', async () => {
    await client.query(`set timezone to 'UTC'`);
    const { bytes } = await encode('zstandard');
    const read = [];
    for await (const row of readAvroRows(piecesOf(bytes), table)) read.push(row);
    const shown = columnsOf(table).map((name) => {
      const type = table.fields.find((field) => field.name === name)?.type;
      const column = quoteName(name);
      return type === 'datetime'
        ? `replace(replace(${column}::text, ' ', 'T'), '+00', 'Z')`
        : `${column}::text`;
    });
    const texts = await client.query({ text: `select ${shown} from extremes`, rowMode: 'array' });
    assert.deepEqual(read, texts.rows);
  });

  test('refuse infinite moments and days', async () => {
    for (const [column, value] of [
      ['moment', 'infinity'],
      ['moment', '-infinity'],
      ['day', 'infinity'],
    ] as const) {
      await client.query(`create table odd (like extremes); insert into odd (${column}) values ('${value}')`);
      await assert.rejects(encode('null', 'odd'), (error) => {
        assert.ok(error instanceof LongshoreError && error.code === 'backup-value');
        return error.message.includes(`column ${column}, row 1`);
      });
      await client.query('drop table odd');
    }
  });

  test('equal numerics have equal bytes in Avro, whatever made them', async () => {
    const checksum = async (expression: string) => {
      await client.query(`truncate back; insert into back (amount) values (${expression})`);
      return (await encode('null', 'back')).value.checksum;
    };
    const written = await checksum(`'100.50'`);
    assert.equal(await checksum('(201::numeric(9, 2) / 2)::numeric(9, 2)'), written);
    assert.equal(await checksum(`'1.0050e2'::numeric`), written);
    assert.notEqual(await checksum(`'100.5'`), written);
  });
});
