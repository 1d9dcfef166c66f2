import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EntityMetadata, EntityProperty } from '@mikro-orm/postgresql';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { BackupEntity } from '../../src/ledger/backup-entities.ts';
import { BatchGroupEntity } from '../../src/ledger/batch-entities.ts';
import { ledgerEntities } from '../../src/ledger/entities.ts';
import { TokenKeyEntity } from '../../src/ledger/key-entities.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await testDatabase();
  db = await openDatabase({ url: database.url });
});
after(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Tables of the migrations themselves are no part of the ledger. */
const OF_MIKRO_ORM = ['schema_migration'];

interface Column {
  readonly type: string;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
}

describe('The entities of the ledger', () => {
  it('are its tables, with the same columns, types, nulls and defaults as the migrations make', async () => {
    assert.deepEqual(entityTables(), await migratedTables());
  });

  it('have the primary keys of their tables, unless a table has one row only', async () => {
    const rows = await db.query<{ table: string; key: string[] }>(`
      select t.relname as "table", array_agg(a.attname::text order by a.attname) as key
        from pg_index i join pg_class t on t.oid = i.indrelid
        join pg_attribute a on a.attrelid = t.oid and a.attnum = any (i.indkey)
       where i.indisprimary and t.relnamespace = 'longshore'::regnamespace group by 1`);
    const ofOneRow = await db.query<{ table: string }>(`
      select indrelid::regclass::text as "table" from pg_index
       where indisunique and pg_get_indexdef(indexrelid) like '%((true))'`);
    const keys = new Map(rows.map(({ table, key }) => [table, key]));
    for (const { tableName, primaryKeys, properties } of metadata()) {
      if (ofOneRow.some(({ table }) => table === `longshore.${tableName}`)) continue;
      assert.deepEqual(
        primaryKeys.map((name) => columnOf(properties[name]!)).sort(),
        keys.get(tableName),
        tableName,
      );
    }
  });
});

describe('A row of the ledger', () => {
  const tables = ['null', ' a ', 'b"c', 'd\\e', 'f,g', '{h}', "i'j", 'k\nl', 'ä', ''];
  const manifest = { id: 'null', tables: [{ table: "o'clock", rows: 1 }] };

  it('reads the same by an entity, by a typed query and by a statement', async () => {
    const snapshotAt = new Date('2026-11-26T10:11:12.345Z');
    await db.transaction(async ({ em }) => {
      em.create(BackupEntity, {
        id: 'b1',
        purpose: 'manual',
        tables,
        status: 'done',
        codec: 'null',
        encrypted: false,
        workflowId: 'w1',
        dictionaryName: 'd',
        dictionaryVersion: '1',
        definitions: [],
        snapshotAt,
        manifest: manifest as never,
        manifestSha256: 'x',
        rows: 2 ** 53 - 1,
        warnings: ['[', "it's"],
        startedBy: 'test',
      });
    });
    const byEntity = await db.orm.em
      .fork()
      .findOneOrFail(BackupEntity, { id: 'b1' }, { populate: ['manifest'] });
    const byQuery = await db.ledger.selectFrom('backup').selectAll().executeTakeFirstOrThrow();
    const [byStatement] = await db.query('select * from longshore.backup');
    assert.deepEqual(byQuery, byStatement);
    assert.deepEqual(byQuery.tables, tables);
    assert.deepEqual(byQuery.manifest, manifest);
    assert.deepEqual(byQuery.snapshot_at, snapshotAt);
    assert.equal(byQuery.rows, 2 ** 53 - 1);
    assert.deepEqual(byQuery.warnings, ['[', "it's"]);
    assert.deepEqual(
      [
        byEntity.tables,
        byEntity.manifest,
        byEntity.snapshotAt,
        byEntity.rows,
        byEntity.warnings,
        byEntity.pinned,
      ],
      [byQuery.tables, byQuery.manifest, byQuery.snapshot_at, byQuery.rows, byQuery.warnings, false],
    );
  });

  it('keeps large numbers and bytes as they are', async () => {
    const id = String(2n ** 62n);
    const secret = Buffer.from([0, 1, 0x27, 0x5c, 255]);
    await db.transaction(async ({ em }) => {
      em.create(BatchGroupEntity, { id, workflowId: 'g1', tableName: 't', mode: 'append' });
      em.create(TokenKeyEntity, { id: 'k1', period: 1, secret });
    });
    const em = db.orm.em.fork();
    assert.equal((await em.findOneOrFail(BatchGroupEntity, id)).id, id);
    assert.deepEqual((await em.findOneOrFail(TokenKeyEntity, 'k1', { populate: ['secret'] })).secret, secret);
    const group = await db.ledger.selectFrom('batch_group').selectAll().executeTakeFirstOrThrow();
    const key = await db.ledger.selectFrom('token_key').selectAll().executeTakeFirstOrThrow();
    assert.equal(group.id, id);
    assert.ok(group.committed_at instanceof Date);
    assert.deepEqual(key.secret, secret);
  });
});

describe('A query of the ledger', () => {
  it('a query in a transaction sees its own rows, which nobody else does before it commits', async () => {
    await db.transaction(async ({ em, ledger, query }) => {
      em.create(TokenKeyEntity, { id: 'k2', period: 2, secret: Buffer.of(1) });
      await em.flush();
      const own = await ledger.selectFrom('token_key').select('id').where('id', '=', 'k2').execute();
      assert.equal(own.length, 1);
      assert.equal((await query(`select from longshore.token_key where id = 'k2'`)).length, 1);
      assert.deepEqual(
        await db.ledger.selectFrom('token_key').select('id').where('id', '=', 'k2').execute(),
        [],
      );
    });
    const kept = await db.ledger.selectFrom('token_key').select('id').where('id', '=', 'k2').execute();
    assert.equal(kept.length, 1);
  });

  it('does not begin in a transaction whose work was given up', async () => {
    const given = new AbortController();
    const reason = new Error('given up');
    const work = db.transaction(
      async ({ ledger }) => {
        given.abort(reason);
        await assert.rejects(ledger.selectFrom('load').select('id').execute(), reason);
        return 'unheard';
      },
      { signal: given.signal },
    );
    await assert.rejects(work, reason);
  });
});

function metadata(): EntityMetadata[] {
  return ledgerEntities.map((entity) => db.orm.getMetadata().get(entity as never) as EntityMetadata);
}

function columnOf({ fieldNames: [column] }: EntityProperty): string {
  return column!;
}

function entityTables(): Record<string, Record<string, Column>> {
  const columns = ({ props }: EntityMetadata) =>
    props.map((prop): [string, Column] => [
      columnOf(prop),
      {
        type: typeNames[prop.columnTypes[0]!] ?? prop.columnTypes[0]!,
        nullable: prop.nullable === true,
        hasDefault:
          prop.autoincrement === true || prop.default !== undefined || prop.defaultRaw !== undefined,
      },
    ]);
  return sorted(metadata().map((meta) => [meta.tableName, sorted(columns(meta))]));
}

/** MikroORM's names of types, where PostgreSQL has others. */
const typeNames: Readonly<Record<string, string>> = {
  int: 'integer',
  serial: 'integer',
  'timestamptz(6)': 'timestamp with time zone',
  timestamptz: 'timestamp with time zone',
};

async function migratedTables(): Promise<Record<string, Record<string, Column>>> {
  const rows = await db.query<Column & { table: string; column: string }>(
    `select t.relname as "table", a.attname as "column", format_type(a.atttypid, a.atttypmod) as type,
            not a.attnotnull as nullable, (a.atthasdef or a.attidentity <> '') as "hasDefault"
       from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where t.relnamespace = 'longshore'::regnamespace and t.relkind = 'r' and t.relname <> all ($1)`,
    [OF_MIKRO_ORM],
  );
  const tables = Map.groupBy(rows, ({ table }) => table);
  return sorted(
    [...tables].map(([name, columns]) => [
      name,
      sorted(
        columns.map(({ column, type, nullable, hasDefault }) => [column, { type, nullable, hasDefault }]),
      ),
    ]),
  );
}

function sorted<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
