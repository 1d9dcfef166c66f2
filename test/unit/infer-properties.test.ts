import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { infer } from '../../src/infer/infer.ts';
import { inferredRows } from '../support/infer/longshore.ts';
import { sameValue } from '../support/infer/same-value.ts';
import { writtenTables } from '../support/infer/written-tables.ts';

test('a table that is written in any usual dialect, encoding and country comes back with the values that it had', async () => {
  await fc.assert(
    fc.asyncProperty(writtenTables, async ({ bytes, fields, values, told }) => {
      const source = { name: 'any.csv', open: () => pieces(bytes) };
      const { descriptor, files } = await infer([source]);
      const [table] = parseDictionary(descriptor).tables;
      const rows = await inferredRows(source, files[0]!, table!);
      assert.equal(rows.length, values.length, told);
      for (const [at, row] of values.entries()) {
        for (const [column, field] of fields.entries()) {
          const [expected, received] = [row[column]!, rows[at]![column]];
          const what = `row ${at + 1}, column ${column + 1}: expected ${expected}, received ${received} as ${JSON.stringify(table!.fields[column])}, ${told}`;
          assert.ok(sameValue(expected, received, field), what);
        }
      }
      if (fields[0]!.name !== null) assert.deepEqual(table!.primaryKey, ['id'], told);
    }),
    { numRuns: 100 },
  );
});

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}
