import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { readLines } from '../../src/cli/insert/read-lines.ts';
import { foreignKindOf } from '../../src/csv/file-kind.ts';
import { Surveyor } from '../../src/csv/survey.ts';
import { LongshoreError } from '../../src/errors.ts';
import { isWrapped } from '../../src/wrappings/plain-text.ts';
import { startTestApi, type TestApi, table } from '../support/api-fakes.ts';

const CSV = '1,Engineer\n2,"Señor ""Dock"""\n';
const swapped = (text: string) => Buffer.from(text, 'utf16le').swap16();
const hex = (bytes: string) => Buffer.from(bytes, 'hex');

/** The beginning of an archive: its first header, and the name of the first file. */
const zipOf = (name: string) =>
  Buffer.concat([hex('504b0304140006000800'), Buffer.alloc(20), Buffer.from(name)]);

/** What is sent for a text, and the words that have to name it. */
const FOREIGN: readonly (readonly [kind: RegExp, bytes: Buffer])[] = [
  [/UTF-16 \(little-endian\)/, Buffer.from(`\ufeff${CSV}`, 'utf16le')],
  [/UTF-16 \(big-endian\)/, swapped(`\ufeff${CSV}`)],
  [/UTF-16 \(little-endian\)/, Buffer.from(CSV, 'utf16le')],
  [/UTF-16 \(big-endian\)/, swapped(CSV)],
  [/UTF-16 \(little-endian\)/, Buffer.from('1,имя\r\n2,фамилия\r\n'.repeat(50), 'utf16le')],
  [/UTF-32/, hex('fffe0000310000002c000000')],
  [/gzip/, gzipSync(CSV)],
  [/zstd/, zstdCompressSync(Buffer.from(CSV))],
  [/zip archive or a spreadsheet/, hex('504b03041400000008')],
  [/an Excel spreadsheet/, zipOf('[Content_Types].xml<Types')],
  [/an Excel spreadsheet \(xlsx\)/, zipOf('xl/workbook.xml')],
  [/an OpenDocument spreadsheet/, zipOf('mimetypeapplication/vnd.oasis.opendocument.spreadsheet')],
  [/bzip2/, Buffer.concat([Buffer.from('BZh9'), hex('314159265359aabb')])],
  [/xz/, hex('fd377a585a000004')],
  [/Parquet/, Buffer.concat([Buffer.from('PAR1'), hex('15041510')])],
  [/Avro/, Buffer.from('Obj\x01\x04\x14avro.codec')],
  [/Arrow/, Buffer.from('ARROW1\0\0')],
  [/PDF/, Buffer.from('%PDF-1.7\n')],
  [/old Excel/, hex('d0cf11e0a1b11ae100')],
  [/image \(PNG\)/, hex('89504e470d0a1a0a0000000d49484452')],
  [/image \(JPEG\)/, hex('ffd8ffe000104a464946')],
  [/image \(WebP\)/, Buffer.concat([Buffer.from('RIFF'), hex('24000000'), Buffer.from('WEBPVP8 ')])],
  [/image \(HEIC\)/, Buffer.concat([hex('00000018'), Buffer.from('ftypheic\0\0\0\0')])],
  [/image \(GIF\)/, Buffer.from('GIF89a\x01\0\x01\0')],
  [/tar archive/, Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar\x0000')])],
];

const TEXTS: readonly (Buffer | string)[] = [
  CSV,
  '',
  '1',
  'PAR1,ORC\nOBJ',
  'ORC\n1\n',
  'BZh9,PK\n',
  'GIF89a,1\n',
  '1,a\0\n2,b\0\n',
  '1,\0,\0\n',
  '\0\0\0\0,\n',
  'имя,фамилия\n',
  Buffer.from('ÿþ of latin1', 'latin1').subarray(1),
];

function survey(bytes: Buffer, encoding: string, pieceBytes: number) {
  const surveyor = new Surveyor({ dialect: table('jobs').dialect, encoding });
  for (let at = 0; at < bytes.length; at += pieceBytes) surveyor.push(bytes.subarray(at, at + pieceBytes));
  return surveyor.end();
}

const mismatch = (kind: RegExp) => (error: unknown) =>
  error instanceof LongshoreError && error.code === 'encoding-mismatch' && kind.test(error.message);

describe('A file that is no text in the encoding of its table', () => {
  it('is named by its first bytes, however they arrive', () => {
    for (const [kind, bytes] of FOREIGN) {
      for (const pieceBytes of [1, 7, bytes.length]) {
        assert.throws(() => survey(bytes, 'utf-8', pieceBytes), mismatch(kind));
      }
      assert.throws(() => survey(bytes, 'windows-1252', bytes.length), mismatch(kind));
    }
  });

  it('is distinguished from text, also from text with NULs in it', () => {
    for (const text of TEXTS) assert.equal(foreignKindOf(Buffer.from(text)), null, JSON.stringify(text));
  });

  it('is refused where a mark says UTF-8 and the dictionary another one, unless both are ASCII', () => {
    assert.throws(
      () => survey(Buffer.from(`\ufeff${CSV}`), 'latin1', 5),
      mismatch(/marked as UTF-8, but latin1/),
    );
    const late = Buffer.from(`\ufeff${'1,a\n'.repeat(1000)}2,é\n`);
    assert.throws(() => survey(late, 'latin1', 900), mismatch(/marked as UTF-8/));
    assert.equal(survey(Buffer.from('\ufeff1,a\n'), 'latin1', 5).chunks[0]!.startByte, 3);
    assert.equal(survey(Buffer.from(`\ufeff${CSV}`), 'utf-8', 5).chunks[0]!.startByte, 3);
  });

  it('ends `insert` before anything is sent', async () => {
    const lines = readLines(
      pieces(gzipSync('{"id":1}\n')),
      'hires.ndjson',
      1000,
      new AbortController().signal,
    );
    await assert.rejects(lines.next(), /hires.ndjson is compressed by gzip: .* nothing was sent/);
    const text = readLines(
      pieces(Buffer.from('{"id":1}\n')),
      'hires.ndjson',
      1000,
      new AbortController().signal,
    );
    assert.equal((await text.next()).value?.bytes.toString(), '{"id":1}');
  });
});

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (const byte of bytes) yield Buffer.of(byte);
}

describe('A body that is no text in UTF-8', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
  });
  after(() => api[Symbol.asyncDispose]());

  it('is refused by what it is, as a file, in a form and as a batch, and nothing is kept', async () => {
    for (const [kind, bytes] of FOREIGN.filter(([, bytes]) => !isWrapped(bytes, 'utf-8'))) {
      const body = new Uint8Array(bytes);
      const form = new FormData();
      form.set('file', new Blob([body]), 'jobs.csv');
      const csv = { 'content-type': 'text/csv' };
      const sent = [
        ['/v1/tables/jobs/loads', { headers: csv, body }, 'encoding-mismatch'],
        ['/v1/tables/jobs/loads', { body: form }, 'encoding-mismatch'],
        ['/v1/tables/jobs/rows', { headers: csv, body }, 'malformed-body'],
        ['/v1/tables/jobs/rows', { headers: { 'content-type': 'application/json' }, body }, 'malformed-body'],
      ] as const;
      for (const [path, init, code] of sent) {
        const response = await api.call(path, { method: 'POST', ...init });
        const problem = (await response.json()) as { code: string; detail: string };
        assert.equal(problem.code, code, `${path}: ${problem.detail}`);
        assert.match(problem.detail, kind);
      }
    }
    assert.deepEqual(await api.files(), []);
    assert.equal(api.loads.started.length, 0);
  });
});
