import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase, type Tx } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { publishStage } from '../../src/publish/publish-stage.ts';
import { makeStage, restoreStageName, stageName } from '../../src/publish/stage.ts';
import { publishRestore } from '../../src/restores/publish-restore.ts';
import type { RestorePlan } from '../../src/restores/restores.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { ensureReadViews } from '../../src/tables/read-views.ts';
import type { LoadMode } from '../../src/types.ts';
import { testDatabase } from '../support/database.ts';

/**
 * One row for each kind of object or attribute that PostgreSQL 18 lets hang on a table. A load that replaces all rows,
 * one that appends to the empty table, and a restore have to leave it as it was.
 */
interface Hanging {
  readonly what: string;
  readonly make: string;
  readonly way: 'swap' | 'insert';
}

/** Everything that the catalogs say of the table and of what depends on it, but for OIDs and what a table's size is. */
const PROPERTIES = `
  with t as (select * from pg_class where oid = 'item'::regclass)
  select jsonb_build_object(
    'class', to_jsonb(t) - array['oid', 'reltype', 'relfilenode', 'relpages', 'reltuples', 'relallvisible',
      'relallfrozen', 'reltoastrelid', 'relhasindex', 'relhastriggers', 'relfrozenxid', 'relminmxid', 'relacl'],
    'toast', (select reloptions from pg_class where oid = t.reltoastrelid),
    'acl', (select jsonb_agg(a order by a::text) from unnest(coalesce(relacl, acldefault('r', relowner))) a),
    'attributes', (select jsonb_agg(to_jsonb(a) - array['attrelid', 'attcacheoff'] order by attnum)
                     from pg_attribute a where attrelid = t.oid and attnum > 0),
    'defaults', (select jsonb_agg(pg_get_expr(adbin, adrelid) order by adnum) from pg_attrdef where adrelid = t.oid),
    'constraints', (select jsonb_agg(jsonb_build_array(conrelid::regclass, conname, convalidated, condeferrable,
                        pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')) order by conrelid::regclass::text, conname)
                      from pg_constraint where t.oid in (conrelid, confrelid)),
    'indexes', (select jsonb_agg(jsonb_build_array(pg_get_indexdef(i.indexrelid), i.indisclustered, i.indisreplident,
                    c.reloptions, obj_description(c.oid, 'pg_class'),
                    (select array_agg(attstattarget order by attnum) from pg_attribute where attrelid = c.oid)) order by c.relname)
                  from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = t.oid),
    'triggers', (select jsonb_agg(jsonb_build_array(
                     case when tgisinternal then tgfoid::regproc::text else pg_get_triggerdef(g.oid) end, tgenabled,
                     tgrelid::regclass, obj_description(g.oid, 'pg_trigger')) order by tgrelid::regclass::text, tgfoid::regproc::text, tgname)
                   from pg_trigger g left join pg_constraint k on k.oid = tgconstraint
                  where g.tgrelid = t.oid or t.oid in (k.conrelid, k.confrelid)),
    'rules', (select jsonb_agg(pg_get_ruledef(oid) order by rulename) from pg_rewrite where ev_class = t.oid),
    'policies', (select jsonb_agg(to_jsonb(p) order by tablename, policyname) from pg_policies p),
    'statistics', (select jsonb_agg(pg_get_statisticsobjdef(oid)) from pg_statistic_ext where stxrelid = t.oid),
    'publications', (select jsonb_agg(to_jsonb(p)) from pg_publication_tables p where tablename = 'item'),
    'subscriptions', (select count(*) from pg_subscription_rel where srrelid = t.oid),
    'inheritance', (select jsonb_agg(array[inhrelid::regclass, inhparent::regclass]) from pg_inherits
                     where t.oid in (inhrelid, inhparent)),
    'sequences', (select jsonb_agg(objid::regclass) from pg_depend
                   where refobjid = t.oid and classid = 'pg_class'::regclass and deptype in ('a', 'i')
                     and objid in (select oid from pg_class where relkind = 'S')),
    'comments', (select jsonb_agg(jsonb_build_array(objsubid, description) order by objsubid)
                   from pg_description where classoid = 'pg_class'::regclass and objoid = t.oid),
    'labels', (select jsonb_agg(jsonb_build_array(objsubid, label) order by objsubid)
                 from pg_seclabel where objoid = t.oid),
    'type', (select jsonb_build_array(typacl, obj_description(y.oid, 'pg_type')) from pg_type y where y.oid = t.reltype),
    'extension', (select jsonb_agg(refobjid) from pg_depend where objid = t.oid and deptype = 'e'),
    'views', (select jsonb_agg(pg_get_viewdef(c.oid) order by c.relname) from pg_class c
               where c.relkind in ('v', 'm') and c.relnamespace = 'public'::regnamespace),
    'functions', (select jsonb_agg(pg_get_functiondef(oid) order by proname) from pg_proc
                   where pronamespace = 'public'::regnamespace and prokind = 'f')) as shown
    from t`;

const FUNCTION = `create function hook() returns trigger language plpgsql as $$ begin return new; end $$;`;
/** As a superuser may write it, where no statement of PostgreSQL does without a second server or a module. */
const forge = (statement: string) =>
  `set allow_system_table_mods = on; ${statement}; reset allow_system_table_mods`;

const HANGING: readonly Hanging[] = [
  { what: 'nothing at all', make: '', way: 'swap' },
  { what: 'a grant', make: 'grant select, update on item to hanger with grant option', way: 'swap' },
  {
    what: 'a grant that was taken from the owner',
    make: 'revoke delete on item from current_user',
    way: 'swap',
  },
  {
    what: 'no grant, where new tables would get one',
    make: 'alter default privileges grant select on tables to hanger',
    way: 'swap',
  },
  {
    what: 'a grant by someone else than the owner',
    make: 'grant select on item to hanger with grant option; set role hanger; grant select on item to other; reset role',
    way: 'insert',
  },
  { what: 'another owner', make: 'alter table item owner to hanger', way: 'swap' },
  { what: 'a grant on a column', make: 'grant select (note) on item to hanger', way: 'insert' },
  { what: 'comments', make: `comment on table item is 'a'; comment on column item.note is 'b'`, way: 'swap' },
  {
    what: 'comments of constraints and indexes',
    make: `comment on constraint item_pkey on item is 'c'; comment on index item_pkey is 'd';
           comment on constraint ref_item_foreign on ref is 'e'`,
    way: 'swap',
  },
  {
    what: 'NOT NULL constraints under other names',
    make: 'alter table item rename constraint item_id_not_null to item_note_not_null',
    way: 'swap',
  },
  {
    what: 'a comment on a NOT NULL constraint',
    make: `comment on constraint item_id_not_null on item is 'x'`,
    way: 'swap',
  },
  { what: 'NOT NULL on a column', make: 'alter table item alter column note set not null', way: 'insert' },
  {
    what: 'NOT NULL, not valid',
    make: 'alter table item add constraint must not null note not valid',
    way: 'insert',
  },
  {
    what: 'NOT NULL, not inherited',
    make: 'alter table item add constraint must not null note no inherit',
    way: 'insert',
  },
  {
    what: 'no NOT NULL where the dictionary says required',
    make: 'alter table item alter column code drop not null',
    way: 'insert',
  },
  { what: 'a default', make: `alter table item alter column note set default 'x'`, way: 'insert' },
  { what: 'a column', make: 'alter table item add column more int', way: 'insert' },
  {
    what: 'an identity column',
    make: 'alter table item alter column id add generated always as identity',
    way: 'insert',
  },
  {
    what: 'a generated column',
    make: 'alter table item add column twice int generated always as (length(note)) stored',
    way: 'insert',
  },
  {
    what: 'a virtual generated column',
    make: 'alter table item add column twice int generated always as (length(note))',
    way: 'insert',
  },
  { what: 'a sequence owned by a column', make: 'create sequence item_seq owned by item.id', way: 'insert' },
  {
    what: 'a collation',
    make: 'alter table item alter column note type text collate "C"',
    way: 'insert',
  },
  {
    what: 'another type of column',
    make: 'alter table item alter column note type varchar(40)',
    way: 'insert',
  },
  {
    what: 'a domain',
    make: 'create domain noted as text; alter table item alter column note type noted',
    way: 'insert',
  },
  {
    what: 'a storage of a column',
    make: 'alter table item alter column note set storage external',
    way: 'insert',
  },
  {
    what: 'a compression of a column',
    make: 'alter table item alter column note set compression pglz',
    way: 'insert',
  },
  {
    what: 'a statistics target',
    make: 'alter table item alter column note set statistics 500',
    way: 'insert',
  },
  {
    what: 'an option of a column',
    make: 'alter table item alter column note set (n_distinct = 5)',
    way: 'insert',
  },
  { what: 'options of the table', make: 'alter table item set (fillfactor = 70)', way: 'insert' },
  {
    what: 'options of its TOAST table',
    make: 'alter table item set (toast.autovacuum_enabled = false)',
    way: 'insert',
  },
  {
    what: 'that it is not logged',
    make: 'alter table ref drop constraint ref_item_foreign; alter table item set unlogged',
    way: 'insert',
  },
  { what: 'a tablespace', make: 'alter table item set tablespace far_for_test', way: 'insert' },
  { what: 'a replica identity', make: 'alter table item replica identity full', way: 'insert' },
  {
    what: 'a replica identity by an index',
    make: 'alter table item replica identity using index item_pkey',
    way: 'insert',
  },
  { what: 'an index to cluster on', make: 'alter table item cluster on item_pkey', way: 'insert' },
  { what: 'options of an index', make: 'alter index item_pkey set (fillfactor = 50)', way: 'insert' },
  { what: 'an index', make: 'create index extra on item (note)', way: 'insert' },
  {
    what: 'an index on an expression',
    make: 'create index extra on item (lower(note)); alter index extra alter column 1 set statistics 99',
    way: 'insert',
  },
  {
    what: 'a unique index on a part',
    make: 'create unique index extra on item (note) where id > 2',
    way: 'insert',
  },
  {
    what: 'an index that is not valid',
    make: `create index extra on item (note); ${forge(`update pg_index set indisvalid = false where indexrelid = 'extra'::regclass`)}`,
    way: 'insert',
  },
  {
    what: 'a unique constraint',
    make: 'alter table item add constraint extra unique nulls not distinct (note) deferrable initially deferred',
    way: 'swap',
  },
  {
    what: 'a unique constraint with more columns in its index',
    make: 'alter table item add constraint extra unique (note) include (code)',
    way: 'swap',
  },
  { what: 'a check', make: 'alter table item add constraint positive check (id > 0)', way: 'insert' },
  {
    what: 'a check, not valid',
    make: 'alter table item add constraint positive check (id > 0) not valid',
    way: 'insert',
  },
  {
    what: 'a check, not enforced',
    make: 'alter table item add constraint positive check (id > 100) not enforced',
    way: 'insert',
  },
  {
    what: 'an exclusion',
    make: 'alter table item add constraint apart exclude (note with =) deferrable',
    way: 'insert',
  },
  {
    what: 'a reference',
    make: 'alter table item add constraint up foreign key (up) references item (id) on delete set null deferrable',
    way: 'swap',
  },
  {
    what: 'a reference, not valid',
    make: 'alter table item add constraint up foreign key (up) references item (id) not valid',
    way: 'swap',
  },
  {
    what: 'a reference, not enforced',
    make: 'alter table item add constraint up foreign key (up) references item (id) not enforced',
    way: 'swap',
  },
  {
    what: 'a reference whose triggers are disabled',
    make: 'alter table item add constraint up foreign key (up) references item (id); alter table item disable trigger all',
    way: 'insert',
  },
  {
    what: 'a reference from another table whose triggers are disabled',
    make: 'alter table ref disable trigger all',
    way: 'swap',
  },
  {
    what: 'a reference from another table, not valid',
    make: `alter table ref drop constraint ref_item_foreign,
      add constraint ref_item_foreign foreign key (item) references item on delete cascade deferrable not valid`,
    way: 'swap',
  },
  {
    what: 'a reference from a partitioned table',
    make: `create table parted (item bigint references item) partition by hash (item);
      create table parted_0 partition of parted for values with (modulus 2, remainder 0);
      create table parted_1 partition of parted for values with (modulus 2, remainder 1)`,
    way: 'swap',
  },
  {
    what: 'a trigger',
    make: `${FUNCTION} create trigger hooked before insert on item for each row execute function hook();
      comment on trigger hooked on item is 'x'`,
    way: 'insert',
  },
  {
    what: 'a disabled trigger',
    make: `${FUNCTION} create trigger hooked before insert on item for each row execute function hook();
      alter table item disable trigger hooked`,
    way: 'insert',
  },
  {
    what: 'a trigger with transition tables',
    make: `${FUNCTION} create trigger hooked after insert on item referencing new table as fresh
      for each statement execute function hook()`,
    way: 'insert',
  },
  {
    what: 'a constraint trigger',
    make: `${FUNCTION} create constraint trigger hooked after insert on item deferrable initially deferred
      for each row execute function hook()`,
    way: 'insert',
  },
  {
    what: 'a trigger of another table that names it',
    make: `${FUNCTION} create constraint trigger hooked after insert on ref from item
      for each row execute function hook()`,
    way: 'insert',
  },
  { what: 'a rule', make: 'create rule also as on delete to item do also nothing', way: 'insert' },
  {
    what: 'a rule of another table',
    make: `create rule also as on insert to ref do also delete from item where id = -1`,
    way: 'insert',
  },
  { what: 'a view', make: 'create view seen as select id, note from item', way: 'insert' },
  {
    what: 'a view that groups by its key',
    make: 'create view seen as select id, note, count(*) from item group by id',
    way: 'insert',
  },
  {
    what: 'a materialized view',
    make: 'create materialized view seen as select id from item',
    way: 'insert',
  },
  {
    what: 'a view on the view of the reports',
    make: 'create view seen as select id from longshore_read.item',
    way: 'swap',
  },
  {
    what: 'a function with an SQL body',
    make: `create function body() returns bigint begin atomic select count(*) from item; end`,
    way: 'insert',
  },
  {
    what: 'a function of its row type',
    make: `create function kind(item) returns text language sql as 'select ''x'''`,
    way: 'insert',
  },
  { what: 'a column of its row type', make: 'create table rowish (i item)', way: 'insert' },
  { what: 'a column of arrays of its row type', make: 'create table rowish (i item[])', way: 'insert' },
  { what: 'a comment on its row type', make: `comment on type item is 'x'`, way: 'insert' },
  {
    what: 'a default that names it',
    make: `create table rowish (i regclass default 'item'::regclass)`,
    way: 'insert',
  },
  { what: 'a policy', make: 'create policy mine on item using (id > 0)', way: 'insert' },
  {
    what: 'row security',
    make: 'alter table item enable row level security; alter table item force row level security',
    way: 'insert',
  },
  {
    what: 'a policy of another table that reads it',
    make: 'create policy mine on ref using (item in (select id from item))',
    way: 'insert',
  },
  { what: 'extended statistics', make: 'create statistics related on id, note from item', way: 'insert' },
  {
    what: 'a publication',
    make: 'create publication told for table item (id, note) where (id > 0)',
    way: 'insert',
  },
  { what: 'a publication of all tables', make: 'create publication told for all tables', way: 'insert' },
  {
    what: 'a publication of a schema',
    make: 'create publication told for tables in schema public',
    way: 'insert',
  },
  {
    what: 'a subscription',
    make: forge(`insert into pg_subscription_rel values (1, 'item'::regclass, 'r', null)`),
    way: 'insert',
  },
  {
    what: 'a security label',
    make: forge(
      `insert into pg_seclabel values ('item'::regclass, 'pg_class'::regclass, 2, 'test', 'secret')`,
    ),
    way: 'insert',
  },
  { what: 'membership in an extension', make: 'alter extension plpgsql add table item', way: 'insert' },
  {
    what: 'a table that inherits from it',
    make: 'create table child () inherits (item); insert into child (id, code) values (100, 1)',
    way: 'insert',
  },
  {
    what: 'a table that it inherits from',
    make: 'create table above (note text); alter table item inherit above',
    way: 'insert',
  },
  {
    what: 'a type that it is of',
    make: 'create type shape as (id bigint, code bigint, note text, up bigint, _load_id bigint, _line bigint); alter table item of shape',
    way: 'insert',
  },
  {
    what: 'a cast',
    make: `create function to_text(item) returns text language sql immutable as 'select ''x'''; create cast (item as text) with function to_text(item)`,
    way: 'insert',
  },
  {
    what: 'an event trigger',
    make: `create function watch() returns event_trigger language plpgsql as $$ begin
      if exists (select from pg_event_trigger_dropped_objects() where object_identity = 'public.item') then raise exception 'stays'; end if; end $$;
      create event trigger watch on sql_drop execute function watch()`,
    way: 'insert',
  },
];

const DICTIONARY = parseDictionary({
  name: 'hanging',
  resources: [
    {
      name: 'item',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'code', type: 'integer', constraints: { required: true } },
          { name: 'note', type: 'string' },
          { name: 'up', type: 'integer' },
        ],
        primaryKey: 'id',
      },
    },
    {
      name: 'ref',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'item', type: 'integer' },
        ],
        foreignKeys: [{ fields: 'item', reference: { resource: 'item', fields: 'id' } }],
      },
    },
  ],
});
const ITEM = DICTIONARY.tables[0]!;

describe('a dependent of a table', async () => {
  const database = await testDatabase();
  const db = await openDatabase({ url: database.url });
  const client = await db.connect();
  after(async () => {
    await client.query('drop tablespace far_for_test');
    await client.end();
    await db[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  await client.query('set allow_in_place_tablespaces = on');
  await client.query(`create tablespace far_for_test location ''`);
  await ensureTables(database.url, DICTIONARY);
  await db.transaction((tx) => ensureReadViews(tx, DICTIONARY.tables));
  const names = await db.query<{ name: string; plain: string }>(
    `select conname as name, case contype when 'p' then 'item_pkey' else 'ref_item_foreign' end as plain
       from pg_constraint where 'item'::regclass in (conrelid, confrelid) and contype in ('p', 'f')
     union all select conname, 'item_id_not_null' from pg_constraint
       where conrelid = 'item'::regclass and contype = 'n' and conkey = '{1}'`,
  );

  /** As PostgreSQL writes them, and rows. */
  const look = async (tx: Tx) => (await tx.query<{ shown: object }>(PROPERTIES))[0]!.shown;
  const ids = async (tx: Tx) =>
    (await tx.query<{ id: number }>('select id::int from only item order by id')).map(({ id }) => id);

  const stageRows = async (tx: Tx, stage: string, from: number) => {
    await makeStage(tx, ITEM, stage, 1);
    await tx.query(
      `insert into ${stage} (id, code, note, _line) select n, n, 'note ' || n, n from generate_series($1::int, $1 + 2) n`,
      [from],
    );
  };
  const load = async (tx: Tx, loadId: number, mode: LoadMode, from: number) => {
    await stageRows(tx, stageName(loadId), from);
    const { way, loaded } = await publishStage(tx, ITEM, mode, loadId, 3);
    assert.equal(loaded, 3);
    return way;
  };
  const restore = async (tx: Tx, from: number) => {
    const stage = restoreStageName(1, 0);
    await stageRows(tx, stage, from);
    await publishRestore(tx, {
      target: { as: null, keys: null },
      tables: [{ table: ITEM, stage, saved: { rows: 3 } }],
    } as unknown as RestorePlan);
  };

  for (const { what, make, way } of HANGING) {
    it(`stays through loads and restores: ${what}`, async () => {
      const statement = names.reduce((text, { name, plain }) => text.replaceAll(plain, name), make);
      const checked = new Error('checked');
      await assert.rejects(
        db.transaction(async (tx) => {
          await tx.query(
            'create role hanger; create role other; grant create, usage on schema public to hanger',
          );
          await tx.query(`insert into item select n, n, 'old ' || n from generate_series(1, 5) n`);
          await tx.query(statement);
          const before = await look(tx);
          assert.equal(await load(tx, 1, 'replace', 11), way);
          assert.deepEqual(await look(tx), before);
          assert.deepEqual(await ids(tx), [11, 12, 13]);
          await tx.query('delete from only item');
          assert.equal(await load(tx, 2, 'append', 21), way);
          assert.deepEqual(await look(tx), before);
          assert.deepEqual(await ids(tx), [21, 22, 23]);
          await restore(tx, 31);
          assert.deepEqual(await look(tx), before);
          assert.deepEqual(await ids(tx), [31, 32, 33]);
          throw checked;
        }),
        (error) => {
          if (error !== checked) throw error;
          return true;
        },
      );
    });
  }
});
