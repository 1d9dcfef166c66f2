import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeTable } from '../../api/tables/descriptor.ts';
import type { BatchMode, ReceivedBatch } from '../../src/batches/batch.ts';
import { readBatch } from '../../src/batches/read-batch.ts';
import { columnsWithoutHeader, matchHeader } from '../../src/dictionary/match-header.ts';
import { checkDescriptor, parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { rulesFingerprint } from '../../src/dictionary/rules-fingerprint.ts';
import { compileTable } from '../../src/rows/compile-table.ts';
import type { Table } from '../../src/types.ts';
import { atOnce } from '../support/at-once.ts';
import { received } from '../support/batches.ts';

function tableOf(fields: readonly object[], schema: object = {}, resource: object = {}): Table {
  return parseDictionary({ resources: [{ name: 't', schema: { fields, ...schema }, ...resource }] })
    .tables[0]!;
}

const ORDERS = [
  { name: 'id', type: 'integer', 'longshore:from': ['Order No.', 'Bestellnummer'] },
  { name: 'customer', type: 'string', 'longshore:from': 'Customer Name', 'longshore:trim': true },
  { name: 'paid', type: 'boolean', 'longshore:default': false, trueValues: ['Y'], falseValues: ['N'] },
  { name: 'source', type: 'string', 'longshore:constant': 'acme', constraints: { required: true } },
];
const KEY = { primaryKey: ['id', 'source'] };

describe('longshore:from and longshore:matchHeader', () => {
  const columns = (schema: object, header: string[], resource: object = {}) =>
    matchHeader(tableOf(ORDERS, { ...KEY, ...schema }, resource), header).columns;

  it('let a header have other names', () => {
    assert.deepEqual(columns({}, ['Order No.', 'customer', 'paid']), [0, 1, 2, -1]);
    assert.deepEqual(columns({}, [' Bestellnummer ', 'Customer Name', 'paid']), [0, 1, 2, -1]);
    assert.throws(() => columns({}, ['order no.', 'customer', 'paid']), { code: 'header-mismatch' });
    assert.throws(() => columns({}, ['id', 'Order No.', 'customer', 'paid']), /more than once: column 2/);
  });

  it('let case and spaces not count', () => {
    const loose = { 'longshore:matchHeader': 'loose' };
    assert.deepEqual(columns(loose, ['ORDERNO.', 'customer  name', 'Paid']), [0, 1, 2, -1]);
    const cased = { 'longshore:matchHeader': { ignoreCase: true } };
    assert.deepEqual(columns(cased, ['ORDER NO.', 'Customer', 'PAID']), [0, 1, 2, -1]);
    assert.throws(() => columns(cased, ['ORDERNO.', 'Customer', 'PAID']), { code: 'header-mismatch' });
    assert.deepEqual(columns({}, ['ID', 'CUSTOMER', 'PAID'], loose), [0, 1, 2, -1]);
    assert.deepEqual(
      columns({}, ['ID', 'CUSTOMER', 'PAID'], { dialect: { caseSensitiveHeader: false } }),
      [0, 1, 2, -1],
    );
  });

  it('let fields with a default or a constant be left out, whatever fieldsMatch is', () => {
    for (const fieldsMatch of ['exact', 'equal', 'subset', 'superset', 'partial']) {
      assert.deepEqual(columns({ fieldsMatch }, ['id', 'customer']), [0, 1, -1, -1], fieldsMatch);
    }
    assert.deepEqual(columns({}, ['id', 'customer', 'paid', 'source']), [0, 1, 2, -1]);
    assert.throws(() => columns({}, ['customer', 'id']), /expected "id" as column 1/);
    assert.deepEqual(columnsWithoutHeader(tableOf(ORDERS)), { columns: [0, 1, 2, -1], width: 3 });
  });
});

describe('longshore:default, longshore:constant and longshore:trim', () => {
  const table = tableOf(ORDERS, { ...KEY, missingValues: ['', '-'] });
  const check = (cells: string[], columns = [0, 1, 2, -1]) =>
    compileTable(table).checkRow(cells, columns, cells.length);

  it('decide the values of a row', () => {
    assert.deepEqual(check(['1', '  Ann ', 'Y']).values, ['1', 'Ann', 'Y', 'acme']);
    assert.deepEqual(check(['2', ' - ', '']).values, ['2', null, 'N', 'acme']);
    assert.deepEqual(check(['3', 'Bob'], [0, 1, -1, -1]).values, ['3', 'Bob', 'N', 'acme']);
    assert.equal(check(['4', 'Bob', 'maybe']).errors?.[0]?.code, 'type-error');
  });

  it('make no row of a blank line', () => {
    for (const cells of [[''], ['', ' ', ''], ['-', '', '-']]) {
      assert.deepEqual(check(cells, [0, 1, 2, -1]).errors?.at(0)?.code, 'blank-row', JSON.stringify(cells));
    }
  });

  const rows = (format: ReceivedBatch['format'], body: string, mode: BatchMode) =>
    atOnce(readBatch(received(body, { format }), compileTable(table), mode)).good.map(({ values, given }) => [
      ...values,
      given,
    ]);

  it('decide those of a batch as well; a merge keeps what a row leaves out', () => {
    const json = '[{"id":1,"customer":" A "},{"id":2,"customer":"B","paid":null,"source":"other"}]';
    assert.deepEqual(rows('json', json, 'append'), [
      ['1', 'A', 'N', 'acme', undefined],
      ['2', 'B', 'N', 'acme', undefined],
    ]);
    assert.deepEqual(rows('json', json, 'merge'), [
      ['1', 'A', null, 'acme', '1101'],
      ['2', 'B', 'N', 'acme', undefined],
    ]);
    const csv = 'id,customer\n1, A \n';
    assert.deepEqual(rows('csv', csv, 'append'), [['1', 'A', 'N', 'acme', undefined]]);
    assert.deepEqual(rows('csv', csv, 'merge'), [['1', 'A', null, 'acme', '1101']]);
  });

  it('are a part of the rules, and leave the fingerprint of tables without them as it was', () => {
    const plain = tableOf([{ name: 'a' }]);
    assert.deepEqual(
      Object.keys(plain.fields[0]!).filter((name) => /from|default|constant|trim/.test(name)),
      [],
    );
    assert.equal('matchHeader' in plain, false);
    for (const own of [{ 'longshore:from': 'b' }, { 'longshore:default': 'b' }, { 'longshore:trim': true }]) {
      assert.notEqual(rulesFingerprint(tableOf([{ name: 'a', ...own }])), rulesFingerprint(plain));
    }
  });

  it('are shown as the descriptor has them', () => {
    const shown = describeTable(tableOf(ORDERS, { ...KEY, 'longshore:matchHeader': 'loose' }));
    assert.deepEqual(
      parseDictionary({ resources: [shown] }).tables[0],
      tableOf(ORDERS, { ...KEY, 'longshore:matchHeader': 'loose' }, { type: 'table' }),
    );
    assert.deepEqual(
      shown.schema.fields.map((field) => Object.keys(field).filter((name) => name.includes(':'))),
      [
        ['longshore:from'],
        ['longshore:from', 'longshore:trim'],
        ['longshore:default'],
        ['longshore:constant'],
      ],
    );
  });
});

describe("what is wrong with Longshore's own members", () => {
  const REFUSED: readonly (readonly [object[], object, string, RegExp])[] = [
    [[{ name: 'a', 'longshore:from': [] }], {}, '0/longshore%3Afrom', /list of names/],
    [[{ name: 'a', 'longshore:from': 3 }], {}, '0/longshore%3Afrom', /received 3/],
    [[{ name: 'a', 'longshore:from': 'b' }, { name: 'b' }], {}, '0/longshore%3Afrom', /would mean "b", too/],
    [
      [
        { name: 'a', 'longshore:from': 'x' },
        { name: 'b', 'longshore:from': 'x' },
      ],
      {},
      '1/longshore%3Afrom',
      /would mean "a", too/,
    ],
    [[{ name: 'a' }, { name: 'A' }], { 'longshore:matchHeader': 'loose' }, '1/name', /would mean "a", too/],
    [
      [{ name: 'a', type: 'integer', 'longshore:default': 'x' }],
      {},
      '0/longshore%3Adefault',
      /expected an integer/,
    ],
    [
      [{ name: 'a', type: 'integer', constraints: { maximum: 5 }, 'longshore:constant': 6 }],
      {},
      '0/longshore%3Aconstant',
      /at most 5/,
    ],
    [[{ name: 'a', 'longshore:default': '' }], {}, '0/longshore%3Adefault', /missing value/],
    [[{ name: 'a', 'longshore:default': null }], {}, '0/longshore%3Adefault', /received null/],
    [
      [{ name: 'a', 'longshore:default': 'x', 'longshore:constant': 'y' }],
      {},
      '0/longshore%3Aconstant',
      /no use/,
    ],
    [[{ name: 'a', 'longshore:trim': 'yes' }], {}, '0/longshore%3Atrim', /true or false/],
  ];
  for (const [fields, schema, pointer, reason] of REFUSED) {
    it(`${pointer} ${reason.source}`, () => {
      const { faults } = checkDescriptor({ resources: [{ name: 't', schema: { fields, ...schema } }] });
      assert.deepEqual(
        faults.map((fault) => fault.pointer),
        [`#/resources/0/schema/fields/${pointer}`],
      );
      assert.match(faults[0]!.detail, reason);
    });
  }
});
