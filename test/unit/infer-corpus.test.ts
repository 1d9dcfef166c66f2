import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { CORPUS, type FileAnswer, readAnswers, readCorpusFile } from '../support/infer/answers.ts';
import { judgeOwn } from '../support/infer/check-own.ts';
import { EXCEPTIONS } from '../support/infer/exceptions.ts';

/** The records of a file as its answer says that they have to be read, without blank ones at the end. */
async function recordsOf(answer: FileAnswer): Promise<string[][]> {
  const text = new TextDecoder(answer.encoding).decode(await readCorpusFile(answer));
  const table = text.split(/(?<=\n)/).slice(answer.before ?? 0);
  const quote = answer.quote === undefined ? '"' : answer.quote;
  const records: string[][] = parse(table.join(''), {
    delimiter: answer.delimiter,
    quote,
    escape: answer.escape ?? quote,
    comment: answer.comment ?? null,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
  });
  while (records.at(-1)?.every((cell) => cell.trim() === '')) records.pop();
  return records;
}

test('every answer of the corpus describes the file beside it', async () => {
  for (const { name, files } of await readAnswers()) {
    for (const answer of files) {
      const records = await recordsOf(answer);
      const header = answer.header ? records.shift() : undefined;
      const says = (what: string) => `${name}, ${answer.file}: ${what}`;
      assert.equal(records.length, answer.rows, says('rows'));
      const named = answer.fields.map((field, at) => field.name ?? header?.[at]?.trim());
      if (header)
        assert.deepEqual(
          header.map((cell) => cell.trim()),
          named,
          says('header'),
        );
      for (const [at, record] of records.entries()) {
        if (answer.bad?.includes(at + 1)) continue;
        assert.equal(record.length, answer.fields.length, says(`cells of row ${at + 1}`));
      }
      for (const [row, values] of Object.entries(answer.values)) {
        assert.equal(values.length, answer.fields.length, says(`values of row ${row}`));
        for (const [at, value] of values.entries()) {
          const cell = records[Number(row) - 1]?.[at];
          // Text that is kept stands in the file as it is in the answer; the rest is for those who read types.
          if (typeof value !== 'string' || answer.fields[at]?.type.join() !== 'string') continue;
          assert.equal(cell?.trim(), value, says(`row ${row}, column ${at + 1}`));
        }
      }
    }
  }
});

test('every file of the corpus has its answer, and there are more than sixty', async () => {
  const answered = (await readAnswers()).flatMap(({ files }) => files.map(({ file }) => file));
  const present = (await readdir(CORPUS)).filter((name) => !/^\.|\.answer\.json$/.test(name));
  assert.deepEqual(answered.toSorted(), present.toSorted());
  assert.ok(present.length > 60, `${present.length}`);
});

test('Longshore infers every table of the corpus as its answer says, and a load of it has the right values', async () => {
  const wrong: string[] = [];
  for (const answer of await readAnswers()) {
    if (answer.name in EXCEPTIONS) continue;
    const { faults } = await judgeOwn(answer);
    wrong.push(...faults.map((fault) => `${answer.name}: ${fault}`));
  }
  assert.deepEqual(wrong, []);
});
