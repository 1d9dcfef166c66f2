import { type CopyInput, checkEnd, tuplesOf } from '../db/copy-binary.ts';
import type { Table } from '../types.ts';
import { cellText } from './cell-text.ts';
import { decodeAvro } from './decode.ts';
import { type Column, columnsWithTypes } from './schema.ts';

/** The values of a row in the order of `columnsOf`, lineage last; null is SQL's. See `cellText` for their form. */
export type TextRow = readonly (string | null)[];

/**
 * The rows of a container file as texts, one by one: for differences and for rows that have to be checked again.
 * Restores go by `decodeAvro`, which is many times quicker.
 * @throws LongshoreError as `decodeAvro` does
 */
export async function* readAvroRows(
  file: AsyncIterable<Buffer>,
  table: Table,
): AsyncGenerator<TextRow, void> {
  const columns = columnsWithTypes(table);
  const source = tuplesOf(decodeAvro(file, { table }));
  try {
    while (await source.more()) {
      while (source.input.nextTuple(columns.length)) yield textRow(source.input, columns);
    }
    checkEnd(source.input);
  } finally {
    await source.close();
  }
}

function textRow({ bytes, view, tupleStart }: CopyInput, columns: readonly Column[]): TextRow {
  let at = tupleStart + 2;
  return columns.map(({ type }) => {
    const length = view.getInt32(at);
    const from = at + 4;
    at = from + Math.max(length, 0);
    return length < 0 ? null : cellText(type, bytes, view, from, length);
  });
}
