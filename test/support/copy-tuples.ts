import fc from 'fast-check';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { Table } from '../../src/types.ts';

/** A table with a field of each type, all required or all nullable. */
export function tableOfAllTypes(required: boolean, name = 'all_types'): Table {
  const constraints = { required };
  const fields = [
    { name: 'big', type: 'integer', constraints },
    {
      name: 'small',
      type: 'integer',
      constraints: { required, minimum: '-2147483648', maximum: '2147483647' },
    },
    { name: 'words', type: 'string', constraints },
    { name: 'yes', type: 'boolean', constraints },
    { name: 'day', type: 'date', constraints },
    { name: 'moment', type: 'datetime', constraints },
    { name: 'hour', type: 'time', constraints },
    { name: 'amount', type: 'number', constraints },
  ];
  const resource = { name, dialect: { header: false }, schema: { fields } };
  return parseDictionary({ name: 'test', resources: [resource] }).tables[0]!;
}

/** A field as PostgreSQL's send functions write it; null for SQL's null. */
export type FieldBytes = Buffer | null;

const long = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const int = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** numeric_send: no zeros at either end of the digits. */
function numericBytes(weight: number, sign: number, scale: number, digits: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + 2 * digits.length);
  bytes.writeInt16BE(digits.length, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(sign, 4);
  bytes.writeUInt16BE(scale, 6);
  for (const [at, digit] of digits.entries()) bytes.writeInt16BE(digit, 8 + 2 * at);
  return bytes;
}

const edges = (bits: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: bits - 1 }), fc.integer({ min: -2, max: 2 }))
    .map(([power, by]) => 2n ** BigInt(power) + BigInt(by));
const signed = (bits: number) =>
  fc
    .oneof(fc.bigInt(-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n), edges(bits))
    .chain((value) => fc.constantFrom(BigInt.asIntN(bits, value), BigInt.asIntN(bits, -value)));

const FIRST_DAY = -2_451_545;
const FIRST_MICROS = BigInt(FIRST_DAY) * 86_400_000_000n;
const LAST_MICROS = 2n ** 63n - 1n - 946_684_800_000_000n;

const specials = fc
  .constantFrom(0xc000, 0xd000, 0xf000)
  .map((sign) => numericBytes(0, sign, sign === 0xc000 ? 0 : 32, []));
const zeros = fc.integer({ min: 0, max: 16_383 }).map((scale) => numericBytes(0, 0, scale, []));
const finite = fc
  .record({
    digits: fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 1, maxLength: 12 }),
    weight: fc.oneof(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -4000, max: 32_767 })),
    sign: fc.constantFrom(0, 0x4000),
    behind: fc.integer({ min: 0, max: 9 }),
    zeros: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ digits, weight, sign, behind, zeros }) => {
    const first = digits[0] || 1;
    const last = digits.at(-1) || 1000;
    const inner = digits.length > 1 ? [first, ...digits.slice(1, -1), last] : [first];
    // The scale covers every digit that is not zero: at least to the last one's last.
    const end = inner.length - 1 - weight;
    const tail = inner.at(-1)!;
    const unused = tail % 1000 === 0 ? 3 : tail % 100 === 0 ? 2 : tail % 10 === 0 ? 1 : 0;
    const scale = end > 0 ? end * 4 - Math.min(unused, zeros) : behind;
    return numericBytes(weight, sign, Math.max(0, scale), inner);
  });

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }).map((s) => s.replaceAll('\0', '')),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', 'ä'.repeat(40_000), 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(8192)),
);

/** Values of each field of `tableOfAllTypes`, as bytes. */
const CELLS: readonly fc.Arbitrary<Buffer>[] = [
  signed(64).map(long),
  signed(32).map((value) => int(Number(value))),
  text.map((value) => Buffer.from(value.toWellFormed())),
  fc.boolean().map((value) => Buffer.of(value ? 1 : 0)),
  fc.integer({ min: FIRST_DAY, max: 2_145_031_948 }).map(int),
  fc
    .oneof(fc.bigInt(FIRST_MICROS, LAST_MICROS), fc.constantFrom(FIRST_MICROS, LAST_MICROS, -1n, 0n))
    .map(long),
  fc.bigInt(0n, 86_400_000_000n).map(long),
  fc.oneof(specials, zeros, finite),
];

/** Rows of `tableOfAllTypes`, lineage included. */
export function tuples(required: boolean, maxLength = 12): fc.Arbitrary<readonly FieldBytes[][]> {
  const cells = CELLS.map((cell) => (required ? cell : fc.option(cell, { nil: null })));
  const lineage = fc.option(signed(64).map(long), { nil: null });
  return fc.array(fc.tuple(...cells, lineage, lineage), { maxLength });
}

/** A binary COPY of the rows, with its header and trailer. */
export function copyOfTuples(rows: readonly (readonly FieldBytes[])[]): Buffer {
  const parts: Buffer[] = [Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)];
  for (const row of rows) parts.push(tupleOf(row));
  return Buffer.concat([...parts, Buffer.of(0xff, 0xff)]);
}

export function tupleOf(row: readonly FieldBytes[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(row.length);
  return Buffer.concat([count, ...row.flatMap((field) => (field ? [int(field.length), field] : [int(-1)]))]);
}

/** The bytes in pieces of these sizes, again and again. */
export async function* piecesOf(bytes: Buffer, sizes: readonly number[] = [65_536]): AsyncGenerator<Buffer> {
  for (let at = 0, no = 0; at < bytes.length; no++) {
    const piece = Buffer.from(bytes.subarray(at, at + sizes[no % sizes.length]!));
    at += piece.length;
    yield piece;
  }
}

/** All that a generator gives, and what it returns. */
export async function drain<T>(pieces: AsyncGenerator<Buffer, T>): Promise<{ bytes: Buffer; value: T }> {
  const kept: Buffer[] = [];
  for (;;) {
    const next = await pieces.next();
    if (next.done) return { bytes: Buffer.concat(kept), value: next.value };
    // A piece may be used again for the next.
    kept.push(Buffer.from(next.value));
  }
}
