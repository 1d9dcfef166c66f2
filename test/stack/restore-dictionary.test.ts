import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { testStack } from '../support/stack.ts';

const ID = { name: 'id', type: 'integer' };
const SECRET = 'only for their own eyes';

interface Change {
  readonly table: string;
  /** The fields beside `id`, when the backup was made and now. */
  readonly was: readonly object[];
  readonly is: readonly object[];
  /** CSV of the rows of the backup, and of the rows that the table has now. */
  readonly saved: string;
  readonly present: string;
}

const text = (name: string, constraints = {}) => ({ name, type: 'string', constraints });
const whole = (constraints = {}) => ({ name: 'n', type: 'integer', constraints });

const NULLABLE: Change = {
  table: 'gets_nullable',
  was: [text('a')],
  is: [text('note'), text('a'), { name: 'seen', type: 'datetime' }],
  saved: '1,one\n2,\n',
  present: '1,now,one,2021-01-01T00:00:00Z\n3,now,three,\n',
};
/** What a dictionary may not become if rows are to come back: the words are those of the error. */
const REFUSED_AT_ONCE: readonly (Change & { readonly words: RegExp })[] = [
  {
    table: 'gets_required',
    was: [text('a')],
    is: [text('a'), text('must', { required: true })],
    saved: '1,one\n',
    present: '1,one,yes\n',
    words: /table gets_required: field must: the file does not have it and the table requires a value/,
  },
  {
    table: 'loses_field',
    was: [text('a'), text('gone')],
    is: [text('a')],
    saved: `1,one,${SECRET}\n`,
    present: '1,two\n',
    words: /table loses_field: field gone: the file has it and the table does not/,
  },
  {
    table: 'gets_type',
    was: [text('a')],
    is: [{ name: 'a', type: 'integer' }],
    saved: '1,one\n',
    present: '1,2\n',
    words: /table gets_type: field a: the file has string, the table wants bigint/,
  },
];
const REFUSED_BY_ROWS: readonly (Change & { readonly words: RegExp })[] = [
  {
    table: 'gets_maximum',
    was: [whole()],
    is: [whole({ maximum: 10 })],
    saved: '1,10\n2,11\n3,918273\n',
    present: '1,1\n',
    words:
      /^2 rows of \S+ break rules of the dictionary: n \(constraint-error\); they are load \d+ line 2, load \d+ line 3$/,
  },
  {
    table: 'gets_pattern',
    was: [text('a')],
    is: [text('a', { pattern: '[a-z]+' })],
    saved: `1,one\n2,${SECRET}\n3,\n`,
    present: '1,two\n',
    words: /^1 rows of \S+ break rules of the dictionary: a \(constraint-error\); they are load \d+ line 2$/,
  },
  {
    table: 'gets_enum',
    was: [text('a'), whole()],
    is: [text('a', { enum: ['one', 'two'] }), whole({ minimum: 0 })],
    saved: `1,one,1\n2,${SECRET},2\n3,two,-918273\n4,,\n`,
    present: '1,two,1\n',
    words:
      /^2 rows of \S+ break rules of the dictionary: a \(constraint-error\), n \(constraint-error\); they are load \d+ line 2, load \d+ line 3$/,
  },
  {
    table: 'gets_demand',
    was: [text('a')],
    is: [text('a', { required: true })],
    saved: '1,one\n2,\n3,\n',
    present: '1,two\n',
    words:
      /^2 rows of \S+ break rules of the dictionary: a \(constraint-error\); they are load \d+ line 2, load \d+ line 3$/,
  },
  {
    table: 'gets_unique',
    was: [text('a')],
    is: [text('a', { unique: true })],
    saved: `1,${SECRET}\n2,${SECRET}\n`,
    present: '1,two\n',
    words: /^gets_unique: a is not unique in the backup: load \d+ line 1, load \d+ line 2$/,
  },
];
/** Tighter as well, but no row of the backup is in the way. */
const FITS: Change = {
  table: 'gets_rules_kept',
  was: [whole()],
  is: [whole({ maximum: 10, required: true, unique: true })],
  saved: '1,9\n2,10\n',
  present: '7,7\n',
};
const REFUSED = [...REFUSED_AT_ONCE, ...REFUSED_BY_ROWS];
const ALL = [NULLABLE, FITS, ...REFUSED];

const dictionaryOf = (when: 'was' | 'is') => ({
  name: 'changing',
  resources: ALL.map((change) => ({
    name: change.table,
    dialect: { header: false },
    schema: { fields: [ID, ...change[when]], primaryKey: ['id'] },
  })),
});

/** The new platform adopts the backup of the old one, whose storage it shares. */
describe('restores under a dictionary that has changed since the backup', async () => {
  const old = await testStack({ after }, dictionaryOf('was'));
  for (const { table, saved } of ALL) assert.equal((await old.load(table, saved)).body.status, 'done');
  const made = await old.post('/v1/backups', {}, { prefer: 'wait=50' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const backup = made.body as unknown as BackupView;

  const env = { LONGSHORE_STORAGE: `file:${join(old.home, 'storage')}` };
  const stack = await testStack({ after }, dictionaryOf('is'), { env });
  const { db, rows } = stack;

  before(async () => {
    for (const { table, present } of ALL)
      assert.equal((await stack.load(table, present)).body.status, 'done');
  });

  const send = async (path: string, body: object) => {
    const answer = await stack.post(path, body, { prefer: 'wait=50' });
    return { status: answer.status, body: answer.body as unknown as Answer };
  };
  const restore = (table: string, body: object = {}) =>
    send(`/v1/tables/${table}/restore`, { backup: backup.id, ...body });
  const everything = async () =>
    Object.fromEntries(await Promise.all(ALL.map(async ({ table }) => [table, await rows(table)])));
  const left = async () => ({
    stages: (await db.query(`select from pg_class where relnamespace = 'longshore_stage'::regnamespace`))
      .length,
    gates: (await db.query('select from longshore.table_gate')).length,
    parts: (await db.query('select from longshore.restore_part')).length,
    running: (await db.query('select from longshore.restore where finished_at is null')).length,
  });
  const NOTHING_LEFT = { stages: 0, gates: 0, parts: 0, running: 0 };
  const withoutRowData = (answer: Answer) =>
    assert.doesNotMatch(JSON.stringify(answer), /918273|their own eyes/);

  it('give rows null in a field that is new', async () => {
    // As it is where the dictionary has grown: the new columns stand behind those of lineage.
    await db.query('alter table gets_nullable drop column note cascade');
    await db.query('alter table gets_nullable add column note text');
    await db.query(`update gets_nullable set note = 'now'`);
    const dry = await restore('gets_nullable', { dryRun: true });
    assert.equal(dry.status, 201, JSON.stringify(dry.body));
    const { status, body } = await restore('gets_nullable', { compare: true });
    assert.equal(status, 201, JSON.stringify(body));
    for (const { changes } of [dry.body, body]) {
      const { added, removed, changed, rowsNow, rowsInBackup } = changes[0]!;
      assert.deepEqual([rowsNow, rowsInBackup, added, removed, changed], [2, 2, 1, 1, 1]);
    }
    const now = await db.query('select id::int, a, note, seen from gets_nullable order by id');
    assert.deepEqual(now, [
      { id: 1, a: 'one', note: null, seen: null },
      { id: 2, a: null, note: null, seen: null },
    ]);
    // Undone, what stood in the new fields is back.
    const undone = await send(`/v1/backups/${body.safetyBackupId}/restore`, { safety: false });
    assert.equal(undone.status, 201, JSON.stringify(undone.body));
    assert.deepEqual(await db.query('select id::int, note from gets_nullable order by id'), [
      { id: 1, note: 'now' },
      { id: 3, note: 'now' },
    ]);
  });

  it('put single rows back with null in a field that is new', async () => {
    const { status, body } = await restore('gets_nullable', { keys: [['2'], ['3']], safety: false });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(await db.query('select id::int, a, note from gets_nullable order by id'), [
      { id: 1, a: 'one', note: 'now' },
      { id: 2, a: null, note: null },
    ]);
  });

  it('put rows back that obey rules which came later', async () => {
    const { status, body } = await restore('gets_rules_kept', { safety: false });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(await db.query('select id::int, n::int from gets_rules_kept order by id'), [
      { id: 1, n: 9 },
      { id: 2, n: 10 },
    ]);
  });

  for (const { table, words } of REFUSED_AT_ONCE) {
    it(`are refused before anything starts, by the name of the field: ${table}`, async () => {
      const before = await everything();
      const count = async () => (await db.query('select from longshore.restore')).length;
      const started = await count();
      for (const body of [{}, { dryRun: true }, { keys: [['1']] }, { safety: false }]) {
        const refused = await restore(table, body);
        assert.deepEqual(
          [refused.status, refused.body.code],
          [422, 'restore-mismatch'],
          JSON.stringify(body),
        );
        assert.match(refused.body.detail ?? '', words);
        withoutRowData(refused.body);
      }
      assert.equal(await count(), started);
      assert.deepEqual(await everything(), before);
      assert.deepEqual(await left(), NOTHING_LEFT);
    });
  }

  for (const { table, words } of REFUSED_BY_ROWS) {
    it(`are refused with the field and how many rows break its rule: ${table}`, async () => {
      const before = await everything();
      for (const dryRun of [false, true]) {
        const { status, body } = await restore(table, { dryRun });
        assert.deepEqual([status, body.code, body.restore?.status], [422, 'restore-mismatch', 'failed']);
        assert.match(body.detail ?? '', words);
        withoutRowData(body);
      }
      assert.deepEqual(await everything(), before);
      assert.deepEqual(await left(), NOTHING_LEFT);
    });
  }

  it('restores of single rows check only the wanted rows', async () => {
    for (const [table, good, bad] of [
      ['gets_maximum', '1', '3'],
      ['gets_demand', '01', '2'],
      ['gets_pattern', '1', '2'],
    ] as const) {
      const fits = await restore(table, { keys: [[good]] });
      assert.equal(fits.status, 201, JSON.stringify(fits.body));
      const refused = await restore(table, { keys: [[bad]], dryRun: true });
      assert.deepEqual([refused.status, refused.body.code], [422, 'restore-mismatch']);
      assert.match(refused.body.detail ?? '', /^1 rows of \S+ break rules/);
    }
    const { body } = await restore('gets_maximum', { keys: [['1'], ['404']], dryRun: true });
    assert.deepEqual(body.changes[0]?.notFound, [['404']]);
  });

  it('hold rows that are older than a rule to it, whenever they were backed up, unless told otherwise', async () => {
    await db.query('insert into gets_maximum (id, n, _load_id, _line) values (5, 918273, 1, 7)');
    const late = await stack.post('/v1/backups', { tables: ['gets_maximum'] }, { prefer: 'wait=50' });
    const { id } = late.body as unknown as BackupView;
    for (const dryRun of [true, false]) {
      const { status, body } = await restore('gets_maximum', { backup: id, dryRun });
      assert.deepEqual([status, body.code], [422, 'restore-mismatch']);
      assert.match(body.detail ?? '', /^1 rows of \S+ break .* they are load 1 line 7$/);
      withoutRowData(body);
    }
    await db.query('delete from gets_maximum');
    const { status, body } = await restore('gets_maximum', { backup: id, acceptBrokenRows: true });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal((await db.query('select from gets_maximum where n = 918273')).length, 1);
    await db.query('delete from gets_maximum where id = 5');
  });

  it('restores and dry runs refuse to lose columns that no backup holds, which backups and drills report', async () => {
    await db.query('alter table gets_rules_kept add column beside text');
    await db.query(`update gets_rules_kept set beside = 'kept by hand'`);
    for (const dryRun of [true, false]) {
      const { status, body } = await restore('gets_rules_kept', { dryRun });
      assert.deepEqual([status, body.code], [409, 'restore-state'], JSON.stringify(body));
      assert.match(body.detail ?? '', /column beside of gets_rules_kept/);
    }
    const made = await stack.post('/v1/backups', { tables: ['gets_rules_kept'] }, { prefer: 'wait=50' });
    const warned = made.body as unknown as BackupView;
    const words = 'column beside of gets_rules_kept is not in the dictionary: no backup holds it';
    assert.deepEqual(warned.warnings, [words]);
    await stack.post(`/v1/backups/${warned.id}/verify`, undefined, { prefer: 'wait=50' });
    const proved = (await stack.get(`/v1/backups/${warned.id}`)).body as unknown as BackupView;
    assert.deepEqual([proved.verification?.misfits, proved.verification?.warnings], [[], [words]]);
    await db.query('alter table gets_rules_kept drop column beside');
  });

  it('are foretold by a drill, which reports that the files are good and what the dictionary would refuse', async () => {
    const drilled = await send(`/v1/backups/${backup.id}/verify`, {});
    assert.equal(drilled.status, 201, JSON.stringify(drilled.body));
    const { verification } = (await stack.get(`/v1/backups/${backup.id}`)).body as unknown as BackupView;
    assert.equal(verification?.ok, true);
    const misfits = verification?.misfits ?? [];
    const tables = misfits.map((misfit) => /^(?:table )?(\w+): /.exec(misfit)?.[1]);
    assert.deepEqual(new Set(tables), new Set(REFUSED.map(({ table }) => table)));
    for (const words of [
      /^gets_maximum: 2 rows break rules of the dictionary: n \(constraint-error\); they are load \d+ line 2, load/,
      /^gets_demand: 2 rows break rules/,
      /^gets_unique: a is not unique: load \d+ line 1, load \d+ line 2$/,
      /^loses_field: table loses_field: field gone: the file has it and the table does not$/,
    ]) {
      assert.ok(
        misfits.some((misfit) => words.test(misfit)),
        `${words}: ${misfits.join(' | ')}`,
      );
    }
    assert.doesNotMatch(JSON.stringify(misfits), /918273|their own eyes/);
  });

  it('restores of the latest backup before a moment choose that one, and report its moment', async () => {
    const newer = await stack.post('/v1/backups', { tables: ['gets_nullable'] }, { prefer: 'wait=50' });
    const { snapshotAt } = newer.body as unknown as BackupView;
    const latest = await restore('gets_nullable', { backup: 'latest', dryRun: true });
    assert.equal(latest.body.snapshotAt, snapshotAt);
    assert.ok((latest.body.snapshotAgeSeconds ?? -1) >= 0);
    const just = new Date(Date.parse(snapshotAt!) - 1).toISOString();
    const before = await restore('gets_nullable', { backup: 'latest', before: just, dryRun: true });
    assert.equal(before.body.snapshotAt, backup.snapshotAt);
    const none = await restore('gets_nullable', { backup: 'latest', before: '2020-01-01T00:00:00+02:00' });
    assert.deepEqual([none.status, none.body.code], [404, 'unknown-backup']);
    const both = await restore('gets_nullable', { before: just });
    assert.deepEqual([both.status, both.body.code], [409, 'restore-state']);
  });

  it('restores of all tables are refused when one is, and leave all of them as they were', async () => {
    const before = await everything();
    const tables = ['gets_rules_kept', 'gets_nullable', 'gets_enum'];
    const { status, body } = await send(`/v1/backups/${backup.id}/restore`, { tables });
    assert.deepEqual([status, body.code], [422, 'restore-mismatch']);
    assert.deepEqual(await everything(), before);
    assert.deepEqual(await left(), NOTHING_LEFT);
  });

  for (const { table, saved } of REFUSED) {
    it(`are done beside, as the backup has it: ${table}`, async () => {
      const before = await everything();
      const as = `${table}_then`;
      const { status, body } = await restore(table, { as });
      assert.equal(status, 201, JSON.stringify(body));
      const lines = (await rows(as, 'longshore_copies')).map(({ _load_id, _line, ...fields }) =>
        Object.values(fields).join(),
      );
      assert.deepEqual(lines.map((line) => `${line}\n`).join(''), saved);
      await db.query(`drop table longshore_copies.${as}`);
      assert.deepEqual(await everything(), before);
      assert.deepEqual(await left(), NOTHING_LEFT);
    });
  }

  for (const [table, fields, differs] of [
    ['gets_required', { left: [], added: ['must'], retyped: [] }, ['must']],
    ['loses_field', { left: ['gone'], added: [], retyped: [] }, ['a']],
    ['gets_type', { left: [], added: [], retyped: ['a'] }, []],
    ['gets_enum', { left: [], added: [], retyped: [] }, ['a']],
  ] as const) {
    it(`are compared nevertheless, in the fields that both have: ${table}`, async () => {
      const before = await everything();
      const { status, body } = await stack.get(`/v1/backups/${backup.id}/diff?table=${table}`);
      assert.equal(status, 200, JSON.stringify(body));
      const page = body as unknown as { fields: object; differences: { kind: string; fields: object }[] };
      assert.deepEqual(page.fields, fields);
      const changed = page.differences.filter(({ kind }) => kind === 'changed');
      assert.deepEqual(
        changed.flatMap((one) => Object.keys(one.fields)),
        differs,
      );
      assert.deepEqual(await everything(), before);
    });
  }
});

type Answer = RestoreView & {
  readonly code?: string;
  readonly detail?: string;
  readonly restore?: RestoreView;
};
