import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { LongshoreError } from '../../src/errors.ts';
import { type StoredText, storeFile } from '../../src/loads/store-file.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { table } from '../support/api-fakes.ts';
import { testHome } from '../support/home.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/wrappings');
const fixture = (name: string) => readFile(join(FIXTURES, name));
const TEXT = await fixture('rows.csv');
const utf32 = (text: string, write: 'writeUInt32LE' | 'writeUInt32BE') =>
  Buffer.concat(
    Array.from(text, (character) => {
      const unit = Buffer.alloc(4);
      unit[write](character.codePointAt(0)!);
      return unit;
    }),
  );
const wide = (text: string) => Buffer.from(text, 'utf16le');

/** In pieces of any size, as a network gives them. */
async function* cut(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

describe('A file that arrives wrapped', async () => {
  const storage = await openStorage(`file:${await testHome({ after })}`);
  const jobs = { ...table('jobs'), encoding: 'utf-8' };
  const rows = { ...jobs, dialect: { ...jobs.dialect, header: true } };
  const store = (bytes: Buffer, { pieceBytes = 65_536, maxExpansion = 250, encoding = 'utf-8' } = {}) =>
    storeFile(cut(bytes, pieceBytes), { storage, table: { ...rows, encoding }, maxExpansion });
  const textOf = async ({ key, survey }: StoredText) => storage.read(key, 0, survey.bytes);
  const fails = async (bytes: Buffer, code: string, message: RegExp, options = {}) => {
    const there = await storage.list('uploads/');
    await assert.rejects(store(bytes, options), (error) => {
      assert.ok(error instanceof LongshoreError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(await storage.list('uploads/'), there, 'nothing is kept');
  };

  it('is stored as its text, whatever it is packed by and however it is cut', async () => {
    const half = TEXT.length / 2;
    const twice = (pack: (bytes: Buffer) => Buffer) =>
      Buffer.concat([pack(TEXT.subarray(0, half)), pack(TEXT.subarray(half))]);
    const files: [wrappings: string[], bytes: Buffer][] = [
      [['gzip'], gzipSync(TEXT)],
      [['gzip'], twice(gzipSync)],
      [['zstd'], zstdCompressSync(TEXT)],
      [['zstd'], twice(zstdCompressSync)],
      [['bzip2'], await fixture('rows.csv.bz2')],
      [['bzip2'], await fixture('rows.two-streams.csv.bz2')],
      [['xz'], await fixture('rows.csv.xz')],
      [['xz'], await fixture('rows.two-streams.csv.xz')],
      [['zip'], await fixture('rows.zip')],
      [['zstd', 'gzip'], zstdCompressSync(gzipSync(TEXT))],
    ];
    for (const [wrappings, bytes] of files) {
      for (const pieceBytes of [1, 7, 1024, 65_536]) {
        const stored = await store(bytes, { pieceBytes });
        assert.deepEqual(stored.wrappings, wrappings);
        assert.equal(
          (await textOf(stored)).toString(),
          TEXT.toString(),
          `${wrappings}, pieces of ${pieceBytes}`,
        );
        assert.equal(stored.survey.bytes, TEXT.length);
      }
    }
  });

  it('is the same content as its text, and has nothing beside', async () => {
    const plain = await store(TEXT);
    assert.equal(plain.wrappings, null);
    const packed = await store(gzipSync(TEXT));
    assert.deepEqual(packed.survey, plain.survey);
    for (const key of await storage.list('uploads/')) await storage.delete(key);
    await store(await fixture('rows.zip'));
    assert.equal((await storage.list('uploads/')).length, 1, 'the archive itself is not kept');
  });

  it('is stored as UTF-8, where no chunk could be cut from its encoding', async () => {
    const text = 'id,name\n1,Señor 𝄞\n2,日曜\n';
    const marked = `\ufeff${text}`;
    const files: [wrappings: string[], bytes: Buffer, encoding?: string][] = [
      [['utf-16le'], wide(marked)],
      [['utf-16be'], wide(marked).swap16()],
      [['utf-16le'], wide(text)],
      [['utf-16be'], wide(text).swap16()],
      [['utf-32le'], utf32(marked, 'writeUInt32LE')],
      [['utf-32be'], utf32(marked, 'writeUInt32BE')],
      [['gzip', 'utf-16le'], gzipSync(wide(marked)), 'windows-1252'],
    ];
    for (const [wrappings, bytes, encoding] of files) {
      for (const pieceBytes of [1, 3, 65_536]) {
        const stored = await store(bytes, { pieceBytes, ...(encoding && { encoding }) });
        assert.deepEqual(stored.wrappings, wrappings);
        assert.equal(stored.textEncoding, 'utf-8');
        assert.equal((await textOf(stored)).toString(), text, `${wrappings}, pieces of ${pieceBytes}`);
      }
    }
    const sjis = Buffer.concat([
      Buffer.from('id,name\n1,'),
      Buffer.from('93fa967b', 'hex'),
      Buffer.from('\n'),
    ]);
    const stored = await store(sjis, { encoding: 'shift_jis' });
    assert.deepEqual([stored.wrappings, stored.textEncoding], [['shift_jis'], 'utf-8']);
    assert.equal((await textOf(stored)).toString(), 'id,name\n1,日本\n');
  });

  it('keeps what is no character as a byte that is none, so that its row is rejected', async () => {
    const broken = Buffer.concat([
      Buffer.from('id,name\n1,'),
      Buffer.from('93', 'hex'),
      Buffer.from(' x\n2,y\n'),
    ]);
    const stored = await store(broken, { encoding: 'shift_jis' });
    const bytes = await textOf(stored);
    assert.ok(bytes.includes(0xff), bytes.toString('hex'));
    assert.equal(bytes.includes('\ufffd'), false);
    const lone = wide('id,name\n1,a\n');
    lone.writeUInt16LE(0xd841, 20);
    assert.ok((await textOf(await store(lone))).includes(0xff));
  });

  it('is refused where it is damaged, ends too early or has something behind, and nothing is kept', async () => {
    const packed: [name: string, bytes: Buffer][] = [
      ['gzip', gzipSync(TEXT)],
      ['zstd', zstdCompressSync(TEXT)],
      ['bzip2', await fixture('rows.csv.bz2')],
      ['xz', await fixture('rows.csv.xz')],
      ['zip', await fixture('rows.zip')],
    ];
    for (const [name, bytes] of packed) {
      const says = new RegExp(`^the file can not be unpacked by ${name}: .`);
      for (const length of [16, bytes.length >> 1, bytes.length - 1]) {
        await fails(bytes.subarray(0, length), 'unpack-failed', says);
      }
      const damaged = Buffer.from(bytes);
      for (let at = bytes.length >> 1; at < (bytes.length >> 1) + 8; at++) damaged[at]! ^= 0x5a;
      await fails(damaged, 'unpack-failed', says);
    }
    for (const [name, bytes] of packed.filter(([name]) => name !== 'zip')) {
      const says = new RegExp(`^the file can not be unpacked by ${name}: .`);
      const more = Buffer.concat([bytes, Buffer.from('1,more rows\n')]);
      for (const pieceBytes of [1, bytes.length, 65_536])
        await fails(more, 'unpack-failed', says, { pieceBytes });
    }
  });

  it('is refused where it unpacks to far more than its size', async () => {
    const zeros = Buffer.alloc(80 * 1024 * 1024, 'a,b\n');
    for (const bomb of [gzipSync(zeros), zstdCompressSync(zeros), gzipSync(gzipSync(zeros))]) {
      await fails(
        bomb,
        'expansion-limit',
        /^the file unpacks to more than 250 times its size: \d+ bytes became/,
      );
    }
    const stored = await store(gzipSync(zeros), { maxExpansion: 2000 });
    assert.equal(stored.survey.bytes, zeros.length);
  });

  it('is refused where it is an archive of no file, of several, or of paths that climb', async () => {
    await fails(await fixture('none.zip'), 'file-empty', /^the zip archive holds no file$/);
    await fails(await fixture('two.zip'), 'unpack-failed', /holds 2 files \("a.csv", "b.csv"\): send one/);
    await fails(await fixture('climbing.zip'), 'unpack-failed', /invalid relative path: ..\/..\/rows.csv/);
    await fails(gzipSync(await fixture('rows.zip')), 'unpack-failed', /a zip archive in something else/);
    await fails(gzipSync(gzipSync(gzipSync(gzipSync(TEXT)))), 'unpack-failed', /packed more than 3 times/);
    await fails(gzipSync('%PDF-1.7\n'), 'encoding-mismatch', /a PDF document/);
  });

  it('fails as its source fails', async () => {
    const lost = new Error('lost');
    const halves = async function* () {
      yield gzipSync(TEXT).subarray(0, 600);
      throw lost;
    };
    const options = { storage, table: rows, maxExpansion: 250 };
    await assert.rejects(storeFile(halves(), options), (error) => error === lost);
  });
});
