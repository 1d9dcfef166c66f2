import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testDatabase } from '../support/database.ts';
import { testStack } from '../support/stack.ts';

const dictionaryOf = (rules: object) => ({
  name: 'loosened',
  resources: [
    {
      name: 't',
      schema: { fields: [{ name: 'id', type: 'integer' }, { name: 'code' }], primaryKey: 'id', ...rules },
    },
  ],
});

it('a start warns of a unique key that left the dictionary, and a load names it and takes the other rows', async () => {
  const { url } = await testDatabase({ after });
  await ensureTables(url, parseDictionary(dictionaryOf({ uniqueKeys: [['code']] })));
  await using db = await openDatabase({ url });
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', process: 'test' }, { write: (line) => void lines.push(line) });
  const stack = await testStack({ after }, dictionaryOf({}), { env: { DATABASE_URL: url }, log });

  const warned = lines.map((line) => JSON.parse(line)).filter(({ constraint }) => constraint !== undefined);
  assert.equal(warned.length, 1, lines.join(''));
  const { table, constraint, definition, drop } = warned[0];
  assert.deepEqual([table, definition], ['t', 'unique (code)']);

  const { status, body } = await stack.load('t', 'id,code\n1,a\n2,a\n3,b\n');
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual(
    (await db.query('select id, code from t order by id')).map(({ code }) => code),
    ['a', 'b'],
  );
  const [reject] = await stack.rejects(body.id);
  assert.match(reject?.errors[0]?.message ?? '', new RegExp(constraint));

  await db.query(drop);
  const again = await stack.load('t', 'id,code\n2,a\n');
  assert.equal(again.status, 201, JSON.stringify(again.body));
});
