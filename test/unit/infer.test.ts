import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readRecords } from '../../src/csv/read-records.ts';
import { Surveyor, surveyOptionsOf } from '../../src/csv/survey.ts';
import { columnsWithoutHeader, matchHeader } from '../../src/dictionary/match-header.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { LongshoreError } from '../../src/errors.ts';
import { AskedKeys } from '../../src/infer/asked-keys.ts';
import { hashCell, hashed } from '../../src/infer/column.ts';
import type { LookUpKeys } from '../../src/infer/contract.ts';
import { slotBudget } from '../../src/infer/distinct-keys.ts';
import { type InferOptions, type Inferred, type InferSource, infer } from '../../src/infer/infer.ts';
import { isReady, prepared } from '../../src/infer/prepare.ts';
import { compileTable } from '../../src/rows/compile-table.ts';

/** In pieces that cut records, quotes and characters anywhere. */
function source(content: string | Buffer, name = 'file.csv', pieceBytes = 7): InferSource {
  const bytes = Buffer.from(content);
  return {
    name,
    async *open() {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}

interface FieldShape {
  readonly name: string;
  readonly type: string;
  readonly [property: string]: unknown;
}

function resourceOf(inferred: Inferred, at = 0) {
  return inferred.descriptor.resources[at] as unknown as {
    readonly name: string;
    readonly encoding: string;
    readonly dialect: Readonly<Record<string, unknown>>;
    readonly schema: {
      readonly fields: readonly FieldShape[];
      readonly missingValues?: readonly string[];
      readonly primaryKey?: readonly string[];
    };
  };
}

/** Of one column, whose values are the given ones. */
async function fieldOf(
  values: readonly string[],
  options: InferOptions & { readonly heading?: string } = {},
) {
  const { heading = 'value', ...rest } = options;
  const rows = values.map((value, index) => `r${index % 3}|${value}`);
  const inferred = await infer([source(`row|${heading}\n${rows.join('\n')}\n`)], rest);
  const field = resourceOf(inferred).schema.fields[1]!;
  const { name: _name, constraints: _constraints, ...shape } = field;
  return { shape, evidence: inferred.files[0]!.fields[1]!.evidence, warnings: inferred.warnings };
}

/** How many rows a load would reject, by the code that a load uses. */
function rejectsOf(bytes: Buffer, inferred: Inferred, at = 0): number {
  const table = parseDictionary(inferred.descriptor).tables.find(
    ({ name }) => name === resourceOf(inferred, at).name,
  )!;
  const surveyor = new Surveyor(surveyOptionsOf(table));
  surveyor.push(bytes);
  const survey = surveyor.end();
  const columns = survey.header === null ? columnsWithoutHeader(table) : matchHeader(table, survey.header);
  const compiled = compileTable(table);
  let rejects = 0;
  for (const chunk of survey.chunks) {
    const range = bytes.subarray(chunk.startByte, chunk.endByte);
    for (const record of readRecords(range, chunk, table.dialect, table.encoding)) {
      const checked = compiled.checkRow(record.cells, columns.columns, columns.width);
      if (record.error !== null || checked.errors !== null) rejects++;
    }
  }
  return rejects;
}

/** Characters that windows-1252 has where Latin-1 has controls. */
const CP1252 = new Map([...'€‚ƒ„…†‡ˆ‰Š‹Œ'].map((one, at) => [one, at === 0 ? 0x80 : 0x81 + at]));

function windows1252(text: string): Buffer {
  return Buffer.from(Array.from(text, (one) => CP1252.get(one) ?? one.codePointAt(0)!));
}

/** Rows of an export as a shop in Europe makes it. */
function messyExport(): Buffer {
  const lines = ['Kunden-Nr;Vorname;Straße;PLZ;Umsatz;Bestellt am;Aktiv;Notiz'];
  for (let i = 1; i <= 40; i++) {
    const day = String((i % 28) + 1).padStart(2, '0');
    const amount = `${i},${String(100 + i).padStart(3, '0')}.${i % 10}5`;
    const note = ['NULL', '', 'ein "guter" Kunde'.replaceAll('"', '""'), 'später'][i % 4]!;
    lines.push(
      `${String(i).padStart(6, '0')};Jürgen;Weg ${i};0${1000 + i};${amount};${day}/03/2026;${i % 3 ? 'Y' : 'N'};"${note}"`,
    );
  }
  return windows1252(`${lines.join('\r\n')}\r\n\r\n;;;;;;;\r\n\r\n`);
}

function columnsOf(count: number): string {
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  return `${names.join(',')}\n${names.map(() => '1').join(',')}\n`;
}

function cutOff(): Buffer {
  const rows = Array.from({ length: 9_000 }, (_, i) => `${i},${(i * 7_919) % 10_007}`).join('\n');
  const packed = gzipSync(`id,value\n${rows}\n`);
  return packed.subarray(0, packed.length / 2);
}

describe('infer', () => {
  it("reads a shop's export: semicolons, windows-1252, leading zeros, 1,234.56, DD/MM/YYYY, Y/N, NULL, gzip", async () => {
    const bytes = messyExport();
    const inferred = await infer([source(gzipSync(bytes), 'Kunden.csv.gz')]);
    const { name, encoding, dialect, schema } = resourceOf(inferred);
    assert.deepEqual([name, encoding, dialect], ['kunden', 'windows-1252', { delimiter: ';', header: true }]);
    assert.deepEqual(
      schema.fields.map((field) => [
        field.name,
        field.type,
        field.format ?? field.groupChar ?? field.trueValues,
      ]),
      [
        ['Kunden-Nr', 'string', undefined],
        ['Vorname', 'string', undefined],
        ['Straße', 'string', undefined],
        ['PLZ', 'string', undefined],
        ['Umsatz', 'number', ','],
        ['Bestellt am', 'date', '%d/%m/%Y'],
        ['Aktiv', 'boolean', ['Y', 'y']],
        ['Notiz', 'string', undefined],
      ],
    );
    assert.deepEqual(schema.primaryKey, ['Kunden-Nr']);
    assert.deepEqual(schema.missingValues, ['', 'NULL']);
    assert.equal(inferred.files[0]!.compression, 'gzip');
    assert.equal(inferred.files[0]!.rows, 40);
    assert.deepEqual(inferred.files[0]!.preview.rows[0], [
      '000001',
      'Jürgen',
      'Weg 1',
      '01001',
      '1101.15',
      '2026-03-02',
      'Y',
      null,
    ]);
    assert.equal(rejectsOf(bytes, inferred), 0);
    assert.deepEqual(inferred.warnings, []);
  });

  const TYPES: readonly (readonly [what: string, values: readonly string[], shape: object])[] = [
    ['integers', ['1', '-20', '300'], { type: 'integer' }],
    ['digits with a zero in front', ['007', '123'], { type: 'string' }],
    ['decimals', ['1.5', '2', '-0.25'], { type: 'number' }],
    ['exponents', ['1.5e3', '2E-4'], { type: 'number' }],
    ['thousands with commas', ['1,234.50', '950'], { type: 'number', groupChar: ',' }],
    ['thousands with points', ['1.234,50', '9,5'], { type: 'number', groupChar: '.', decimalChar: ',' }],
    ['thousands with spaces', ['1 234,50', '9,5'], { type: 'number', groupChar: ' ', decimalChar: ',' }],
    ['thousands with apostrophes', ["1'234.50", '9'], { type: 'number', groupChar: "'" }],
    ['lakhs', ['12,34,567.80', '1,000.00'], { type: 'number', groupChar: ',' }],
    [
      'euros',
      ['1.234,50 €', '9,00 €'],
      { type: 'number', groupChar: '.', decimalChar: ',', bareNumber: false },
    ],
    ['per cent', ['80%', '9%'], { type: 'integer', bareNumber: false }],
    ['two currencies', ['$5.00', '€5.00'], { type: 'string' }],
    ['negative amounts in parentheses', ['(5.00)', '6.00'], { type: 'string' }],
    ['ISO dates', ['2026-01-31', '2026-02-01'], { type: 'date' }],
    ['DD.MM.YYYY', ['31.01.2026', '1.2.2026'], { type: 'date', format: '%d.%m.%Y' }],
    ['MM/DD/YYYY', ['01/31/2026', '02/01/2026'], { type: 'date', format: '%m/%d/%Y' }],
    ['month names', ['31 Jan 2026', '01 May 2026'], { type: 'date', format: '%d %b %Y' }],
    ['months first', ['Jan 31, 2026', 'May 1, 2026'], { type: 'date', format: '%b %d, %Y' }],
    ['ISO moments', ['2026-01-31T09:30:00Z', '2026-01-31T09:30:00.5+02:00'], { type: 'datetime' }],
    ['moments with a space', ['2026-01-31 09:30:00'], { type: 'datetime', format: '%Y-%m-%d %H:%M:%S' }],
    [
      'moments, some with a fraction',
      ['2026-01-31 09:30:00', '2026-01-31 09:30:00.25'],
      { type: 'datetime', format: 'any' },
    ],
    [
      'moments of seven digits, the last of which is 0',
      ['2026-01-31 09:30:00.1234560', '2026-01-31 09:30:00.0000000'],
      { type: 'datetime', format: 'any' },
    ],
    [
      'moments that are finer than microseconds',
      ['2026-01-31 09:30:00.1234567', '2026-01-31 09:30:00.0000000'],
      { type: 'string' },
    ],
    ['ISO moments in nanoseconds', ['2026-01-31T09:30:00.123456789Z'], { type: 'string' }],
    ['times in halves', ['9:30 AM', '10:00 PM'], { type: 'time', format: '%I:%M %p' }],
    ['durations', ['25:30:00', '10:00:00'], { type: 'string' }],
    ['versions', ['1.2.3', '1.10.0'], { type: 'string' }],
    ['addresses of the internet', ['192.168.100.200', '192.168.100.201'], { type: 'string' }],
    ['phone numbers', ['+49301234567', '+49891234567'], { type: 'string' }],
    [
      'yes and no',
      ['yes', 'No'],
      { type: 'boolean', trueValues: ['yes', 'Yes', 'YES'], falseValues: ['No', 'no', 'NO'] },
    ],
    ['0 and 1', ['0', '1', '1'], { type: 'integer' }],
    ['numbers with gaps', ['1', 'NA', '-', '2'], { type: 'integer', missingValues: ['', 'NA', '-'] }],
    ['texts with NA among them', ['NA', 'EU', 'AS'], { type: 'string' }],
    ['texts with NULL among them', ['NULL', 'EU', 'AS'], { type: 'string', missingValues: ['', 'NULL'] }],
    [
      'UUIDs',
      ['0b9ff1c0-0000-4000-8000-000000000001', '0B9FF1C0-0000-4000-8000-000000000002'],
      { type: 'string', format: 'uuid' },
    ],
    ['numbers but one', ['1', '2', '3', 'A12'], { type: 'string' }],
  ];
  for (const [what, values, expected] of TYPES) {
    it(`knows ${what}`, async () => {
      const { shape } = await fieldOf(values);
      const { missingValues, ...rest } = shape;
      const { missingValues: wanted, ...others } = expected as { readonly missingValues?: unknown };
      assert.deepEqual(rest, others);
      if (wanted !== undefined && missingValues !== undefined) assert.deepEqual(missingValues, wanted);
    });
  }

  it('reads what files are packed by, and leaves that to the load', async () => {
    const folder = new URL('../fixtures/wrappings/', import.meta.url);
    const found = async (name: string) => {
      const bytes = await readFile(new URL(name, folder));
      const part = async function* (start: number, end: number) {
        yield bytes.subarray(start, end);
      };
      const file = { bytes: bytes.length, open: () => part(0, bytes.length), range: part };
      return infer([{ name: `rows${name.slice(name.indexOf('.'))}`, ...file }], {});
    };
    const plain = await found('rows.csv');
    for (const [name, compression] of [
      ['rows.csv.bz2', 'bzip2'],
      ['rows.csv.xz', 'xz'],
      ['rows.two-streams.csv.xz', 'xz'],
      ['rows.zip', 'zip'],
    ] as const) {
      const packed = await found(name);
      assert.deepEqual(packed.files[0]!.fields, plain.files[0]!.fields);
      assert.equal(packed.files[0]!.table, name.includes('two') ? 'rows_two_streams' : 'rows');
      assert.equal(packed.files[0]!.bytes, (await readFile(new URL(name, folder))).length);
      assert.deepEqual([packed.files[0]!.compression, isReady(packed.files[0]!)], [compression, true]);
    }
    await assert.rejects(found('two.zip'), (error: LongshoreError) => {
      assert.equal(error.code, 'file-not-csv');
      assert.match(error.message, /^rows.zip holds 2 files/);
      return true;
    });
  });

  it('says when nothing tells whether the day or the month is first, and reads it as it is told to', async () => {
    const values = ['01/02/2026', '03/01/2026', '02/05/2026', '01/04/2026'];
    const { shape, warnings } = await fieldOf(values);
    assert.equal(shape.format, '%d/%m/%Y');
    assert.match(warnings.join(), /nothing says whether the day or the month is first/);
    const asked = await fieldOf(values, { overrides: { dateOrder: 'month' } });
    assert.deepEqual([asked.shape.format, asked.warnings], ['%m/%d/%Y', []]);
  });

  it('takes what is said of quotes, escapes, spaces and comments, where the bytes would say something else', async () => {
    const text = '%one\n1, ^two^\n2, ^th\\^ree^\n3, #four\n';
    const overrides = { quoteChar: '^', escapeChar: '\\', skipInitialSpace: true, commentChar: '%' } as const;
    const inferred = await infer([source(text)], { overrides: { ...overrides, header: false } });
    const { dialect } = resourceOf(inferred);
    assert.partialDeepStrictEqual(dialect, overrides);
    assert.deepEqual(
      inferred.files[0]!.preview.rows.map((row) => row[1]),
      ['two', 'th^ree', '#four'],
    );
    const plain = await infer([source(text)], {
      overrides: { header: false, skipInitialSpace: false, commentChar: null, delimiter: ',' },
    });
    assert.deepEqual([plain.files[0]!.rows, resourceOf(plain).dialect.skipInitialSpace], [4, undefined]);
  });

  it('keeps a column of dates in spite of a day that does not exist, and tells the line', async () => {
    const { shape, evidence, warnings } = await fieldOf([
      '03/01/2026',
      '31/02/2026',
      '05/01/2026',
      '07/01/2026',
    ]);
    assert.deepEqual([shape.type, shape.format], ['date', '%d/%m/%Y']);
    assert.deepEqual(
      [evidence[0]!.rows, evidence[0]!.exceptions, evidence[0]!.examples],
      [4, 1, ['"31/02/2026" (line 3)']],
    );
    assert.match(warnings.join(), /1 of 4 are no date/);
  });

  it('looks at every row: one text behind 20,000 numbers makes a text, and is named', async () => {
    const values = [...Array.from({ length: 20_000 }, (_, index) => String(index + 1)), 'A12'];
    const { shape, evidence } = await fieldOf(values);
    assert.equal(shape.type, 'string');
    assert.match(evidence[0]!.note!, /20000 of 20001 are of type integer; not so "A12" \(line 20002\)/);
  });

  it('finds keys of two fields, and references between the files, and names what nearly is one', async () => {
    const customers = ['id,name', ...Array.from({ length: 30 }, (_, at) => `${at + 1},Name ${at + 1}`)];
    const orders = ['id,customer_id', ...Array.from({ length: 60 }, (_, at) => `${at + 1},${(at % 30) + 1}`)];
    const items = [
      'order_id,line_no,sku',
      ...Array.from({ length: 120 }, (_, at) => `${(at >> 1) + 1},${(at % 2) + 1},A`),
    ];
    const inferred = await infer([
      source(customers.join('\n'), 'customers.csv'),
      source(orders.join('\n'), 'orders.csv'),
      source([...items, '99,1,B', '99,2,B'].join('\n'), 'items.csv'),
    ]);
    const schemas = inferred.descriptor.resources.map(
      ({ schema }) => schema as { readonly primaryKey: unknown; readonly foreignKeys?: unknown },
    );
    assert.deepEqual(
      schemas.map(({ primaryKey }) => primaryKey),
      [['id'], ['id'], ['order_id', 'line_no']],
    );
    assert.deepEqual(schemas[1]!.foreignKeys, [
      { fields: ['customer_id'], reference: { resource: 'customers', fields: ['id'] } },
    ]);
    assert.equal(schemas[2]!.foreignKeys, undefined);
    assert.match(inferred.files[2]!.references[0]!.note!, /2 of 122 values are not in orders \(id\)/);
    parseDictionary(inferred.descriptor);
  });

  it('asks the tables that are there which values they have', async () => {
    const { tables } = parseDictionary({
      resources: [
        { name: 'jobs', schema: { fields: [{ name: 'id', type: 'integer' }], primaryKey: ['id'] } },
      ],
    });
    const file = source(`id,job_id\n${Array.from({ length: 30 }, (_, at) => `${at},${at % 3}`).join('\n')}`);
    const withJobs = (there: readonly string[]) =>
      infer([file], {
        tables,
        lookUpKeys: async ({ keys }) => keys.map(([key]) => there.includes(key!)),
      });
    const [all, some] = [await withJobs(['0', '1', '2']), await withJobs(['0', '1'])];
    const keysOf = ({ descriptor }: Inferred) =>
      (descriptor.resources[0]!.schema as { foreignKeys?: unknown }).foreignKeys;
    assert.deepEqual(keysOf(all), [{ fields: ['job_id'], reference: { resource: 'jobs', fields: ['id'] } }]);
    assert.equal(keysOf(some), undefined);
  });

  it('takes no text with NULs in it for UTF-16, and UTF-16 without a mark for what it is', async () => {
    for (const cell of ['\0', 'x\0y', '\0\0\0']) {
      const many = infer([source(`id,name\n${`1,${cell}\n`.repeat(60)}`)]);
      await assert.rejects(many, /binary data/, JSON.stringify(cell));
      const few = `id,name\n${`1,${cell},${'x'.repeat(500)}\n`.repeat(9)}`;
      const { files } = await infer([source(few)]);
      assert.equal(files[0]!.encoding.choice, 'utf-8', JSON.stringify(cell));
    }
    const text = 'Артикул;Название\nА1;Гайка\nБ2;Болт\n';
    for (const [bytes, encoding] of [
      [Buffer.from(text, 'utf16le'), 'utf-16le'],
      [Buffer.from(text, 'utf16le').swap16(), 'utf-16be'],
    ] as const) {
      const { files } = await infer([source(bytes)]);
      assert.equal(files[0]!.encoding.choice, encoding);
      assert.deepEqual(files[0]!.preview.rows[1], ['Б2', 'Болт']);
    }
  });

  it('takes the headings of fields that are called otherwise as their aliases, in any order', async () => {
    const long = 'n'.repeat(100);
    const csv = `_id,ctid,Name,name,${long}\n1,a,b,c,d\n2,e,f,g,h\n`;
    const inferred = await infer([source(csv)]);
    const { fields, fieldsMatch } = resourceOf(inferred).schema as unknown as {
      fields: readonly { readonly name: string; readonly 'longshore:from'?: readonly string[] }[];
      fieldsMatch: string;
    };
    assert.deepEqual(
      fields.map(({ name, 'longshore:from': from }) => [name, from]),
      [
        ['id', ['_id']],
        ['ctid_', ['ctid']],
        ['Name', undefined],
        ['name_2', ['name']],
        ['n'.repeat(63), [long]],
      ],
    );
    assert.equal(fieldsMatch, 'equal');
    assert.equal(isReady(inferred.files[0]!), true, 'the file is loaded as it is');
    const [table] = parseDictionary(inferred.descriptor).tables;
    const { columns } = matchHeader(table!, ['name', long, 'Name', '_id', 'ctid']);
    assert.deepEqual(columns, [3, 4, 2, 0, 1]);
  });

  it('puts another header before rows whose own can not say which field is which', async () => {
    for (const [header, names] of [
      ['id,x,x', 'id,x,x_2'],
      ['id,,x', 'id,column_2,x'],
      ['id,_x,x', 'id,x_2,x'],
    ] as const) {
      const inferred = await infer([source(`${header}\n1,a,b\n2,c,d\n`)]);
      const { header: put } = inferred.files[0]!.prepared;
      const [table] = parseDictionary(inferred.descriptor).tables;
      assert.equal(table!.fields.map(({ name }) => name).join(), names);
      if (header.includes('_x')) assert.equal(put, null);
      else assert.equal(put?.replaceAll('"', '').trim(), names);
    }
  });

  describe('of references to tables that are there', () => {
    const resource = (name: string, key: string, fields: readonly object[], more: object = {}) => ({
      name,
      schema: { fields, primaryKey: [key], ...more },
    });
    const whole = (name: string, constraints = {}) => ({ name, type: 'integer', constraints });
    const { tables } = parseDictionary({
      resources: [
        resource('customers', 'id', [
          whole('id'),
          { name: 'email', type: 'string', constraints: { unique: true } },
        ]),
        resource('orders', 'id', [whole('id'), whole('customer_id')], {
          foreignKeys: [{ fields: ['customer_id'], reference: { resource: 'customers', fields: ['id'] } }],
        }),
        resource('eu_sites', 'id', [whole('id')]),
        resource('us_sites', 'id', [whole('id')]),
        resource('products', 'isbn', [{ name: 'isbn', type: 'string' }]),
        resource('invoices', 'id', [whole('id'), whole('shop_id', { unique: true })]),
        resource('stock', 'id', [whole('id')], {}),
      ],
    });
    /** @returns what a column of a file refers to, or why it refers to nothing */
    async function referenceOf(
      heading: string,
      values: readonly string[],
      answer: LookUpKeys = async ({ keys }) => keys.map(() => true),
      name = 'file.csv',
    ): Promise<string> {
      const rows = values.map((value, at) => `${at + 1},${value}`).join('\n');
      const inferred = await infer([source(`row_id,${heading}\n${rows}\n`, name, 4096)], {
        tables,
        lookUpKeys: answer,
      });
      const { foreignKeys = [] } = resourceOf(inferred).schema as {
        foreignKeys?: { reference: { resource: string; fields: string[] } }[];
      };
      const found = foreignKeys.map(({ reference: { resource: to, fields } }) => `${to}.${fields.join()}`);
      const notes = inferred.files[0]!.references.map(({ choice, note }) => `${choice}: ${note}`);
      return [...found, ...notes].join(' | ');
    }
    const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, at) => String(at + from));

    it('takes one where the name fits and every value is there, and says how many', async () => {
      assert.equal(
        await referenceOf('customer_id', numbers(1204)),
        'customers.id | customer_id refers to customers (id): all 1,204 values are in customers.id',
      );
      assert.match(await referenceOf('isbn', ['3-16', '3-17', '3-18']), /^products\.isbn/);
      assert.match(await referenceOf('customer_email', ['a@b.c', 'd@e.f']), /^$/);
      assert.equal(await referenceOf('amount', numbers(5)), '');
      assert.equal(await referenceOf('customer_id', ['A1', 'A2']), '', 'another type');
    });

    it('says which values are not there, where they are few', async () => {
      const without: LookUpKeys = async ({ keys }) => keys.map(([key]) => key !== '7');
      assert.match(
        await referenceOf('customer_id', numbers(100), without),
        /^customer_id refers to nothing: 1 of 100 values are not in customers \(id\)/,
      );
      assert.equal(await referenceOf('customer_id', numbers(9), without), '');
      const exact: LookUpKeys = async ({ keys }) => keys.map(([key]) => key === key!.trim());
      assert.doesNotMatch(await referenceOf('isbn', ['3-16', ' 3-17'], exact), /^products/);
    });

    it('takes none for a count, for one of two tables, or for a key that is a reference itself', async () => {
      assert.match(
        await referenceOf('order', ['1', '2', '3', '1']),
        /^order refers to nothing: all 3 values are in orders\.id; they are as well the numbers of a count/,
      );
      assert.match(await referenceOf('order', ['17', '24', '31']), /^orders\.id/);
      assert.match(
        await referenceOf('site_id', numbers(40)),
        /all 40 values are in eu_sites\.id; they are in another table that is called like it as well/,
      );
      assert.equal(await referenceOf('shop_id', numbers(40)), '', 'a unique field of invoices');
      const own = await infer(
        [
          source(
            `customer_id,name\n${numbers(40)
              .map((no) => `${no},n${no}`)
              .join('\n')}\n`,
          ),
        ],
        {
          tables,
          lookUpKeys: async ({ keys }) => keys.map(() => true),
        },
      );
      assert.equal((resourceOf(own).schema as { foreignKeys?: unknown }).foreignKeys, undefined);
    });

    it('takes none where the table can not be asked, and says why', async () => {
      const locked: LookUpKeys = async () => ({ unknown: 'somebody has locked it' });
      assert.equal(
        await referenceOf('customer_id', numbers(40), locked),
        'customer_id refers to nothing: whether its values are in customers.id is not known: somebody has locked it',
      );
    });

    it('keeps those of a table that is there, so that its file can be added again', async () => {
      const all: LookUpKeys = async ({ keys }) => keys.map(() => true);
      assert.match(await referenceOf('customer_id', numbers(40), all, 'orders.csv'), /^customers\.id/);
      assert.equal(await referenceOf('eu_site_id', numbers(40), all, 'orders.csv'), '');
      assert.match(await referenceOf('eu_site_id', numbers(40), all, 'others.csv'), /^eu_sites\.id/);
    });

    it('asks for each value once, some thousand at a time, and no more once it is settled', async () => {
      const asked: number[] = [];
      const seen = new Set<string>();
      const noting =
        (isThere: (key: string) => boolean): LookUpKeys =>
        async ({ table, fields, keys }) => {
          assert.deepEqual([table, fields], ['customers', ['id']]);
          asked.push(keys.length);
          for (const [key] of keys) seen.add(key!);
          return keys.map(([key]) => isThere(key!));
        };
      const values = numbers(60_000).map((no) => String((Number(no) % 20_000) + 1));
      assert.match(
        await referenceOf(
          'customer_id',
          values,
          noting(() => true),
        ),
        /all 20,000 values/,
      );
      assert.deepEqual([seen.size, asked.reduce((sum, one) => sum + one, 0)], [20_000, 20_000]);
      assert.ok(
        asked.every((count) => count <= 5_000),
        `${asked}`,
      );
      asked.length = 0;
      assert.match(
        await referenceOf(
          'customer_id',
          values,
          noting((key) => key !== '2'),
        ),
        /1 of 1\d,\d{3} values/,
      );
      assert.ok(asked.reduce((sum, one) => sum + one, 0) < 20_000, `${asked}`);
    });

    it('goes on with a sample by value when there are too many to ask for', async () => {
      const keys = new AskedKeys(slotBudget(2048));
      const asked = new Set<string>();
      const ask = async () => {
        await keys.ask(async (some) => {
          for (const [key] of some) asked.add(key!);
          return some.map(() => true);
        }, true);
      };
      for (let no = 0; no < 100_000; no++) {
        const bytes = Buffer.from(String(no));
        keys.add(hashCell(bytes, 0, bytes.length), hashed.high, () => [String(no)]);
      }
      await ask();
      assert.equal(keys.isSample, true);
      assert.ok(asked.size > 1_000 && asked.size < 20_000, `${asked.size}`);
      assert.ok(
        [...asked].some((key) => Number(key) > 90_000),
        'also of the last values',
      );
      assert.equal(keys.compared, asked.size);
    });
  });

  it('leaves out what stands above the table, and takes the separator that it names', async () => {
    const file =
      'sep=;\n"Account";"DE12"\n\nday;amount;text;note\n2026-01-31;1,50;a;b\n2026-02-01;2,50;b;c\n2026-02-02;3,50;c;d\n';
    const inferred = await infer([source(file)]);
    assert.deepEqual(
      resourceOf(inferred)
        .schema.fields.map(({ name, type }) => [name, type])
        .slice(0, 2),
      [
        ['day', 'date'],
        ['amount', 'number'],
      ],
    );
    const { skippedLines, prepared, rows } = inferred.files[0]!;
    assert.deepEqual([skippedLines, rows], [3, 3]);
    assert.equal(Buffer.from(file).subarray(prepared.skipBytes).toString().slice(0, 4), 'day;');
  });

  it('counts words such as "-" and blanks of a text as the values that they are', async () => {
    const rows = Array.from({ length: 120 }, (_, i) => [
      i,
      ['open', '-', 'x'][i % 3],
      i < 2 ? '  ' : `c${i}`,
    ]);
    const csv = `id,state,code\n${rows.map((row) => row.join(',')).join('\n')}\n`;
    const inferred = await infer([source(csv)], { rules: 'observed' });
    const [, state, code] = resourceOf(inferred).schema.fields;
    assert.deepEqual(state!.constraints, { required: true, minLength: 1, maxLength: 4 });
    assert.deepEqual(code!.constraints, { required: true, minLength: 2, maxLength: 4 }, 'it is not unique');
    assert.equal(rejectsOf(Buffer.from(csv), inferred), 0);
    const dashes = await infer([source('id,text\n1,-\n2,-\n3,none\n')], { rules: 'observed' });
    assert.deepEqual(resourceOf(dashes).schema.fields[1]!.constraints, {
      required: true,
      minLength: 1,
      maxLength: 4,
    });
  });

  it('tells a record that is too long from a quote that is never closed, in bounded memory', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    const long: InferSource = {
      name: 'file.csv',
      async *open() {
        yield Buffer.from('id,note\n1,a\n2,');
        for (let mib = 0; mib < 200; mib++) yield piece;
        yield Buffer.from('\r');
        yield Buffer.from('\n3,c\n');
      },
    };
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const inferred = await infer([long], {
      progress: () => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      },
    });
    assert.deepEqual(inferred.warnings, [
      'file.csv: 1 row is longer than 16 MiB, and becomes a reject (line 3)',
    ]);
    assert.deepEqual([inferred.files[0]!.rows, inferred.files[0]!.badRows], [3, 1]);
    assert.equal(inferred.files[0]!.lineEnd.note, 'mixed: 3 LF, 1 CRLF; each ends a record');
    assert.ok(most < 150 * 1024 * 1024, `${Math.round(most / 1024 / 1024)} MiB`);
  });

  it('recodes files of one table that are in different encodings, and reads each right', async () => {
    const files = [
      source(windows1252('id,name\n1,Jürgen\n2,Zoë\n3,€uro\n'), 'a.csv'),
      source('id,name\n4,Bärbel\n5,Łukasz\n', 'b.csv'),
      source('id,name\n6,Ana\n', 'c.csv'),
      source(Buffer.from('\ufeffid,name\n7,Ülf\n', 'utf16le'), 'd.csv'),
    ];
    const inferred = await infer(files, { rules: 'observed' });
    assert.equal(inferred.descriptor.resources.length, 1);
    assert.equal(resourceOf(inferred).encoding, 'utf-8');
    const sent: string[] = [];
    for (const [at, file] of inferred.files.entries()) {
      const pieces: Buffer[] = [];
      for await (const piece of prepared(files[at]!, file, 'utf-8')) pieces.push(piece);
      sent.push(Buffer.concat(pieces).toString());
    }
    assert.deepEqual(sent, [
      'id,name\n1,Jürgen\n2,Zoë\n3,€uro\n',
      'id,name\n4,Bärbel\n5,Łukasz\n',
      'id,name\n6,Ana\n',
      'id,name\n7,Ülf\n',
    ]);
    assert.equal(rejectsOf(Buffer.from(sent.join('').replaceAll(/(?<=\n)id,name\n/g, '')), inferred), 0);
    assert.deepEqual(inferred.files[0]!.preview.rows[0], ['1', 'Jürgen']);
    assert.match(inferred.warnings.join('\n'), /a\.csv: it is in windows-1252, and the table in utf-8/);
  });

  it('takes x for the heading that it is, unless the column has an x', async () => {
    const headerOf = async (text: string) => resourceOf(await infer([source(text)])).dialect.header;
    assert.equal(await headerOf('id,x,x,x\n1,a,b,c\n2,d,e,f\n'), true);
    assert.equal(await headerOf('x\n1.5\n2.5\n'), true);
    assert.equal(await headerOf('1,x\n2,x\n3,\n'), false);
  });

  it('says that a file gives its table no name, and how it gets one', async () => {
    const inferred = await infer([source('id\n1\n2\n', '编号.csv')]);
    assert.equal(resourceOf(inferred).name, 'table');
    assert.match(inferred.warnings.join(), /the table is called table, and --table gives it another name/);
  });

  const REFUSED: readonly (readonly [
    what: string,
    content: string | Buffer,
    code: string,
    message: RegExp,
  ])[] = [
    ['an empty file', '', 'file-empty', /file\.csv is empty/],
    ['blank lines', '\n \n\n', 'file-empty', /blank lines/],
    ['an image', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'file-not-csv', /an image \(PNG\)/],
    ['a PDF', '%PDF-1.7\n1 0 obj\n', 'file-not-csv', /a PDF document/],
    ['a spreadsheet', Buffer.from('504b030414000600', 'hex'), 'file-not-csv', /zip archive or a spreadsheet/],
    ['a packed PDF', gzipSync('%PDF-1.7\n'), 'file-not-csv', /a PDF document, packed by gzip/],
    ['a broken gzip', gzipSync('id,name\n1,a\n').subarray(0, 20), 'file-not-csv', /unpacked/],
    ['HTML', '<!DOCTYPE html>\n<html>', 'file-not-csv', /an HTML page/],
    ['JSON', '{"id": 1}\n{"id": 2}\n', 'file-not-csv', /JSON/],
    [
      'bytes of a program',
      Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7) % 256)),
      'file-not-csv',
      /binary data/,
    ],
    [
      'a file with 5,000 columns',
      columnsOf(5_000),
      'file-not-csv',
      /has 5000 columns, and a table can have 1500/,
    ],
    ['a file of one column more than a table can have', columnsOf(1_501), 'file-not-csv', /1501 columns/],
    ['a Parquet file', Buffer.from('PAR1\x15\x04\x15\x10'), 'file-not-csv', /a Parquet file/],
    ['a gzip that ends in the middle', cutOff(), 'file-not-csv', /gzip data ends in the middle/],
    ['a gzip of nothing', gzipSync(''), 'file-empty', /is empty/],
    ['a million columns', Buffer.from(`${'c,'.repeat(999_999)}c\n`), 'file-not-csv', /1000000 columns/],
  ];
  for (const [what, content, code, message] of REFUSED) {
    it(`refuses ${what}, and names it`, async () => {
      await assert.rejects(
        infer([source(content, 'file.csv', 65_536)]),
        (error: Error & { code: string }) => {
          assert.equal(error.code, code, error.stack);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
