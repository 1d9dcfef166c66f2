import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, describe, it } from 'node:test';
import { badInputStack, type ExpectedReject } from '../support/bad-input.ts';
import { MARKER } from '../support/bad-requests.ts';

describe('bad rows', async () => {
  const stack = await badInputStack({ after });
  const { db, load, loadBad, post, rejects, rows } = stack;
  afterEach(stack.assertTidy);

  describe('a row that is wrong becomes a reject, and the rest is loaded', () => {
    it('a file that is cut off inside quotes: the row with the quote, and what was its rest', async () => {
      const { body, found } = await loadBad('things', `1,a,,,\n2,"b\nc",,,\n4,"${MARKER}\nd,,,\n6,e,,,\n`, [
        [4, [null, 'quote-error']],
        [5, ['id', 'type-error'], ['name', 'constraint-error'], ['kind', 'missing-cell']],
      ]);
      assert.deepEqual(found[0]?.cells, ['4', `"${MARKER}`]);
      assert.equal(body.rows.loaded, 3);
      assert.deepEqual(
        (await rows('things')).map((row) => [row.id, row.name, row._line]),
        [
          ['1', 'a', '1'],
          ['2', 'b\nc', '2'],
          ['6', 'e', '6'],
        ],
      );
    });

    it('a wrong number of cells: too few, too many, none, nothing but delimiters', async () => {
      const tooMany = Array.from({ length: 100 }, () => [null, 'extra-cell'] as const);
      await loadBad('things', `1,a\n2,b,,,,x,y\n\n,,,,\n5,e,,,${','.repeat(1e6)}\n6,f,,,\n`, [
        [1, ['made', 'missing-cell'], ['price', 'missing-cell'], ['kind', 'missing-cell']],
        [2, [null, 'extra-cell'], [null, 'extra-cell']],
        [3, [null, 'blank-row']],
        [4, [null, 'blank-row']],
        [5, ...tooMany],
      ]);
      assert.deepEqual(
        (await rows('things')).map((row) => row.id),
        ['6'],
      );
    });

    it('NUL bytes: not in a text, not in a number, and not in a key', async () => {
      const { found } = await loadBad('things', `1,a\0b,,,\n2\0,c,,,\n3,d,,,\n4,e,,,k\0\n\0\n`, [
        [1, ['name', 'type-error']],
        [2, ['id', 'type-error']],
        [4, ['kind', 'type-error']],
        [
          5,
          ['id', 'type-error'],
          ['name', 'constraint-error'],
          ['name', 'missing-cell'],
          ['made', 'missing-cell'],
          ['price', 'missing-cell'],
          ['kind', 'missing-cell'],
        ],
      ]);
      assert.deepEqual(found[0]?.cells, ['1', 'a\0b', '', '', '']);
      assert.equal(
        found[0]?.errors[0]?.message,
        'expected a string (a NUL character can not be stored), received "a\\u0000b"',
      );
    });

    it('bytes that are not UTF-8, in an unquoted and in a quoted cell', async () => {
      const csv = Buffer.concat([
        Buffer.from('1,caf\xe9,,,\n', 'latin1'),
        Buffer.from('2,café,,,\n'),
        Buffer.from([0x33, 0x2c, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x2c, 0x2c, 0x2c, 0x0a]),
        Buffer.from('4,"d\ne",,,\n'),
        Buffer.from([0x35, 0x2c, 0xc0, 0x80, 0x2c, 0x2c, 0x2c, 0xf5]),
      ]);
      const { found } = await loadBad('things', csv, [
        [1, [null, 'encoding-error']],
        [3, [null, 'encoding-error']],
        [6, [null, 'encoding-error']],
      ]);
      assert.deepEqual(found[0]?.cells, ['1', 'caf\ufffd', '', '', '']);
      assert.deepEqual(
        (await rows('things')).map((row) => row.name),
        ['café', 'd\ne'],
      );
    });

    it('a byte-order mark, CRLF, LF and lone CR are all taken', async () => {
      const { body } = await loadBad(
        'things',
        '\ufeff1,a,,,\r\n2,b,,,\r3,c,,,\n\r\n"5","e\r\nf",,,\r7,"g\rh",,,',
        [[4, [null, 'blank-row']]],
      );
      assert.equal(body.rows.read, 6);
      assert.deepEqual(
        (await rows('things')).map((row) => [row.id, row.name, row._line]),
        [
          ['1', 'a', '1'],
          ['2', 'b', '2'],
          ['3', 'c', '3'],
          ['5', 'e\r\nf', '5'],
          ['7', 'g\rh', '7'],
        ],
      );
      const headed = await load('notes', '\ufeffid,text\r1,a\r2,b\r');
      assert.deepEqual([headed.status, headed.body.rows?.loaded], [201, 2], JSON.stringify(headed.body));
      assert.deepEqual(
        (await rows('notes')).map((row) => row._line),
        ['2', '3'],
      );
    });

    it('quotes in the middle of a field are characters like any other', async () => {
      await loadBad('things', '1,a "b" c,,,\n2,5",,,\n3,"d ""e""",,,\n4,"f"g,,,\n5,"""",,,\n', []);
      assert.deepEqual(
        (await rows('things')).map((row) => row.name),
        ['a "b" c', '5"', 'd "e"', '"f"g', '"'],
      );
    });

    it('one stray quote in a file of several chunks costs one row', async () => {
      // More than a record may have after the quote, so that looking for its end has to be given up.
      const line = (i: number) => `${i},${'n'.repeat(10_000)},,,\n`;
      const lines = Array.from({ length: 2_000 }, (_, i) => line(i + 1));
      lines[9] = lines[9]!.replace(',n', `,"${MARKER}n`);
      const { body } = await loadBad('things', lines.join(''), [[10, [null, 'quote-error']]]);
      assert.ok(body.progress.chunks > 1);
      const [sums] = await db.query(
        'select count(*)::int as n, sum(id)::int as ids, sum(_line)::int as lines from things',
      );
      const expected = (2_000 * 2_001) / 2 - 10;
      assert.deepEqual(sums, { n: 1_999, ids: expected, lines: expected });
    });

    it('a field of 5 MB is loaded; one of a key, and a record of 17 MB, are not', async () => {
      const big = 'ä'.repeat(2.5e6);
      const csv = `1,${big},,,\n2,"${big}\n",,,\n4,${'x'.repeat(17e6)},,,\n5,e,,,${big}\n6,f,,,\n`;
      const { body, found } = await loadBad('things', csv, [
        [4, [null, 'quote-error']],
        [5, ['kind', 'constraint-error']],
      ]);
      assert.equal(
        found[0]?.errors[0]?.message,
        'expected a record of at most 16777216 bytes, received a longer one',
      );
      assert.equal(found[1]?.cells[4], big);
      assert.ok(found[1]!.errors[0]!.message.length < 200);
      assert.equal(body.rows.loaded, 3);
      const stored = await db.query('select id, md5(name) as md5 from things order by id');
      const md5 = (text: string) => createHash('md5').update(text).digest('hex');
      assert.deepEqual(stored, [
        { id: '1', md5: md5(big) },
        { id: '2', md5: md5(`${big}\n`) },
        { id: '6', md5: md5('f') },
      ]);
    });

    it('dates that do not exist', async () => {
      const dates = [
        '2021-02-29',
        '2020-02-29',
        '2021-13-01',
        '2021-00-10',
        '2021-04-31',
        '1900-02-29',
        '0000-01-01',
        '21-1-1',
        '2021-02-03T00:00:00Z',
        '99999-01-01',
        '9999-12-31',
      ];
      const good = ['2020-02-29', '9999-12-31'];
      const csv = dates.map((date, i) => `${i + 1},a,${date},,\n`).join('');
      const bad = dates.flatMap((date, i): ExpectedReject[] =>
        good.includes(date) ? [] : [[i + 1, ['made', 'type-error']]],
      );
      await loadBad('things', csv, bad);
      const stored = await db.query('select made::text from things order by id');
      assert.deepEqual(
        stored.map((row) => row.made),
        good,
      );
    });

    it('numbers out of range: 64 bits, and what numeric can hold', async () => {
      const rowsOf = [
        '9223372036854775807,a,,,',
        '9223372036854775808,a,,,',
        '-9223372036854775808,a,,,',
        '-9223372036854775809,a,,,',
        '1e3,a,,,',
        '1.0,a,,,',
        `${'9'.repeat(1e6)},a,,,`,
        '1,a,,1e131071,',
        '2,a,,1e131072,',
        '3,a,,1e-16383,',
        '4,a,,1e-16384,',
        `5,a,,${'9'.repeat(131_072)},`,
        `6,a,,${'9'.repeat(131_073)},`,
        '7,a,,NaN,',
        '8,a,,-INF,',
        '9,a,,1e999999999999,',
        '10,a,,0x1F,',
        '11,a,,١,',
        '0012,a,,0.10,',
      ];
      await loadBad('things', `${rowsOf.join('\n')}\n`, [
        [2, ['id', 'type-error']],
        [4, ['id', 'type-error']],
        [5, ['id', 'type-error']],
        [6, ['id', 'type-error']],
        [7, ['id', 'type-error']],
        [9, ['price', 'type-error']],
        [11, ['price', 'type-error']],
        [13, ['price', 'type-error']],
        [16, ['price', 'type-error']],
        [17, ['price', 'type-error']],
        [18, ['price', 'type-error']],
      ]);
      assert.deepEqual(
        (await rows('things')).map((row) => row.id),
        ['-9223372036854775808', '1', '3', '5', '7', '8', '12', '9223372036854775807'],
      );
    });

    it('a key twice in the file, one in the table already, a reference that exists nowhere', async () => {
      await load('kinds', 'k1,one\n', { mode: 'replace' });
      await loadBad('things', '1,a,,,k1\n', []);
      const csv = `2,b,,,k1\n2,c,,,k1\n1,d,,,\n3,e,,,${MARKER}\n3,f,,,k1\n`;
      const { body } = await load('things', csv);
      assert.deepEqual(body.rows, { read: 5, loaded: 2, rejected: 3, unchanged: 0, discarded: 0 });
      assert.deepEqual(
        (await rejects(body.id)).map(({ line, cells, errors }) => [
          line,
          cells[1],
          ...errors.map((e) => `${e.code}: ${e.message}`),
        ]),
        [
          [2, 'c', 'primary-key: id 2 is the same as on line 1'],
          [3, 'd', 'primary-key: id 1 is in the table already'],
          [4, 'e', `foreign-key: no row of "kinds" has code ${MARKER}`],
        ],
      );
      assert.deepEqual(
        (await rows('things')).map((row) => [row.id, row.name]),
        [
          ['1', 'a'],
          ['2', 'b'],
          ['3', 'f'],
        ],
      );
    });

    it('a file of which nothing can be read', async () => {
      const noise = Buffer.alloc(100_000);
      for (let i = 0, seed = 1; i < noise.length; i++) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
        noise[i] = seed >> 16;
      }
      const refused = await load('kinds', noise);
      assert.deepEqual([refused.status, refused.body.code], [422, 'too-many-rejects']);
      const { body } = await load('kinds', noise, { maxRejects: 'none' });
      assert.equal(body.rows.read, body.rows.rejected + body.rows.loaded);
      assert.ok(body.rows.rejected > 0);
    });
  });

  describe('a load that fails leaves the table as it was', () => {
    it('a header that does not fit, in a file from the inbox', async () => {
      await stack.putInbox('headless.csv', `1,${MARKER}\n2,b\n`);
      const { body } = await post(
        '/v1/tables/notes/loads',
        { source: 'headless.csv' },
        { prefer: 'wait=30' },
      );
      assert.deepEqual(
        [body.code, body.detail],
        [
          'header-mismatch',
          'table "notes": missing: "id", "text"; unexpected: columns 1, 2; the file seems to be without a header ' +
            '(the table says with): header=false reads it, in the client --no-header',
        ],
      );
    });

    it('a file of the inbox with a header without end, one with a NUL in it, one with a header only', async () => {
      for (const [name, table, text, code] of [
        ['endless.csv', 'notes', 'h'.repeat(17e6), 'header-mismatch'],
        ['nul.csv', 'wide', 'id,a\0b\n1,x\n', 'header-mismatch'],
        ['header.csv', 'notes', 'id,text\n', 'file-empty'],
        ['bom.csv', 'kinds', '\ufeff', 'file-empty'],
      ] as const) {
        await stack.putInbox(name, text);
        const { body } = await post(`/v1/tables/${table}/loads`, { source: name }, { prefer: 'wait=30' });
        assert.equal(body.code, code, name);
      }
    });

    it('more rejects than allowed, by a key that is in the table', async () => {
      const kept = await rows('kinds');
      const { status, body } = await load('kinds', `k1,${MARKER}\nk2,two\n`, { maxRejects: '0' });
      assert.deepEqual(
        [status, body.code, body.detail],
        [422, 'too-many-rejects', '1 of 2 rows were rejected'],
      );
      assert.deepEqual(await rows('kinds'), kept);
    });
  });

  it('no log and no history of Temporal holds a cell, a header or a key', () => stack.assertNothingTold());
});
