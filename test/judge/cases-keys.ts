import { csv, packageOf } from './packages.ts';
import type { JudgeCase } from './verdict.ts';

const integer = (name: string, constraints: object = {}) => ({ name, type: 'integer', constraints });
const reference = (
  fields: readonly string[],
  resource: string | undefined,
  referenced: readonly string[],
) => ({
  fields,
  reference: { ...(resource === undefined ? {} : { resource }), fields: referenced },
});

/** Primary, unique and foreign keys: single, composite, null, repeated, among bad rows, to itself. */
export function keyCases(): JudgeCase[] {
  const rows = [
    '1,1,a',
    '1,2,b',
    '1,1,c',
    ',3,d',
    '2,,e',
    ',,f',
    'x,1,g',
    '02,5,h',
    '2,5,i',
    '3,y,j',
    '3,1,k',
  ];
  const parents = ['1,1,p', '1,2,q', '2,x,r', '2,1,', '3,3,s', '3,3,t'];
  const children = [
    '1,1,1',
    '2,1,2',
    '3,2,1',
    '4,9,9',
    '5,,9',
    '6,9,',
    '7,,',
    '8,2,x',
    '9,3,3',
    'x,9,9',
    '1,1,1',
    '1,9,9',
  ];
  const staff = ['1,', '2,1', '3,9', '4,3', '5,x', '6,5', '7,7', '7,1', '8,10', '10,8', 'y,1'];
  const named = [integer('id'), integer('part'), { name: 'name', type: 'string' }];
  return [
    packageOf('a primary key of two fields', [
      { name: 't', fields: named, schema: { primaryKey: ['id', 'part'] }, file: lines(rows) },
    ]),
    packageOf('a primary key of one field, nulls and bad rows', [
      { name: 't', fields: named, schema: { primaryKey: 'id' }, file: lines(rows) },
    ]),
    packageOf('unique fields and a unique key', [
      {
        name: 't',
        fields: [integer('id', { unique: true }), integer('part'), named[2]!],
        schema: { uniqueKeys: [['part', 'name'], ['part']] },
        file: lines(rows),
      },
    ]),
    packageOf('unique values are compared as values', [
      {
        name: 't',
        fields: [{ name: 'v', type: 'number', constraints: { unique: true } }, named[2]!],
        file: lines(['1,a', '1.0,b', '1e0,c', '01,d', '2,e', '-0,f', '0,g', '10,h', '1e1,i', ',j', ',k']),
      },
    ]),
    packageOf('a foreign key of two fields', [
      { name: 'parent', fields: named, schema: { primaryKey: ['id', 'part'] }, file: lines(parents) },
      {
        name: 'child',
        fields: [integer('id'), integer('a'), integer('b')],
        schema: { primaryKey: 'id', foreignKeys: [reference(['a', 'b'], 'parent', ['id', 'part'])] },
        file: lines(children),
      },
    ]),
    packageOf('two foreign keys, to a table with rejected rows', [
      {
        name: 'parent',
        fields: [integer('id', { required: true }), { name: 'name', constraints: { required: true } }],
        schema: { primaryKey: 'id' },
        file: lines(['1,a', '2,', '3,c', '3,d']),
      },
      {
        name: 'child',
        fields: [integer('id'), integer('a'), integer('b')],
        schema: {
          primaryKey: 'id',
          foreignKeys: [reference(['a'], 'parent', ['id']), reference(['b'], 'parent', ['id'])],
        },
        file: lines(['1,1,1', '2,2,3', '3,9,8', '4,1,9', '4,1,3', '4,1,1', '5,,']),
      },
    ]),
    packageOf('a foreign key to the table itself', [
      {
        name: 'staff',
        fields: [integer('id', { required: true }), integer('boss')],
        schema: { primaryKey: 'id', foreignKeys: [reference(['boss'], undefined, ['id'])] },
        file: lines(staff),
      },
    ]),
    packageOf('a text too long for an index, as a key', [
      {
        name: 't',
        fields: [{ name: 'k', type: 'string' }, integer('n')],
        schema: { primaryKey: 'k' },
        file: csv([
          ['x'.repeat(2600), '1'],
          ['x'.repeat(2601), '2'],
        ]),
      },
    ]),
  ];
}

function lines(rows: readonly string[]): string {
  return `${rows.join('\n')}\n`;
}
