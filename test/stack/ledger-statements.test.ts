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
import { type DescribedColumn, describeStatement } from '../support/describe-statement.ts';
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
    assert.ok(source.declared.length > 50, 'the source was not read');
    assert.equal(declaredStatements().length, source.declared.length);
    assert.deepEqual(await faultsOf(declaredStatements()), []);
  });

  it('fits it for tables of a dictionary, too, where its text depends on them', async () => {
    assert.deepEqual([...source.makers].sort(), Object.keys(SAMPLES).sort());
    for (const make of Object.values(SAMPLES)) assert.deepEqual(await faultsOf(make()), []);
  });

  it('gives rows with the members, of the types, that are written out with it', async (t) => {
    const client = await db.connect();
    t.after(() => client.end());
    const faults: string[] = [];
    let looked = 0;
    for (const { at, texts, row } of source.declared) {
      if (row === null) continue;
      const [text] = declaredStatements().filter((one) => isMadeOf(one, texts));
      assert.ok(text, at);
      const columns = await describeStatement(client, text);
      const wrong = faultsOfRow(row, columns);
      looked += 1;
      if (wrong.length > 0) faults.push(`${at}: ${wrong.join('; ')}`);
    }
    assert.ok(looked > 30, `${looked} were looked at`);
    assert.deepEqual(faults, []);
    const described = await describeStatement(client, 'select 1::int8 as id, now() as at');
    assert.deepEqual(faultsOfRow(new Map([['id', 'number']]), described), [
      'id is a string, not number',
      'at is not written out',
    ]);
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

  it('has no part that could be run alone', () => {
    const where = part`from longshore.load`;
    assert.throws(() => `select 1 ${where}`, /not declared/);
  });
});

/** Whether these texts stand in it, in their order, with what was put in between them. */
function isMadeOf(text: string, texts: readonly string[]): boolean {
  let from = 0;
  for (const one of texts) {
    const at = text.indexOf(one, from);
    if (at === -1 || (from === 0 && at !== 0)) return false;
    from = at + one.length;
  }
  return texts.length > 1 || from === text.length;
}

const PLAIN: readonly string[] = ['number', 'string', 'boolean', 'Date', 'Buffer'];

function faultsOfRow(
  row: ReadonlyMap<string, string>,
  columns: readonly DescribedColumn[],
): readonly string[] {
  const faults: string[] = [];
  for (const [name, type] of row) {
    const column = columns.find((one) => one.name === name);
    const [plain] = type.split(' | ');
    if (!column) faults.push(`it gives no ${name}`);
    else if (PLAIN.includes(plain!) && column.type !== plain) {
      faults.push(`${name} is a ${column.type}, not ${plain}`);
    }
  }
  for (const { name } of columns) if (!row.has(name)) faults.push(`${name} is not written out`);
  return faults;
}
