import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { countLines } from '../../src/csv/count-lines.ts';
import { encodingOf } from '../../src/csv/encoding.ts';
import { chunkBytesAt, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from '../../src/csv/plan-chunks.ts';
import { readRecords } from '../../src/csv/read-records.ts';
import { RecordScanner } from '../../src/csv/scan.ts';
import { MAX_RECORD_BYTES } from '../../src/csv/scan-contract.ts';
import { OVERSIZE_PREVIEW_BYTES, type SurveyOptions, Surveyor } from '../../src/csv/survey.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Dialect, Survey } from '../../src/types.ts';
import { cut, dialects, texts } from '../support/csv-arbitraries.ts';

const DIALECT: Dialect = {
  delimiter: ',',
  header: false,
  quoteChar: '"',
  doubleQuote: true,
  escapeChar: null,
  skipInitialSpace: false,
  commentChar: null,
};
const OPTIONS: SurveyOptions = { dialect: DIALECT, encoding: 'utf-8' };
const WITH_HEADER: SurveyOptions = { ...OPTIONS, dialect: { ...DIALECT, header: true, commentChar: '#' } };

function survey(content: string | Buffer, options: SurveyOptions = OPTIONS, pieceBytes = 7): Survey {
  const surveyor = new Surveyor(options);
  for (const piece of cut(Buffer.from(content), [pieceBytes])) surveyor.push(piece);
  return surveyor.end();
}

/** [line, cells, error code] of every record. */
function read(content: string | Buffer, options: SurveyOptions = OPTIONS): [number, string[], string?][] {
  const bytes = Buffer.from(content);
  return survey(bytes, options).chunks.flatMap((chunk) => {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    return [...readRecords(range, chunk, options.dialect, options.encoding, options)].map(
      ({ line, cells, error }): [number, string[], string?] =>
        error === null ? [line, cells] : [line, cells, error.code],
    );
  });
}

const isEmptyFile = { name: 'LongshoreError', code: 'file-empty' };

test('a file without records is refused as empty', () => {
  for (const content of ['', '\ufeff']) assert.throws(() => survey(content), isEmptyFile);
  for (const content of ['id,name', 'id,name\r\n', '# only\n# comments', '\ufeffid\n# end\n']) {
    assert.throws(() => survey(content, WITH_HEADER), isEmptyFile);
  }
});

test('the header is read, whatever stands before it, and belongs to no chunk', () => {
  const { header, chunks } = survey('\ufeff# made by hand\nid,"full\nname"\r\n1,Ada\r\n', WITH_HEADER);
  assert.deepEqual(header, ['id', 'full\nname']);
  assert.deepEqual(
    chunks.map(({ startByte, endByte, firstLine, quotes }) => [startByte, endByte, firstLine, quotes]),
    [[34, 41, 4, false]],
  );
  assert.deepEqual(survey('a,"b\n1,2\n', WITH_HEADER).header, ['a', '"b'], 'a stray quote in it too');
});

test('size and SHA-256 are those of the whole file', () => {
  const content = '\ufeffid\n1\n2\n';
  const { bytes, sha256 } = survey(content, WITH_HEADER, 2);
  assert.equal(bytes, Buffer.byteLength(content));
  assert.equal(sha256, createHash('sha256').update(content).digest('hex'));
});

test('CRLF, LF and lone CR all end a record, and count as one line each', () => {
  assert.deepEqual(read('a\r\nb\rc\n\nd'), [
    [1, ['a']],
    [2, ['b']],
    [3, ['c']],
    [4, ['']],
    [5, ['d']],
  ]);
});

test('a byte-order mark is no part of the first cell; NUL is left to the validator', () => {
  assert.deepEqual(read('\ufeffa,b\0c\n'), [[1, ['a', 'b\0c']]]);
});

test('quoted line ends stay in their cell, and the lines after them are numbered right', () => {
  assert.deepEqual(read('1,"a\r\nb\rc\n"\n2,d\n'), [
    [1, ['1', 'a\r\nb\rc\n']],
    [5, ['2', 'd']],
  ]);
});

test('a file cut off inside quotes loses the line it was cut off in', () => {
  assert.deepEqual(read('1,a\n2,"b'), [
    [1, ['1', 'a']],
    [2, ['2', '"b'], 'quote-error'],
  ]);
  assert.deepEqual(read('1,"a\n2,b\n3,c\n'), [
    [1, ['1', '"a'], 'quote-error'],
    [2, ['2', 'b']],
    [3, ['3', 'c']],
  ]);
});

test('a quote in the middle of a cell, or one that closes too early on its line, is text', () => {
  assert.deepEqual(read('1,5" pipe\n2,"a"b\n'), [
    [1, ['1', '5" pipe']],
    [2, ['2', '"a"b']],
  ]);
});

test('the scan ends a quoted cell at a NUL or a comment character, as csv-parse does', () => {
  const dialect = { ...DIALECT, commentChar: '#' };
  assert.deepEqual(read('"a\nb"\0c,1\n"d\ne"#f,2\n""#g,"3\n', { dialect, encoding: 'utf-8' }), [
    [1, ['a\nb\0c', '1']],
    [3, ['d\ne#f', '2']],
    [5, ['']],
  ]);
});

test('a stray quote after a well-quoted line end spoils its own record only', () => {
  assert.deepEqual(read('1,"a\nb","c\n2,d,e\n3,"f",g\n'), [
    [1, ['1', '"a\nb"', '"c'], 'quote-error'],
    [3, ['2', 'd', 'e']],
    [4, ['3', 'f', 'g']],
  ]);
});

test('one stray quote in the middle of a large file costs one row', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => `${i + 1},name ${i},2021-07-27T16:02:08Z,1,2\n`);
  rows[100_000] = '100001,"name,2021-07-27T16:02:08Z,1,2\n';
  const bytes = Buffer.from(rows.join(''));
  const found = survey(bytes, { ...OPTIONS, chunkBytes: () => 1_000_000 }, 64 * 1024);
  assert.equal(found.chunks.filter((chunk) => chunk.strayQuotes === 1).length, 1);
  assert.equal(found.chunks.filter((chunk) => chunk.quotes).length, 1);
  let lines = 0;
  const spoilt: number[] = [];
  for (const chunk of found.chunks) {
    for (const record of readRecords(
      bytes.subarray(chunk.startByte, chunk.endByte),
      chunk,
      DIALECT,
      'utf-8',
    )) {
      assert.equal(record.line, ++lines);
      if (record.error !== null) spoilt.push(record.line);
    }
  }
  assert.equal(lines, 200_000);
  assert.deepEqual(spoilt, [100_001]);
});

test('a record over the limit is a chunk of its own, known without its end', () => {
  const options = { ...OPTIONS, maxRecordBytes: 10 };
  const content = `1,a\n2,${'b'.repeat(20)}\n3,"${'c'.repeat(20)}"\n4,d\n5,"${'e\n'.repeat(10)}`;
  const { chunks } = survey(content, options);
  assert.deepEqual(
    chunks.map(({ startByte, firstLine, oversize }) => [startByte, firstLine, oversize]),
    [
      [0, 1, false],
      [4, 2, true],
      [27, 3, true],
      [52, 4, false],
    ],
  );
  const records = read(content, options);
  assert.deepEqual(
    records.slice(0, 5).map(([line, , code]) => [line, code]),
    [
      [1, undefined],
      [2, 'quote-error'],
      [3, 'quote-error'],
      [4, undefined],
      [5, 'quote-error'],
    ],
  );
  assert.deepEqual(
    records.slice(5).map(([line, cells]) => [line, cells[0]]),
    [6, 7, 8, 9, 10, 11, 12, 13, 14].map((line) => [line, 'e']),
  );
});

test('a quoted cell of many megabytes is read, and an endless one costs a row, at the real limit', () => {
  const long = `1,"${'long\n'.repeat(2_000_000)}"\n2,ok\n`;
  assert.deepEqual(
    read(long).map(([line, cells]) => [line, cells.length, cells[1]!.length]),
    [
      [1, 2, 10_000_000],
      [2_000_002, 2, 2],
    ],
  );
  const endless = `1,${'x'.repeat(MAX_RECORD_BYTES)}\n2,"ok"\n`;
  const { chunks } = survey(endless, OPTIONS, 1024 * 1024);
  assert.deepEqual(
    chunks.map(({ oversize }) => oversize),
    [true, false],
  );
  const preview = Buffer.from(endless).subarray(0, OVERSIZE_PREVIEW_BYTES);
  const [record] = readRecords(preview, chunks[0]!, DIALECT, 'utf-8');
  assert.deepEqual(
    record!.cells.map((cell) => cell.length),
    [1, OVERSIZE_PREVIEW_BYTES - 2],
  );
  assert.equal(record!.error!.code, 'quote-error');
});

test('bytes that are not valid in the encoding spoil their own record', () => {
  const content = Buffer.from('1,a\n2,\xff"\n3,"\xc3\xa9"\n', 'latin1');
  assert.deepEqual(read(content), [
    [1, ['1', 'a']],
    [2, ['2', '\ufffd"'], 'encoding-error'],
    [3, ['3', 'é']],
  ]);
  assert.deepEqual(read(content, { ...OPTIONS, encoding: 'windows-1252' })[1], [2, ['2', 'ÿ"']]);
  assert.deepEqual(read(Buffer.of(0xaa), { ...OPTIONS, encoding: 'windows-1253' })[0]![2], 'encoding-error');
});

test('an encoding in which a delimiter can be half of a character is not taken', () => {
  for (const label of ['utf-8', 'utf8', 'latin1', 'ascii', 'koi8-r'])
    assert.doesNotThrow(() => encodingOf(label), label);
  for (const label of ['utf-16le', 'shift_jis', 'gbk', 'nonsense'])
    assert.throws(() => encodingOf(label), { code: 'dictionary-invalid' }, label);
  assert.throws(() => survey('a', { dialect: { ...DIALECT, skipInitialSpace: true }, encoding: 'gbk' }), {
    code: 'dictionary-invalid',
  });
});

test('skipInitialSpace skips white space of the encoding, before quotes too', () => {
  const dialect = { ...DIALECT, skipInitialSpace: true };
  assert.deepEqual(read(' 1,\u00a0\t"a\nb",\u2003 c \n', { dialect, encoding: 'utf-8' }), [
    [1, ['1', 'a\nb', 'c ']],
  ]);
  const latin = Buffer.from(' 1,\xa0"a\nb",(c\n', 'latin1');
  assert.deepEqual(read(latin, { dialect, encoding: 'latin1' }), [[1, ['1', 'a\nb', '(c']]]);
});

test('a chunk aims for 4 to 16 MiB, growing with the file, so that a run holds few', () => {
  assert.equal(chunkBytesAt(0), MIN_CHUNK_BYTES);
  assert.equal(chunkBytesAt(2 ** 50), MAX_CHUNK_BYTES);
  let chunks = 0;
  for (let at = 0; at < 2 ** 33; chunks++) at += chunkBytesAt(at);
  assert.ok(chunks < 700, `8 GiB in ${chunks} chunks`);
});

test('line ends are counted in every range, wherever it begins in memory', () => {
  const text = 'a\n\nbcd\r\nefghij\n\n\nk\rl\nmnopqrstuvw\n\n';
  for (let offset = 0; offset < 4; offset++) {
    const bytes = Buffer.from('\n'.repeat(offset) + text).subarray(offset);
    for (let start = 0; start <= bytes.length; start++) {
      for (let end = start; end <= bytes.length; end++) {
        // A range does not split a CRLF.
        if (text.slice(start - 1, start + 1) === '\r\n' || text.slice(end - 1, end + 1) === '\r\n') continue;
        const expected = text.slice(start, end).match(/\r\n|\n|\r/g)?.length ?? 0;
        assert.equal(countLines(bytes, start, end), expected, `${offset}: ${start} to ${end}`);
      }
    }
  }
});

const lines = fc.constantFrom('plain,1\n', 'p\r\n', '# "\n', '"q\n""r",2\n', '"stray\n', 'lone\r', '\n');

test('passing over what holds no quote changes nothing: the same survey as byte by byte', () => {
  const content = fc
    .array(fc.tuple(lines, fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 12 })
    .map((runs) =>
      runs.map(([line, times]) => line.repeat(line.includes('"') ? (times % 2) + 1 : times)).join(''),
    );
  const property = fc.property(
    content,
    fc.integer({ min: 500, max: 5000 }),
    fc.boolean(),
    (text, size, header) => {
      const dialect = { ...DIALECT, header, commentChar: '#' };
      const options = { dialect, encoding: 'utf-8', chunkBytes: () => size };
      const of = (pieceBytes: number) => {
        try {
          return survey(text, options, pieceBytes);
        } catch (error) {
          return String(error);
        }
      };
      // Pieces of 700 bytes are below what passing over is worth.
      const slow = of(700);
      for (const pieceBytes of [1500, 4096, 1_000_000]) assert.deepEqual(of(pieceBytes), slow);
    },
  );
  fc.assert(property, { numRuns: 200 });
});

/** How many times the scanner reads a byte of the content, on average. */
function readsPerByte(content: string, dialect: Dialect, pieceBytes: number): number {
  const bytes = Buffer.from(content);
  const scanner = new RecordScanner(
    { dialect, encoding: 'utf-8', maxRecordBytes: 20_000 },
    { record() {}, skipped() {} },
  );
  for (const piece of cut(bytes, [pieceBytes])) scanner.push(piece);
  scanner.end();
  return scanner.scannedBytes / bytes.length;
}

test('input made to be read again and again is read at most three times', () => {
  const escaped = { ...DIALECT, escapeChar: '\\' };
  const spaced = { ...DIALECT, skipInitialSpace: true };
  const hostile = [
    '"',
    '"\n',
    '"\r',
    '"""\n',
    '"a\n',
    'x""\n',
    '"\nx""\n',
    'a,"\n',
    '"",""\n',
    '\\"\n',
    '\\,"\n',
    '"\\\n',
    '"\\"\n',
    '#"\n',
    ' "\n',
    '"\n\n\n',
  ];
  for (const dialect of [DIALECT, escaped, spaced, { ...DIALECT, commentChar: '#' }]) {
    for (const [i, line] of hostile.entries()) {
      for (const other of hostile.slice(i)) {
        for (const content of [line.repeat(200) + other.repeat(2000), (line + other).repeat(1000)]) {
          for (const pieceBytes of [13, 100_000]) {
            const reads = readsPerByte(content, dialect, pieceBytes);
            assert.ok(reads <= 3, `${reads} times: ${JSON.stringify([line, other, dialect])}`);
          }
        }
      }
    }
  }
});

const SEVERAL: SurveyOptions = { ...OPTIONS, blank: { columns: 3, emptyIsNull: true } };

test('blank lines at the end of a file are no records, and those before a row are', () => {
  for (const end of [
    '\n',
    '\r\n\r\n',
    '\r\r',
    ',,\n',
    ',,',
    ',,,,,\r\n,,\r\n\n',
    '  \n\t\n',
    '\n'.repeat(9_000),
  ]) {
    const lines = (options: SurveyOptions) => read(`1,a,b\n,,\n2,a,b\n${end}`, options).map(([line]) => line);
    assert.deepEqual(lines(SEVERAL), [1, 2, 3], JSON.stringify(end));
    assert.deepEqual(lines(OPTIONS).slice(0, 4), [1, 2, 3, 4]);
  }
  // An empty quoted cell was written by someone, and a comment says that the file goes on.
  for (const end of ['"",,\n', ', ,\n', '\n\n"', '\n#\n']) {
    assert.ok(read(`1,a,b\n${end}`, { ...SEVERAL, dialect: WITH_HEADER.dialect }).length > 0);
    const dialect = { ...DIALECT, commentChar: '#' };
    assert.equal(read(`1,a,b\n${end}`, { ...SEVERAL, dialect })[1]?.[0], 2, end);
  }
});

test('a line that may be a row of its table is never taken for blank', () => {
  const lines = (text: string, columns: number, emptyIsNull: boolean) =>
    read(text, { ...OPTIONS, blank: { columns, emptyIsNull } }).map(([line]) => line);
  assert.deepEqual(lines('a\n  \n', 1, true), [1, 2]);
  assert.deepEqual(lines('a\n\n', 1, true), [1]);
  assert.deepEqual(lines('a\n\n', 1, false), [1, 2]);
  assert.deepEqual(lines('a,b\n,\n\n', 2, false), [1, 2]);
  const { dialect } = WITH_HEADER;
  const ofHeader = read('id\na\n  \n', { ...SEVERAL, dialect }).map(([line]) => line);
  assert.deepEqual(ofHeader, [2, 3]);
});

test('a file of nothing but blank lines is empty', () => {
  for (const content of ['\n', ',,\r\n,,\r\n', '\ufeff\n\n', ' \n']) {
    assert.throws(() => survey(content, SEVERAL), isEmptyFile);
    assert.throws(
      () =>
        survey(`\ufeffa,b,c\n${content.replace('\ufeff', '')}`, { ...SEVERAL, dialect: WITH_HEADER.dialect }),
      isEmptyFile,
    );
  }
});

test('blank lines at the end are left out of any text, however it is cut, and nothing else', () => {
  const cases = dialects
    .map((dialect) => ({ ...dialect, commentChar: null }))
    .chain((dialect) =>
      fc.record({
        dialect: fc.constant(dialect),
        text: fc.tuple(texts(dialect), blankEnds(dialect)).map(([text, end]) => Buffer.from(text + end)),
        columns: fc.constantFrom(1, 3),
        emptyIsNull: fc.boolean(),
        pieceBytes: fc.constantFrom(1, 2, 3, 50),
        chunkSize: fc.constantFrom(1, 10, 1000),
      }),
    );
  fc.assert(
    fc.property(cases, ({ dialect, text, columns, emptyIsNull, pieceBytes, chunkSize }) => {
      const rule = { columns, emptyIsNull };
      const options = { dialect, encoding: 'utf-8', chunkBytes: () => chunkSize };
      const all = rawRecords(text, options, pieceBytes);
      const kept = rawRecords(text, { ...options, blank: rule }, pieceBytes);
      const isBlank = (raw: string) => {
        const delimiters = raw.includes(dialect.delimiter);
        if (!/^[ \t]*$/.test(raw.replaceAll(dialect.delimiter, ''))) return false;
        if (!delimiters && columns > 1) return true;
        const spaces = /[ \t]/.test(raw.replaceAll(dialect.delimiter, ''));
        return emptyIsNull && (!spaces || dialect.skipInitialSpace);
      };
      // A last line of other white space only is no record, but not one of those that are left out either.
      const lastLine =
        text
          .toString()
          .replace(/^\ufeff/, '')
          .split(/[\r\n]/)
          .at(-1) ?? '';
      const blankEnd = /^[ \t]*$/.test(lastLine.replaceAll(dialect.delimiter, ''));
      const last = all.findLastIndex(([, raw]) => !isBlank(raw));
      assert.deepEqual(kept, blankEnd ? all.slice(0, last + 1) : all);
    }),
    { numRuns: Number(process.env.CSV_TEST_RUNS ?? 1_000) },
  );
});

function blankEnds({ delimiter }: Dialect): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom('\n', '\r\n', '\r', delimiter, ' ', '\t'), { maxLength: 12 })
    .map((all) => all.join(''));
}

/** The line and the bytes of each record; none where there are no records. */
function rawRecords(bytes: Buffer, options: SurveyOptions, pieceBytes: number): [number, string][] {
  const surveyor = new Surveyor(options);
  for (const piece of cut(bytes, [pieceBytes])) surveyor.push(piece);
  let chunks: Survey['chunks'];
  try {
    chunks = surveyor.end().chunks;
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'file-empty') return [];
    throw error;
  }
  return chunks.flatMap((chunk) => {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    return [...readRecords(range, chunk, options.dialect, options.encoding, options)].map(
      ({ line, start, end }): [number, string] => [line, range.toString('utf8', start, end)],
    );
  });
}
