import assert from 'node:assert/strict';
import { columnType } from '../../src/rows/column-type.ts';
import { copyRow } from '../../src/rows/copy-text.ts';
import type { CopyFormat } from '../../src/rows/encoded-pieces.ts';
import type { Field, Table } from '../../src/types.ts';

/**
 * What `encodeChunk` made, as one COPY text by line: binary pieces are read back, each by itself, as every piece is
 * whole rows. Integers lose leading zeros, which binary has none of.
 */
export function copyLines(table: Table, pieces: Readonly<Record<CopyFormat, readonly Buffer[]>>): string {
  const lines: { readonly line: number; readonly text: string }[] = [];
  for (const piece of pieces.text) {
    assert.equal(piece.at(-1), 10, 'a piece is whole lines');
    for (const row of piece.toString().slice(0, -1).split('\n')) {
      const [line, ...cells] = row.split('\t');
      const shown = cells.map((cell, i) =>
        table.fields[i]!.type === 'integer' && cell !== '\\N' ? String(BigInt(cell)) : cell,
      );
      lines.push({ line: Number(line), text: `${[line, ...shown].join('\t')}\n` });
    }
  }
  for (const piece of pieces.binary) {
    for (let at = 0; at < piece.length; ) {
      assert.equal(piece.readInt16BE(at), table.fields.length + 1);
      assert.equal(piece.readInt32BE(at + 2), 8);
      const line = Number(piece.readBigInt64BE(at + 6));
      at += 14;
      const values: (string | null)[] = [];
      for (const field of table.fields) {
        const length = piece.readInt32BE(at);
        at += 4;
        values.push(length < 0 ? null : shownAs(field, piece.subarray(at, at + length)));
        at += Math.max(0, length);
      }
      lines.push({ line, text: copyRow(line, values) });
    }
  }
  return lines
    .sort((a, b) => a.line - b.line)
    .map(({ text }) => text)
    .join('');
}

const EPOCH_MS = Date.UTC(2000, 0, 1);

function shownAs(field: Field, bytes: Buffer): string {
  switch (columnType(field)) {
    case 'text':
      return bytes.toString();
    case 'bigint':
      return String(bytes.readBigInt64BE());
    case 'integer':
      return String(bytes.readInt32BE());
    case 'boolean':
      return String(bytes[0] === 1);
    case 'date':
      return new Date(EPOCH_MS + bytes.readInt32BE() * 86_400_000).toISOString().slice(0, 10);
    case 'timestamptz':
      return new Date(EPOCH_MS + Number(bytes.readBigInt64BE() / 1000n)).toISOString().replace('.000Z', 'Z');
    default:
      throw new Error(`${field.type} has no binary form`);
  }
}
