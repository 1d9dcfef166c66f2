import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { columnsWithoutHeader, matchHeader } from '../../src/dictionary/match-header.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { LongshoreError } from '../../src/errors.ts';
import type { FieldsMatch } from '../../src/types.ts';

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
  ['exact', 'id,a,b,c', /unexpected: column 4$/],
  ['exact', 'id,a,b,b', /more than once: column 4$/],
  ['exact', 'ID,a,b', /missing: "id"; unexpected: column 1$/],
  ['equal', 'b,id,a', [1, 2, 0]],
  ['equal', 'b,id', /missing: "a"/],
  ['equal', 'b,id,a,c', /unexpected: column 4$/],
  ['subset', 'x,b,id,a', [2, 3, 1]],
  ['subset', 'x,id,a', /missing: "b"/],
  ['subset', 'x,x,b,id,a', /more than once: column 2$/],
  ['superset', 'a,id', [1, 0, -1]],
  ['superset', 'a,id,c', /unexpected: column 3$/],
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

  it('is quoted, shortened, to its sender, but not in the message that goes into logs', () => {
    const names = Array.from({ length: 1_000 }, (_, i) => (i === 0 ? 'Ann'.repeat(50) : `Ann ${i}`));
    assert.throws(
      () => matchHeader(table('exact'), names),
      (error: LongshoreError) => {
        assert.equal(
          error.message,
          'table "t": missing: "id", "a", "b"; unexpected: columns 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 990 more',
        );
        const [missing, unexpected] = error.places.map((place) => place.detail);
        assert.equal(missing, 'missing: "id", "a", "b"');
        assert.match(
          unexpected ?? '',
          /^unexpected: "(Ann)+A?n?… \(column 1\), "Ann 1" \(column 2\), .* and 990 more$/,
        );
        return true;
      },
    );
  });

  it('a header with none of the fields is refused, even when none is required', () => {
    const free = { ...table('partial'), primaryKey: [], fields: table('partial').fields.slice(2) };
    assert.throws(() => matchHeader(free, ['x']), { message: /no column is a field/ });
  });

  it('a file without a header maps the fields by their order', () => {
    assert.deepEqual(columnsWithoutHeader(table('exact')), { columns: [0, 1, 2], width: 3 });
  });
});
