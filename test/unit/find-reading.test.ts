import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTableAs } from '../../src/dictionary/read-as.ts';
import { inSlices } from '../../src/in-slices.ts';
import { findReading } from '../../src/infer/find-reading.ts';
import { hintFor } from '../../src/reading-words.ts';
import type { Field, LoadMode, ReadAs, Table } from '../../src/types.ts';
import { table as tableOf } from '../support/api-fakes.ts';

const field = (name: string, type: Field['type'], more: Partial<Field> = {}): Field => ({
  ...{ name, type, format: 'default', constraints: {}, missingValues: [''] },
  ...more,
});
const BARE = tableOf('jobs');
const HEADED = readTableAs(BARE, { header: true });
const TEXTS: Table = {
  ...HEADED,
  fields: [field('name', 'string'), field('city', 'string')],
  primaryKey: [],
};
const PRICES: Table = {
  ...HEADED,
  fields: [field('id', 'integer'), field('article', 'string'), field('price', 'number')],
};
const GERMAN = { ...HEADED, fields: [field('Größe', 'integer'), field('Straße', 'string')], primaryKey: [] };

interface Asked {
  readonly mode?: LoadMode;
  readonly whole?: boolean;
  readonly broken?: readonly Buffer[];
  readonly isText?: boolean;
}

function find(table: Table, file: string | Buffer, asked: Asked = {}): Promise<ReadAs | null> {
  const beginning = Buffer.isBuffer(file) ? file : Buffer.from(file);
  return inSlices(findReading({ beginning, whole: true, table, mode: 'append', ...asked }));
}

const latin = (text: string) => Buffer.from(text, 'latin1');
const rows = (count: number, row: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => row(n + 1)).join('');

/** What a file seems to be that was read as its table says. */
const SEEMING: readonly (readonly [what: string, table: Table, file: string | Buffer, seems: ReadAs])[] = [
  ['semicolons below a header', HEADED, 'id;job\n1;Pilot\n', { delimiter: ';' }],
  ['semicolons without a header', BARE, '1;Pilot\n2;Cook\n', { delimiter: ';' }],
  ['tabs', HEADED, 'id\tjob\n1\tPilot\n', { delimiter: '\t' }],
  ['pipes with CRLF', HEADED, 'id|job\r\n1|Pilot\r\n', { delimiter: '|' }],
  [
    'commas for a table with semicolons',
    readTableAs(HEADED, { delimiter: ';' }),
    'id,job\n1,Pilot\n',
    { delimiter: ',' },
  ],
  [
    'semicolons and decimal commas, of which no row is good',
    PRICES,
    'id;article;price\n1;Pen;1,5\n2;Ink;2,5\n',
    { delimiter: ';' },
  ],
  ['semicolons behind a mark of UTF-8', HEADED, '\ufeffid;job\n1;Pilot\n', { delimiter: ';' }],
  ['a header that the table has none of', BARE, 'id,job\n1,Pilot\n2,Cook\n', { header: true }],
  [
    'a header above many good rows',
    BARE,
    `job,id\n${rows(90, (n) => `${n},J\n`)}`.replace('job,id', 'id,job'),
    { header: true },
  ],
  ['a header and semicolons', BARE, 'id;job\n1;Pilot\n', { delimiter: ';', header: true }],
  ['no header', HEADED, '1,Pilot\n2,Cook\n', { header: false }],
  ['no header, and tabs', HEADED, '1\tPilot\n2\tCook\n', { delimiter: '\t', header: false }],
  ['single quotes', HEADED, "'id','job'\n'1','Pilot, first'\n", { quoteChar: "'" }],
  [
    'double quotes where nothing is quoted',
    readTableAs(HEADED, { quoteChar: null }),
    '"id","job"\n"1","a, b"\n',
    { quoteChar: '"' },
  ],
  ['single quotes without a header', BARE, "1,'a, b'\n2,'c, d'\n", { quoteChar: "'" }],
  ['single quotes and semicolons', HEADED, "'id';'job'\n'1';'a; b'\n", { delimiter: ';', quoteChar: "'" }],
  ['escapes by backslashes', BARE, rows(9, (n) => `${n},"the \\"best\\", ${n}"\n`), { escapeChar: '\\' }],
  ['spaces before quotes', HEADED, 'id, job\n1, "a, b"\n2, "c, d"\n', { skipInitialSpace: true }],
  ['a quote that stands for inches', BARE, rows(9, (n) => `${n},"${n} inch pipe\n`), { quoteChar: null }],
  ['a comment above the header', HEADED, '# exported\nid,job\n1,Pilot\n', { commentChar: '#' }],
  ['windows-1252', BARE, latin('1,Büro\n2,Führer\n3,Gärtner für Bäume\n'), { encoding: 'windows-1252' }],
  [
    'windows-1252 in the header',
    GERMAN,
    latin('Größe,Straße\n1,Müllerstraße\n'),
    { encoding: 'windows-1252' },
  ],
  [
    'semicolons in windows-1252',
    GERMAN,
    latin('Größe;Straße\n1;Müllerstraße\n'),
    { delimiter: ';', encoding: 'windows-1252' },
  ],
  [
    'UTF-8 in the header of a table in windows-1252',
    readTableAs(GERMAN, { encoding: 'windows-1252' }),
    'Größe,Straße\n1,Weg\n',
    { encoding: 'utf-8' },
  ],
  [
    'semicolons in UTF-8, for a table in windows-1252',
    readTableAs(HEADED, { encoding: 'windows-1252' }),
    'id;job\n1;Büro\n',
    { delimiter: ';', encoding: 'utf-8' },
  ],
];

/** What went wrong otherwise: no other way of reading is better. */
const SILENT: readonly (readonly [what: string, table: Table, file: string | Buffer, asked?: Asked])[] = [
  [
    'years as headings of another table',
    {
      ...HEADED,
      fields: [field('place', 'string'), field('a', 'integer'), field('b', 'integer')],
      primaryKey: [],
    },
    'country,2019,2020\nChad,1,2\nMali,3,4\n',
  ],
  ['a good file', HEADED, 'id,job\n1,Pilot\n'],
  ['rows of which some are bad', BARE, '1,Pilot\nx,Cook\n,Nurse\n4,Smith\n'],
  ['rows of which all are bad', BARE, 'x,Pilot\ny,Cook\n'],
  ['columns of another table', HEADED, 'code,label\n1,Pilot\n'],
  ['columns of another table, separated otherwise', HEADED, 'code;label\n1;Pilot\n'],
  ['a missing column', HEADED, 'id;name;city\n1;A;B\n'],
  ['columns in another order', HEADED, 'job,id\nPilot,1\n'],
  ['a file of texts with the heading of another', TEXTS, 'town,person\nRome,Ann\nOslo,Bob\n'],
  ['a file of texts that may or may not have a header', TEXTS, 'Ann,Rome\nBob,Oslo\n'],
  ['a title above the table', HEADED, 'Jobs of 2026\n\nid,job\n1,Pilot\n'],
  ['what says to Excel how to read it', HEADED, 'sep=;\nid;job\n1;Pilot\n'],
  ['prose', BARE, 'Dear all, the jobs are attached.\nYours; Ann\n'],
  ['a single word', BARE, 'x'],
  ['nothing', BARE, ''],
  ['a decimal comma that is also the delimiter', PRICES, 'id,article,price\n1,Pen,1,5\n2,Ink,2,5\n'],
  ['apostrophes within texts', BARE, "1,it's\nx,don't\ny,won't\n"],
  ['lines in two encodings', BARE, Buffer.concat([Buffer.from('1,Büro\n2,Gärtner\n'), latin('3,Büro\n')])],
  [
    'Japanese in an encoding that no table has',
    BARE,
    Buffer.from('312c93fa967b8cea82cc834a835e834a83690a', 'hex'),
  ],
  ['a body that is text already', BARE, '1,B\ufffdro\nx,y\n', { isText: true }],
  ['a column less in a merge, where the key is missing', HEADED, 'job\nPilot\n', { mode: 'merge' }],
  [
    'times, though a colon would separate them',
    { ...BARE, fields: [field('a', 'string'), field('b', 'string')] },
    '12:30\n13:45\n',
  ],
];

describe('what a file seems to be that was refused', () => {
  for (const [what, table, file, seems] of SEEMING) {
    it(`is ${what}`, async () => assert.deepEqual(await find(table, file), seems));
  }
  for (const [what, table, file, asked] of SILENT) {
    it(`is not told where it has ${what}`, async () => assert.equal(await find(table, file, asked), null));
  }

  it('is told from records further on, where only they are in another encoding', async () => {
    const start = Buffer.from(rows(50, (n) => `${n},Pilot\n`));
    const broken = [latin('70,Büro'), latin('71,Gärtner')];
    assert.deepEqual(await find(BARE, start, { whole: false, broken }), { encoding: 'windows-1252' });
    const mixed = Buffer.concat([start, Buffer.from('60,Bäcker\n61,Schäfer\n')]);
    assert.equal(await find(BARE, mixed, { whole: false, broken }), null);
  });

  it('is told of a merge whose file has some columns only', async () => {
    const table: Table = { ...PRICES, fieldsMatch: 'partial' };
    assert.deepEqual(await find(table, 'id;price\n1;2.5\n', { mode: 'merge' }), { delimiter: ';' });
  });

  it('does not depend on where the beginning ends', async () => {
    const file = Buffer.from(`id;job\n${rows(60_000, (n) => `${n};"Pi\nlot"\n`)}`);
    for (const end of [33, 1000, 40_000, 300_000, file.length]) {
      assert.deepEqual(await find(HEADED, file.subarray(0, end), { whole: end === file.length }), {
        delimiter: ';',
      });
    }
  });

  it('is said in the words of whoever reads it', () => {
    const seems = { delimiter: '\t', encoding: 'windows-1252', header: false, quoteChar: null };
    assert.equal(
      hintFor(seems, HEADED, { header: true }),
      `the file seems to be separated by tabs (the table says ',') and in windows-1252 (the table says utf-8) and ` +
        `without a header (the request says with) and without quotes (the table says '"'): ` +
        'delimiter=tab&encoding=windows-1252&header=false&quoteChar= reads it, ' +
        'in the client --delimiter tab --encoding windows-1252 --no-header --quote none',
    );
    assert.equal(
      hintFor({ delimiter: ';' }, HEADED, null, 'the body'),
      `the body seems to be separated by ';' (the table says ','): delimiter=%3B reads it, in the client --delimiter ';'`,
    );
  });
});
