import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { BatchMode } from '../../src/batches/batch.ts';
import { commitSql, putSql, type References } from '../../src/batches/group-sql.ts';
import { declaredStatements, part } from '../../src/db/statement.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { rejectLinesSql } from '../../src/publish/find-refused.ts';
import { rejectRowsSql } from '../../src/publish/reject-rows.ts';
import { makeStage, stageName } from '../../src/publish/stage.ts';
import { KEEP_FAULTY } from '../../src/rejects/kept-rejects.ts';
import { noteFilledSql } from '../../src/reports/fill-view.ts';
import { batchStack } from '../support/batches.ts';
import { readSourceStatements } from '../support/source-statements.ts';
import { sourceUrl } from '../support/source-tree.ts';

const DESCRIPTOR = {
  name: 'statements',
  resources: [
    {
      name: 'o.clock',
      schema: { fields: [{ name: 'id "x', type: 'integer' }], primaryKey: 'id "x' },
    },
    {
      name: 'hires',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'at', type: 'datetime' },
          { name: 'mail', type: 'string', constraints: { unique: true } },
          { name: 'clock', type: 'integer' },
          { name: 'boss', type: 'integer' },
        ],
        primaryKey: 'id',
        foreignKeys: [
          { fields: 'clock', reference: { resource: 'o.clock', fields: 'id "x' } },
          { fields: 'boss', reference: { resource: '', fields: 'id' } },
        ],
      },
    },
  ],
};
const { tables } = parseDictionary(DESCRIPTOR);
const STAGE = stageName(1);

/** What each function makes that makes statements for a table: in every shape. */
const SAMPLES: Readonly<Record<string, () => readonly string[]>> = {
  'src/batches/group-sql.ts commitSql': () => ofGroups(commitSql),
  'src/batches/group-sql.ts putSql': () => ofGroups(putSql),
  'src/publish/find-refused.ts rejectLinesSql': () => [rejectLinesSql(STAGE)],
  'src/publish/reject-rows.ts rejectRowsSql': () => {
    const faulty = `select ctid as at, _line as line, 'no' as message from ${STAGE}`;
    const faults = [{ fields: ['id'], code: 'primary-key', faulty } as const];
    return [rejectRowsSql({ table: STAGE, keep: KEEP_FAULTY }, faults)];
  },
  'src/reports/fill-view.ts noteFilledSql': () => [noteFilledSql('longshore_report.sample')],
};

function ofGroups(make: typeof commitSql | typeof putSql): readonly string[] {
  const modes: readonly BatchMode[] = ['append', 'merge'];
  const references: readonly References[] = ['triggers', 'sets'];
  const shapes = [true, false].flatMap((several) => [true, false].map((partial) => ({ several, partial })));
  return tables.flatMap((table) =>
    modes.flatMap((mode) =>
      references.flatMap((reference) => shapes.map((shape) => make(table, mode, reference, shape))),
    ),
  );
}

describe('Every statement of the ledger that is written in SQL', async () => {
  const source = readSourceStatements();
  const { db } = await batchStack({ after }, DESCRIPTOR);
  await makeStage(db, tables.find(({ name }) => name === 'hires')!, STAGE, 1);
  await db.query('create materialized view longshore_report.sample as select 1 as x');
  for (const file of source.files) await import(sourceUrl(file));

  /** What PostgreSQL says against it; null: nothing. */
  async function faultOf(text: string): Promise<string | null> {
    try {
      // A lock is none that can be prepared.
      if (/^\s*lock /.test(text)) await db.transaction(({ query }) => query(text));
      else await db.query(`prepare sample as ${text}; deallocate sample`);
      return null;
    } catch (error) {
      return `${(error as Error).message} in ${text}`;
    }
  }

  async function faultsOf(texts: readonly string[]): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const text of texts) {
      const fault = await faultOf(text);
      if (fault !== null) faults.push(fault);
    }
    return faults;
  }

  it('fits the migrated schema, as PostgreSQL says when it prepares it', async () => {
    assert.ok(source.declared > 50, 'the source was not read');
    assert.equal(declaredStatements().length, source.declared);
    assert.deepEqual(await faultsOf(declaredStatements()), []);
  });

  it('fits it for tables of a dictionary, too, where its text depends on them', async () => {
    assert.deepEqual([...source.makers].sort(), Object.keys(SAMPLES).sort());
    for (const make of Object.values(SAMPLES)) assert.deepEqual(await faultsOf(make()), []);
  });

  it('is declared as one, so that this test sees it', () => {
    assert.deepEqual(source.faults, []);
  });

  it('would be refused with a column, a table or a type that is wrong', async () => {
    assert.match((await faultOf('select uidd from longshore.load')) ?? '', /column "uidd" does not exist/);
    assert.match((await faultOf('select from longshore.loads')) ?? '', /"longshore.loads" does not exist/);
    assert.match(
      (await faultOf('select from longshore.load where id = $1::text')) ?? '',
      /operator does not/,
    );
    assert.equal(await faultOf('select from longshore.load where id = $1'), null);
  });

  it('would be found where it is written without being declared', () => {
    const { faults } = readSourceStatements('test/fixtures/statements/*.ts');
    assert.deepEqual(
      faults.map((fault) => fault.replace(/^.*\//, '')),
      [
        'undeclared.ts:6 is SQL of the ledger that is not declared',
        'undeclared.ts:7 is SQL of the ledger that is not declared',
        'undeclared.ts:8 is declared when it is run, and not before',
      ],
    );
  });

  it('has no part that could be run by itself', () => {
    const where = part`from longshore.load`;
    assert.throws(() => `select 1 ${where}`, /not declared/);
  });
});
