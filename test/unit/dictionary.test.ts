import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkDescriptor, parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { checkDescriptorText, readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Table } from '../../src/types.ts';

interface Parts {
  readonly field?: object;
  readonly fields?: readonly object[];
  readonly schema?: object;
  readonly resource?: object;
}

function descriptor({ field = {}, fields, schema = {}, resource = {} }: Parts): object {
  const listed = fields ?? [{ name: 'f', ...field }];
  return { resources: [{ name: 't', schema: { fields: listed, ...schema }, ...resource }] };
}

function parseTable(parts: Parts): Table {
  return parseDictionary(descriptor(parts)).tables[0]!;
}

function placesOf(value: unknown): readonly { pointer?: string; detail: string }[] {
  try {
    parseDictionary(value);
  } catch (error) {
    assert.ok(error instanceof LongshoreError, String(error));
    assert.equal(error.code, 'dictionary-invalid');
    return error.places;
  }
  return assert.fail('the descriptor was accepted');
}

const F = '#/resources/0/schema/fields/0';
const integer = (constraints: object) => ({ field: { type: 'integer', constraints } });
const string = (constraints: object) => ({ field: { type: 'string', constraints } });
const dialect = (value: object) => ({ resource: { dialect: value } });

/** One field more than PostgreSQL takes in a key. */
const WIDE = Array.from({ length: 33 }, (_, i) => ({ name: `f${i}` }));

function nested(levels: number): object {
  return levels === 0 ? {} : { a: nested(levels - 1) };
}

/** what is wrong, where it is said to be, what is said */
const REFUSED: readonly (readonly [Parts, string, RegExp])[] = [
  [{ field: { type: 'geojson' } }, `${F}/type`, /"geojson" is not supported/],
  [{ field: { type: 'integer', format: 'x' } }, `${F}/format`, /only format of type "integer"/],
  [{ field: { type: 'string', format: 'ipv4' } }, `${F}/format`, /default, email, uri, binary, uuid/],
  [{ field: { type: 'date', format: '%Y %Q' } }, `${F}/format`, /"%Q" is not supported/],
  [{ field: { type: 'date', format: '%H:%M' } }, `${F}/format`, /reads no date/],
  [{ field: { type: 'time', format: '%H:%M%z' } }, `${F}/format`, /no offset/],
  [{ field: { type: 'date', format: '%Y%Y' } }, `${F}/format`, /occurs twice/],
  [{ field: { name: '' } }, `${F}/name`, /not empty/],
  [{ field: { name: '_line' } }, `${F}/name`, /kept for lineage/],
  [{ field: { name: 'xmin' } }, `${F}/name`, /system column/],
  [{ field: { name: 'ä'.repeat(32) } }, `${F}/name`, /at most 63 bytes/],
  [{ field: { name: 'a\0' } }, `${F}/name`, /NUL/],
  [integer({ minimum: 'abc' }), `${F}/constraints/minimum`, /expected an integer, received "abc"/],
  [integer({ minimum: 9007199254740992 }), `${F}/constraints/minimum`, /write it as a string/],
  [integer({ minimum: 2, maximum: 1 }), `${F}/constraints/minimum`, /no value can be in the range/],
  [integer({ minimum: 1, exclusiveMaximum: 1 }), `${F}/constraints/minimum`, /no value can be in the range/],
  [integer({ minLength: 2 }), `${F}/constraints/minLength`, /type "integer" can not have "minLength"/],
  [integer({ jsonSchema: {} }), `${F}/constraints/jsonSchema`, /not supported/],
  [integer({ required: 'yes' }), `${F}/constraints/required`, /true or false/],
  [integer({ enum: [1, 'x'] }), `${F}/constraints/enum/1`, /expected an integer/],
  [integer({ enum: [] }), `${F}/constraints/enum`, /at least one/],
  [string({ pattern: '(a)\\1' }), `${F}/constraints/pattern`, /linear time/],
  [string({ pattern: '(?=a)b' }), `${F}/constraints/pattern`, /linear time/],
  [string({ pattern: '(' }), `${F}/constraints/pattern`, /linear time/],
  [string({ minLength: 3, maxLength: 2 }), `${F}/constraints/minLength`, /more than maxLength/],
  [string({ minimum: 1 }), `${F}/constraints/minimum`, /only integer, number, date/],
  [{ field: { type: 'boolean', trueValues: ['x'], falseValues: ['x'] } }, `${F}/falseValues`, /also one of/],
  [{ field: { type: 'number', groupChar: '.' } }, `${F}/groupChar`, /also the decimalChar/],
  [{ field: { type: 'number', decimalChar: '1' } }, `${F}/decimalChar`, /no part of a number/],
  [{ field: { type: 'number', categories: ['1'] } }, `${F}/categories`, /can not have categories/],
  [
    { field: { type: 'string', categories: ['a'], constraints: { enum: ['b'] } } },
    `${F}/constraints/enum`,
    /not one of the categories/,
  ],
  [{ fields: [{ name: 'a' }, { name: 'a' }] }, '#/resources/0/schema/fields/1/name', /two fields/],
  [{ fields: [] }, '#/resources/0/schema/fields', /1 to 1500 fields/],
  [{ schema: { missingValues: ['', ''] } }, '#/resources/0/schema/missingValues', /twice/],
  [{ schema: { missingValues: [{ label: 'x' }] } }, '#/resources/0/schema/missingValues/0', /"value"/],
  [{ schema: { primaryKey: ['x'] } }, '#/resources/0/schema/primaryKey', /no field "x"/],
  [{ schema: { primaryKey: [] } }, '#/resources/0/schema/primaryKey', /at least one/],
  [
    { fields: WIDE, schema: { primaryKey: WIDE.map(({ name }) => name) } },
    '#/resources/0/schema/primaryKey',
    /at most 32 fields/,
  ],
  [
    { fields: WIDE, schema: { uniqueKeys: [['f1'], WIDE.map(({ name }) => name)] } },
    '#/resources/0/schema/uniqueKeys/1',
    /at most 32 fields/,
  ],
  [{ schema: { uniqueKeys: [['f'], ['x']] } }, '#/resources/0/schema/uniqueKeys/1', /no field "x"/],
  [{ schema: { fieldsMatch: 'some' } }, '#/resources/0/schema/fieldsMatch', /exact, equal/],
  [
    { schema: { fieldsMatch: 'subset' }, ...dialect({ header: false }) },
    '#/resources/0/schema/fieldsMatch',
    /no header/,
  ],
  [{ resource: { schema: 'schema.json' } }, '#/resources/0/schema', /embedded/],
  [{ resource: { name: 'pg_class' } }, '#/resources/0/name', /kept for PostgreSQL/],
  [{ field: { constraints: { constructor: 1 } } }, `${F}/constraints/constructor`, /not supported/],
  [{ field: { name: 'a\ud800' } }, `${F}/name`, /half of a surrogate pair/],
  [{ field: { description: 'a\0' } }, `${F}/description`, /NUL character/],
  [{ field: { mine: { 'a/\0': 1 } } }, `${F}/mine/a~1%00`, /NUL character/],
  [{ field: { name: '名' }, resource: { encoding: 'latin1' } }, `${F}/name`, /no header of a file can hold/],
  [{ field: { name: 'a,b' }, ...dialect({ quoteChar: null }) }, `${F}/name`, /no header of a file can hold/],
  [
    { field: { name: '#' }, ...dialect({ quoteChar: null, commentChar: '#' }) },
    `${F}/name`,
    /no header of a file can hold/,
  ],
  [
    { field: { name: 'a"' }, ...dialect({ doubleQuote: false }) },
    `${F}/name`,
    /no header of a file can hold/,
  ],
  [{ resource: { mine: nested(70) } }, `#/resources/0/mine${'/a'.repeat(62)}`, /deeper than 64 levels/],
  ...['a/b', '.', '..', '.a', 'a%2Fb', '-a', '_a', '__proto__', 'a b', 'a"b', '', 'ä', 'a\n'].map(
    (name) => [{ resource: { name } }, '#/resources/0/name', /ASCII letters/] as const,
  ),
  [{ resource: { name: 'PG_x' } }, '#/resources/0/name', /kept for PostgreSQL/],
  [{ field: { name: '__proto__' } }, `${F}/name`, /kept for lineage/],
  ...['tableoid', 'cmin', 'cmax', 'xmax', 'ctid'].map(
    (name) => [{ field: { name } }, `${F}/name`, /system column/] as const,
  ),
  [
    { fields: Array.from({ length: 1_501 }, (_, i) => ({ name: `f${i}` })) },
    '#/resources/0/schema/fields',
    /1 to 1500 fields, received 1501/,
  ],
  [{ schema: { uniqueKeys: [['f', 'f']] } }, '#/resources/0/schema/uniqueKeys/0', /listed twice/],
  [{ schema: { primaryKey: ['toString'] } }, '#/resources/0/schema/primaryKey', /no field "toString"/],
  [{ resource: { name: 'a'.repeat(64) } }, '#/resources/0/name', /at most 63 bytes/],
  [{ resource: { encoding: 'x-user-defined' } }, '#/resources/0/encoding', /no text is in it/],
  [{ resource: { encoding: 'nonsense' } }, '#/resources/0/encoding', /WHATWG/],
  [dialect({ delimiter: '||' }), '#/resources/0/dialect/delimiter', /one ASCII character/],
  [dialect({ delimiter: '"' }), '#/resources/0/dialect/quoteChar', /also the delimiter/],
  [dialect({ quoteChar: '\n' }), '#/resources/0/dialect/quoteChar', /one ASCII character/],
  [dialect({ headerRows: [1, 2] }), '#/resources/0/dialect/headerRows', /first record/],
  [dialect({ nullSequence: 'NA' }), '#/resources/0/dialect/nullSequence', /missingValues/],
  [dialect({ lineTerminator: ';' }), '#/resources/0/dialect/lineTerminator', /CRLF, LF or CR/],
];

describe('a descriptor is refused with the place and the reason', () => {
  for (const [parts, pointer, reason] of REFUSED) {
    it(`${pointer.slice(1)} ${reason.source}`, () => {
      const places = placesOf(descriptor(parts));
      assert.deepEqual(
        places.map((place) => place.pointer),
        [pointer],
      );
      assert.match(places[0]!.detail, reason);
      assert.doesNotMatch(places[0]!.detail, /\.$/);
    });
  }

  it('a descriptor is refused with all its faults at once', () => {
    const places = placesOf({
      resources: [
        { name: 'a', schema: { fields: [{ name: 'x/y', type: 'year' }], primaryKey: ['z'] } },
        { name: 'a', schema: { fields: [{ name: 'n', type: 'integer', constraints: { minimum: 'q' } }] } },
      ],
    });
    assert.deepEqual(
      places.map((place) => place.pointer),
      [
        '#/resources/0/schema/fields/0/type',
        '#/resources/0/schema/primaryKey',
        '#/resources/1/schema/fields/0/constraints/minimum',
        '#/resources/1/name',
      ],
    );
  });

  it('a file that is not a descriptor at all is refused', () => {
    for (const value of [null, [], 'x', {}, { resources: [] }, { resources: [null] }]) placesOf(value);
  });
});

/** what is slightly wrong, where that is, what is said */
const WARNED: readonly (readonly [Parts, string, RegExp])[] = [
  [{ schema: { primarykey: ['f'] } }, '#/resources/0/schema/primarykey', /did you mean "primaryKey"\?$/],
  [{ schema: { primary_key: ['f'] } }, '#/resources/0/schema/primary_key', /did you mean "primaryKey"/],
  [{ schema: { foreignKey: [] } }, '#/resources/0/schema/foreignKey', /did you mean "foreignKeys"/],
  [{ schema: { missingvalue: [] } }, '#/resources/0/schema/missingvalue', /did you mean "missingValues"/],
  [{ resource: { encodign: 'x' } }, '#/resources/0/encodign', /did you mean "encoding"/],
  [{ resource: { primaryKey: ['f'] } }, '#/resources/0/primaryKey', /belongs into schema/],
  [{ resource: { delimitter: ';' } }, '#/resources/0/delimitter', /did you mean "delimiter" in dialect/],
  [{ resource: { format: 'xlsx' } }, '#/resources/0/format', /delimited text/],
  [{ field: { tpye: 'integer' } }, `${F}/tpye`, /did you mean "type"/],
  [{ field: { formt: 'x' } }, `${F}/formt`, /did you mean "format"/],
  [{ field: { constraint: {} } }, `${F}/constraint`, /did you mean "constraints"/],
  [{ field: { required: true } }, `${F}/required`, /belongs into constraints/],
  [{ field: { requird: true } }, `${F}/requird`, /did you mean "required" in constraints/],
  [{ field: { 'longshore:frm': 'x' } }, `${F}/longshore:frm`, /is not known here/],
  [dialect({ delimeter: ';' }), '#/resources/0/dialect/delimeter', /did you mean "delimiter"/],
  [dialect({ csv: { quotechar: "'" } }), '#/resources/0/dialect/csv/quotechar', /did you mean "quoteChar"/],
];

describe('a slip in a descriptor is a warning with the place and the nearest right word', () => {
  for (const [parts, pointer, reason] of WARNED) {
    it(`${pointer.slice(1)} ${reason.source}`, () => {
      const { dictionary, warnings } = checkDescriptor(descriptor(parts));
      assert.notEqual(dictionary, null);
      assert.deepEqual(
        warnings.map((one) => decodeURIComponent(one.pointer)),
        [pointer],
      );
      assert.match(warnings[0]!.detail, reason);
    });
  }

  it('warns at every level', () => {
    const { warnings } = checkDescriptor({
      nmae: 'x',
      resources: [
        {
          name: 't',
          schema: {
            fields: [{ name: 'a' }, { name: 'b' }],
            uniqueKeys: [['a']],
            foreignKeys: [{ fields: 'b', refrence: 1, reference: { resuorce: 't', fields: 'a' } }],
          },
        },
      ],
    });
    assert.deepEqual(
      warnings.map(({ pointer }) => pointer),
      [
        '#/nmae',
        '#/resources/0/schema/foreignKeys/0/refrence',
        '#/resources/0/schema/foreignKeys/0/reference/resuorce',
      ],
    );
  });

  it("leaves somebody's own properties alone", () => {
    const own = { owner: 'me', note: 'n', code: 1, 'x-unit': 'm', comment: 'c' };
    const { warnings } = checkDescriptor({
      ...own,
      ...descriptor({ field: own, schema: own, resource: { ...own, dialect: own } }),
    });
    assert.deepEqual(warnings, []);
  });
});

describe('a fault names the nearest right word', () => {
  const NEAREST: readonly (readonly [Parts, string])[] = [
    [{ field: { type: 'interger' } }, 'integer'],
    [{ field: { type: 'VARCHAR' } }, 'string'],
    [{ field: { type: 'string', format: 'emial' } }, 'email'],
    [{ field: { type: 'string', constraints: { min_length: 1 } } }, 'minLength'],
    [{ schema: { fieldsMatch: 'superst' } }, 'superset'],
    [{ fields: [{ name: 'order_id' }], schema: { primaryKey: 'orderid' } }, 'order_id'],
    [{ resource: { encoding: 'windows-1225' } }, 'windows-1252'],
    [
      {
        schema: {
          primaryKey: 'f',
          foreignKeys: [{ fields: 'f', reference: { resource: 'T', fields: 'f' } }],
        },
      },
      't',
    ],
  ];
  for (const [parts, word] of NEAREST) {
    it(word, () => {
      const [place] = placesOf(descriptor(parts));
      assert.match(place!.detail, new RegExp(`did you mean "${word}"\\?$`));
    });
  }
});

describe('the text of a descriptor', () => {
  const text = [
    '\ufeff{ "resources": [',
    '  { "name": "t", "name": "t2",',
    '    "schema": { "fields": [ { "name": "a, \\"{[", "type": "int" } , {"name":"b"}],',
    '      "primarykey": ["a"], "primaryKey": ["a", "c"] } },',
    '  { "name": "u" } ] }',
  ].join('\n');

  it('has a line and a column for every fault and warning', () => {
    const { dictionary, faults, warnings } = checkDescriptorText(text);
    assert.equal(dictionary, null);
    const placed = [...faults, ...warnings].map(
      ({ pointer, line, column }) => `${line}:${column} ${pointer}`,
    );
    assert.deepEqual(placed, [
      '3:50 #/resources/0/schema/fields/0/type',
      '4:28 #/resources/0/schema/primaryKey',
      '4:28 #/resources/0/schema/primaryKey',
      '5:3 #/resources/1/schema',
      '2:18 #/resources/0/name',
      '4:7 #/resources/0/schema/primarykey',
    ]);
  });

  it('that is no JSON is refused with the line and the column', () => {
    const { faults } = checkDescriptorText('{ "resources": [\n  oops ] }');
    assert.deepEqual(
      faults.map(({ line, column }) => [line, column]),
      [[2, 3]],
    );
    const yaml = checkDescriptorText('# ----\nname: semi\n');
    assert.match(yaml.faults[0]!.detail, /describe --json/);
  });
});

describe('what frictionless describes', async () => {
  const folder = new URL('../fixtures/frictionless/', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));

  it('is taken as it is, from versions 4 and 5', async () => {
    const tables = new Map<string, Table[]>();
    for (const name of files) {
      const { dictionary, faults, warnings } = checkDescriptorText(
        await readFile(new URL(name, folder), 'utf8'),
      );
      assert.deepEqual([faults, warnings], [[], []], name);
      tables.set(
        name.replace(/^\d[\d.]*-/, (version) => `${version[0]} `),
        [...dictionary!.tables],
      );
    }
    const [semicolons] = tables.get('5 semicolons.json')!;
    assert.equal(semicolons!.name, 'semi');
    assert.equal(semicolons!.dialect.delimiter, ';');
    assert.deepEqual(
      semicolons!.fields.map(({ name, type }) => `${name} ${type}`),
      ['id integer', 'näme string', 'price number', 'when date'],
    );
    assert.equal(tables.get('5 mark.json')![0]!.encoding, 'utf-8');
    assert.equal(tables.get('5 windows.json')![0]!.encoding, 'windows-1252');
    assert.equal(tables.get('5 dialect.json')![0]!.dialect.commentChar, '#');
    for (const kind of ['semicolons', 'mark', 'tabs', 'package', 'no-header']) {
      assert.deepEqual(tables.get(`4 ${kind}.json`), tables.get(`5 ${kind}.json`), kind);
    }
    const { commentChar: _, ...five } = tables.get('5 dialect.json')![0]!.dialect;
    const { commentChar, ...four } = tables.get('4 dialect.json')![0]!.dialect;
    assert.deepEqual([commentChar, four], [null, five]);
    assert.deepEqual([five.delimiter, five.quoteChar, five.skipInitialSpace], ['\t', "'", true]);
    assert.equal(tables.get('4 no-header.json')![0]!.dialect.header, false);
  });

  it('is refused where the choice would leave rows or columns of a file out', () => {
    const places = placesOf(descriptor({ resource: { layout: { pickFields: ['f'], limitRows: 3 } } }));
    assert.deepEqual(
      places.map(({ pointer }) => pointer),
      ['#/resources/0/layout/pickFields', '#/resources/0/layout/limitRows'],
    );
  });

  it('is refused where it says two things of the dialect', () => {
    const [place] = placesOf(descriptor(dialect({ delimiter: ';', csv: { delimiter: ',' } })));
    assert.equal(place!.pointer, '#/resources/0/dialect/csv/delimiter');
  });
});

describe('a foreign key', () => {
  const parent = (schema: object) => ({
    name: 'parent',
    schema: { fields: [{ name: 'a', type: 'integer' }, { name: 'b' }], ...schema },
  });
  const child = (foreignKeys: unknown) => ({
    name: 'child',
    schema: { fields: [{ name: 'x', type: 'integer' }, { name: 'y' }], foreignKeys },
  });
  const at = '#/resources/0/schema/foreignKeys/0/reference';
  const key = (fields: unknown, resource: string | undefined, referenced: unknown) => [
    { fields, reference: { resource, fields: referenced } },
  ];

  it('comes after the table that it refers to, in version 1 spelling too', () => {
    const { tables } = parseDictionary({
      resources: [child(key('x', 'parent', 'a')), parent({ primaryKey: 'a' })],
    });
    assert.deepEqual(
      tables.map((table) => table.name),
      ['parent', 'child'],
    );
    assert.deepEqual(tables[1]!.foreignKeys, [
      { fields: ['x'], reference: { table: 'parent', fields: ['a'] } },
    ]);
  });

  it('may lead to a unique key, a unique field, or the table itself', () => {
    parseDictionary({
      resources: [child(key(['x', 'y'], 'parent', ['a', 'b'])), parent({ uniqueKeys: [['b', 'a']] })],
    });
    const self = {
      fields: [
        { name: 'id', constraints: { unique: true } },
        { name: 'boss', type: 'string' },
      ],
      foreignKeys: key('boss', '', 'id'),
    };
    const { tables } = parseDictionary({ resources: [{ name: 'staff', schema: self }] });
    assert.equal(tables[0]!.foreignKeys[0]!.reference.table, 'staff');
  });

  const refused: readonly (readonly [string, unknown, object, string, RegExp])[] = [
    ['to no table', key('x', 'nowhere', 'a'), {}, `${at}/resource`, /no table "nowhere"/],
    ['to no field', key('x', 'parent', 'q'), {}, `${at}/fields`, /no field "q"/],
    [
      'to no key',
      key('x', 'parent', 'a'),
      { primaryKey: 'b' },
      `${at}/fields`,
      /primary key or a unique key/,
    ],
    [
      'of another length',
      key('x', 'parent', ['a', 'b']),
      { primaryKey: ['a', 'b'] },
      `${at}/fields`,
      /as many/,
    ],
    ['of another type', key('y', 'parent', 'a'), { primaryKey: 'a' }, `${at}/fields/0`, /of type "integer"/],
  ];
  for (const [what, keys, schema, pointer, reason] of refused) {
    it(`${what} is refused`, () => {
      const place = placesOf({ resources: [child(keys), parent(schema)] })[0]!;
      assert.equal(place.pointer, pointer);
      assert.match(place.detail, reason);
    });
  }

  it('is refused in a circle of tables, which is named', () => {
    const table = (name: string, to: string) => ({
      name,
      schema: { fields: [{ name: 'id' }], primaryKey: 'id', foreignKeys: key('id', to, 'id') },
    });
    const places = placesOf({ resources: [table('a', 'b'), table('b', 'c'), table('c', 'a')] });
    assert.match(places[0]!.detail, /a → b → c → a/);
  });
});

describe('an accepted descriptor', () => {
  it('has the defaults of version 2', () => {
    const table = parseTable({});
    assert.equal(table.fields[0]!.type, 'any');
    assert.equal(table.fields[0]!.format, 'default');
    assert.deepEqual(table.fields[0]!.missingValues, ['']);
    assert.equal(table.fieldsMatch, 'exact');
    assert.equal(table.encoding, 'utf-8');
    assert.deepEqual(table.dialect, {
      delimiter: ',',
      header: true,
      quoteChar: '"',
      doubleQuote: true,
      escapeChar: null,
      skipInitialSpace: false,
      commentChar: null,
    });
  });

  it('may have properties that say nothing about rows, which are ignored', () => {
    const table = parseTable({
      field: { rdfType: 'x', example: 1, own: {} },
      resource: { path: 'x.csv', licenses: [], dialect: { $schema: 'x', own: 1, lineTerminator: '\n' } },
    });
    assert.equal(table.name, 't');
  });

  it("takes a field's missing values before the table's, as strings or objects", () => {
    const table = parseTable({
      fields: [{ name: 'a' }, { name: 'b', missingValues: [{ value: '-', label: 'none' }] }],
      schema: { missingValues: ['', 'NA'] },
    });
    assert.deepEqual(
      table.fields.map((field) => field.missingValues),
      [['', 'NA'], ['-']],
    );
  });

  it('keeps every digit of a bound, and its value rather than its spelling', () => {
    const bounds = { minimum: '9007199254740993', maximum: '+009223372036854775807' };
    assert.deepEqual(parseTable(integer(bounds)).fields[0]!.constraints, {
      minimum: '9007199254740993',
      maximum: '9223372036854775807',
    });
    const date = { type: 'date', format: 'fmt:%d/%m/%Y', constraints: { minimum: '31/12/2020' } };
    assert.equal(parseTable({ field: date }).fields[0]!.constraints.minimum, '2020-12-31');
    const number = { type: 'number', decimalChar: ',', constraints: { minimum: 1.5, maximum: '2,5' } };
    assert.deepEqual(parseTable({ field: number }).fields[0]!.constraints, {
      minimum: '1.5',
      maximum: '2.5',
    });
  });

  it('reads an encoding by any of its names', () => {
    assert.equal(parseTable({ resource: { encoding: 'Latin1' } }).encoding, 'windows-1252');
    assert.equal(parseTable({ resource: { encoding: 'KOI8-R' } }).encoding, 'koi8-r');
    assert.equal(parseTable({ resource: { encoding: 'utf8' } }).encoding, 'utf-8');
  });

  it('has a version that is a hash of its content, whatever the order of properties', () => {
    const one = parseDictionary({
      name: 'd',
      resources: [{ name: 't', schema: { fields: [{ name: 'f' }] } }],
    });
    const two = parseDictionary({
      resources: [{ schema: { fields: [{ name: 'f' }] }, name: 't' }],
      name: 'd',
    });
    const other = parseDictionary(descriptor({ field: { title: 'F' } }));
    assert.match(one.version, /^sha256:[0-9a-f]{12}$/);
    assert.equal(one.version, two.version);
    assert.notEqual(one.version, other.version);
    assert.equal(parseDictionary({ ...descriptor({}), version: '2.1' }).version, '2.1');
  });
});

describe('a dictionary file', () => {
  it("is the sample's when none is given", async () => {
    const { tables } = await readDictionary(undefined);
    assert.deepEqual(
      tables.map((table) => table.name),
      ['departments', 'jobs', 'hired_employees'],
    );
  });

  it('a dictionary file that is missing, or not JSON, is refused by its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-dictionary-'));
    try {
      const path = join(folder, 'broken.json');
      await writeFile(path, '{"resources": [');
      const names = { code: 'dictionary-invalid', message: /broken\.json/ };
      await assert.rejects(readDictionary(path), names);
      await assert.rejects(readDictionary(join(folder, 'no-broken.json')), names);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
