import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { listBatchRejects, viewBatch } from '../../src/batches/read-batches.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { startTestApi } from '../support/api-fakes.ts';
import { batchStack, ended } from '../support/batches.ts';
import { fixedBook } from '../support/fixed-book.ts';

const field = (name: string, type = 'integer', constraints = {}) => ({ name, type, constraints });
const schema = (fieldsMatch: string) => ({
  fields: [field('id', 'integer', { required: true }), field('name', 'string'), field('size')],
  primaryKey: 'id',
  fieldsMatch,
});
const DICTIONARY = {
  name: 'headers',
  resources: [
    { name: 'free', dialect: { header: true }, schema: schema('partial') },
    { name: 'fixed', dialect: { header: true }, schema: schema('exact') },
    { name: 'bare', dialect: { header: false }, schema: schema('exact') },
  ],
};
const REASONS = '_index,_field,_code,_message';

/** From the body to the file, by way of the ledger. */
describe('the rejects of a CSV batch as CSV', async () => {
  const { db, check, commit } = await batchStack({ after }, DICTIONARY);
  const api = await startTestApi({ dictionary: fixedBook(parseDictionary(DICTIONARY)) });
  after(() => api[Symbol.asyncDispose]());
  api.batches.get = (id) => viewBatch(db, id);
  api.batches.rejects = (id, page) => listBatchRejects(db, id, page);

  async function rejectsOf(table: string, body: string, format: 'csv' | 'json' = 'csv') {
    const [outcome] = await commit(table, [check(table, body, { format })]);
    const response = await api.call(`/v1/batches/${ended(outcome).view.id}/rejects?format=csv`);
    return (await response.text()).split('\r\n').filter((line) => line !== '');
  }

  const cases: readonly [what: string, table: string, body: string, header: string, cells: string][] = [
    ['has its columns in another order', 'free', 'size,id,name\n7,x,a\n', 'size,id,name', '7,x,a'],
    ['has more columns', 'free', 'id,more,name\nx,m,a\n', 'id,more,name', 'x,m,a'],
    ['has fewer columns', 'free', ' name , id \na,x\n', 'name,id', 'a,x'],
    ['has the columns of the table', 'fixed', 'id,name,size\nx,a,7\n', 'id,name,size', 'x,a,7'],
    ['has no header', 'bare', 'x,a,7\n', 'id,name,size', 'x,a,7'],
  ];
  for (const [what, table, body, header, cells] of cases) {
    it(`names the cells as they were sent, when it ${what}`, async () => {
      const [first, second = ''] = await rejectsOf(table, body);
      assert.equal(first, `${header},${REASONS}`);
      assert.ok(second.startsWith(`${cells},0,id,type-error,`), second);
    });
  }

  it('does so too for what only the table could tell', async () => {
    await commit('free', [check('free', [{ id: 1 }])]);
    const [first, second = ''] = await rejectsOf('free', 'name,size,id\na,7,1\n');
    assert.equal(first, `name,size,id,${REASONS}`);
    assert.ok(second.startsWith('a,7,1,0,id,primary-key,'), second);
  });

  it('takes the names of the fields for JSON', async () => {
    const [first, second = ''] = await rejectsOf('free', '[{"size":7,"id":"x","name":"a"}]', 'json');
    assert.equal(first, `id,name,size,${REASONS}`);
    assert.ok(second.startsWith('x,a,7,0,id,type-error,'), second);
  });
});
