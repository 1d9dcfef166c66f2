import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { columnsWithoutHeader, matchHeader } from '../src/dictionary/match-header.ts';
import { parseDictionary } from '../src/dictionary/parse-dictionary.ts';
import type { FieldsMatch } from '../src/types.ts';

/** Fields id (primary key), a (required), b. */
function table(fieldsMatch: FieldsMatch) {
  const fields = [{ name: 'id' }, { name: 'a', constraints: { required: true } }, { name: 'b' }];
  return parseDictionary({
    resources: [{ name: 't', schema: { fields, fieldsMatch, primaryKey: 'id' } }],
  }).tables[0]!;
}

/** fieldsMatch, header, the columns or what the error says */
const HEADERS: readonly (readonly [FieldsMatch, string, readonly number[] | RegExp])[] = [
  ['exact', 'id,a,b', [0, 1, 2]],
  ['exact', ' id ,a,b', [0, 1, 2]],
  ['exact', 'a,id,b', /expected "id" as column 1, received "a"/],
  ['exact', 'id,a', /missing: "b"/],
  ['exact', 'id,a,b,c', /unexpected: "c"/],
  ['exact', 'id,a,b,b', /more than once: "b"/],
  ['exact', 'ID,a,b', /missing: "id"; unexpected: "ID"/],
  ['equal', 'b,id,a', [1, 2, 0]],
  ['equal', 'b,id', /missing: "a"/],
  ['equal', 'b,id,a,c', /unexpected: "c"/],
  ['subset', 'x,b,id,a', [2, 3, 1]],
  ['subset', 'x,id,a', /missing: "b"/],
  ['subset', 'x,x,b,id,a', /more than once: "x"/],
  ['superset', 'a,id', [1, 0, -1]],
  ['superset', 'a,id,c', /unexpected: "c"/],
  ['superset', 'id,b', /missing: "a"/],
  ['superset', 'a,b', /missing: "id"/],
  ['partial', 'c,a,id', [2, 1, -1]],
  ['partial', 'c,d', /missing: "id", "a"/],
];

describe('a header', () => {
  for (const [fieldsMatch, header, expected] of HEADERS) {
    it(`${fieldsMatch}: ${header}`, () => {
      const match = () => matchHeader(table(fieldsMatch), header.split(','));
      if (expected instanceof RegExp) {
        assert.throws(match, { code: 'header-mismatch', message: expected });
      } else assert.deepEqual(match(), { columns: expected, width: header.split(',').length });
    });
  }

  it('with none of the fields is refused, even when none is needed', () => {
    const free = { ...table('partial'), primaryKey: [], fields: table('partial').fields.slice(2) };
    assert.throws(() => matchHeader(free, ['x']), { message: /no column is a field/ });
  });

  it('that is not there maps the fields by their order', () => {
    assert.deepEqual(columnsWithoutHeader(table('exact')), { columns: [0, 1, 2], width: 3 });
  });
});
