import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CODECS } from '../../src/avro/codec.ts';
import { decodeAvro } from '../../src/avro/decode.ts';
import { encodeAvro } from '../../src/avro/encode.ts';
import { type AvroRecordSchema, avroSchemaOf } from '../../src/avro/schema.ts';
import { tuplesOf } from '../../src/db/copy-binary.ts';
import { type AvscRow, type AvscValue, readByAvsc, writeByAvsc } from '../support/avsc.ts';
import {
  copyOfTuples,
  drain,
  type FieldBytes,
  piecesOf,
  tableOfAllTypes,
  tuples,
} from '../support/copy-tuples.ts';

const RUNS = Number(process.env.AVRO_TEST_RUNS ?? 60);
const TABLE = tableOfAllTypes(false);
const SCHEMA = avroSchemaOf(TABLE);
const NAMES = SCHEMA.fields.map(({ name }) => name);

/** From PostgreSQL's first day, 2000-01-01, to Avro's. */
const DAYS = 10_957;
const MICROS = BigInt(DAYS) * 86_400_000_000n;

/** What each column's bytes mean, worked out without the product's code. */
const VALUES: readonly ((bytes: Buffer) => AvscValue)[] = [
  (bytes) => bytes.readBigInt64BE(),
  (bytes) => bytes.readInt32BE(),
  String,
  (bytes) => bytes[0] === 1,
  (bytes) => bytes.readInt32BE() + DAYS,
  (bytes) => bytes.readBigInt64BE() + MICROS,
  (bytes) => bytes.readBigInt64BE(),
  textOfNumeric,
  (bytes) => bytes.readBigInt64BE(),
  (bytes) => bytes.readBigInt64BE(),
];

describe('avsc, another implementation of Avro', () => {
  for (const codec of CODECS) {
    it(`reads of our files what PostgreSQL gave (${codec})`, async () => {
      await fc.assert(
        fc.asyncProperty(tuples(false), async (rows) => {
          const source = tuplesOf(piecesOf(copyOfTuples(rows)));
          const { bytes } = await drain(encodeAvro(source, { table: TABLE, codec, metadata: {} }));
          assert.deepEqual(await readByAvsc(bytes), rows.map(rowOf));
        }),
        { numRuns: RUNS },
      );
    });

    it(`writes files of which we give the same to PostgreSQL (${codec})`, async () => {
      await fc.assert(
        fc.asyncProperty(tuples(false), async (rows) => {
          const file = await writeByAvsc(SCHEMA, rows.map(rowOf), codec);
          assert.ok((await decode(file)).equals(copyOfTuples(rows)));
        }),
        { numRuns: RUNS },
      );
    });
  }

  it('resolves files of older tables as we do: other orders, fields left out, ints for bigints', async () => {
    const order = fc.shuffledSubarray(
      SCHEMA.fields.map((_, at) => at),
      { minLength: 1 },
    );
    await fc.assert(
      fc.asyncProperty(tuples(false), order, fc.boolean(), async (given, kept, narrow) => {
        const rows = given.map((row) =>
          row.map((cell, at) => (kept.includes(at) ? narrowed(cell, at) : null)),
        );
        // A bigint column whose file has ints: those of the column `small`, as longs.
        function narrowed(cell: FieldBytes, at: number): FieldBytes {
          if (!narrow || at !== 0 || cell === null) return cell;
          const bytes = Buffer.alloc(8);
          bytes.writeBigInt64BE(BigInt.asIntN(32, cell.readBigInt64BE()));
          return bytes;
        }
        const fields = kept.map((at) => {
          const field = SCHEMA.fields[at]!;
          return narrow && at === 0 ? { ...field, type: ['null', 'int'] } : field;
        });
        const written = { ...SCHEMA, fields } as AvroRecordSchema;
        const values = rows.map(rowOf).map((row) => {
          const entries = kept.map((at) => [NAMES[at]!, row[NAMES[at]!]!] as const);
          return Object.fromEntries(
            entries.map(([name, value]) => [
              name,
              narrow && name === NAMES[0] && value !== null ? Number(value) : value,
            ]),
          );
        });
        const file = await writeByAvsc(written, values, 'null');
        assert.ok((await decode(file)).equals(copyOfTuples(rows)));
        assert.deepEqual((await readByAvsc(file, SCHEMA)).map(asBigInt), rows.map(rowOf));
      }),
      { numRuns: RUNS },
    );
  });
});

/** avsc reads an int into a long as a number. */
function asBigInt(row: AvscRow): AvscRow {
  const value = row[NAMES[0]!]!;
  return { ...row, [NAMES[0]!]: typeof value === 'number' ? BigInt(value) : value };
}

async function decode(file: Buffer): Promise<Buffer> {
  return (await drain(decodeAvro(piecesOf(file), { table: TABLE }))).bytes;
}

function rowOf(row: readonly FieldBytes[]): AvscRow {
  return Object.fromEntries(row.map((cell, at) => [NAMES[at]!, cell === null ? null : VALUES[at]!(cell)]));
}

/** As `numeric_out` prints it. Four digits each, `weight` of which, and one, stand before the point. */
function textOfNumeric(bytes: Buffer): string {
  const sign = bytes.readUInt16BE(4);
  const special = { 49152: 'NaN', 53248: 'Infinity', 61440: '-Infinity' }[sign];
  if (special !== undefined) return special;
  const scale = bytes.readUInt16BE(6);
  const before = (bytes.readInt16BE(2) + 1) * 4;
  let digits = '';
  for (let at = 8; at < bytes.length; at += 2) digits += String(bytes.readInt16BE(at)).padStart(4, '0');
  if (before < 0) digits = '0'.repeat(-before) + digits;
  const whole = digits.slice(0, Math.max(0, before)).padEnd(before, '0').replace(/^0+/, '') || '0';
  const fraction = digits.slice(Math.max(0, before)).padEnd(scale, '0').slice(0, scale);
  return `${sign === 0x4000 ? '-' : ''}${whole}${scale > 0 ? `.${fraction}` : ''}`;
}
