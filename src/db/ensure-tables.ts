import { createHash } from 'node:crypto';
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { DatabaseSchema, SchemaComparator, type SchemaDifference } from '@mikro-orm/sql';
import { LongshoreError } from '../errors.ts';
import { columnType } from '../rows/column-type.ts';
import type { Dictionary, Table } from '../types.ts';
import { DATA_SCHEMA, LINEAGE_COLUMNS } from './sql-names.ts';

/** Two starts at once make the tables one after the other. */
const TABLES_LOCK = 7_463_002;

/**
 * Makes the tables that the dictionary describes, through MikroORM's schema generator. What exists already is only
 * ever added to: new tables, new nullable fields, new keys that the rows fit.
 *
 * @throws LongshoreError `dictionary-conflict`, naming every column and key at odds; nothing is changed then.
 */
export async function ensureTables(url: string, dictionary: Dictionary): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: dictionary.tables.map(entityOf),
    discovery: { warnWhenNoEntities: false },
    pool: { min: 0, max: 4 },
  });
  try {
    await orm.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(?)', [TABLES_LOCK]);
      await em.execute(`set local search_path = ${DATA_SCHEMA}`);
      const difference = await compare(orm, dictionary);
      refuseConflicts(difference);
      const sql = orm.schema.diffToSQL(additionsOf(difference), { safe: true, dropTables: false });
      if (sql.trim() === '') return;
      try {
        await em.execute(sql);
      } catch (error) {
        const reason = error instanceof Error ? error.message.split('\n').at(-1) : String(error);
        throw new LongshoreError(
          'dictionary-conflict',
          `PostgreSQL refused the change of the tables: ${reason}`,
          {
            cause: error,
          },
        );
      }
    });
  } finally {
    await orm.close(true);
  }
}

/** An entity has to have a key. In a table without one this column plays it, until the key is taken away again. */
const KEYLESS = '_line';

function entityOf(table: Table): EntitySchema {
  const single = table.primaryKey.length === 1 ? table.primaryKey[0] : undefined;
  const properties: Record<string, object> = {};
  for (const field of table.fields) {
    const primary = table.primaryKey.includes(field.name);
    properties[field.name] = {
      type: 'string',
      columnType: columnType(field),
      fieldName: field.name,
      primary,
      autoincrement: false,
      nullable: !primary && field.constraints.required !== true,
      unique: field.constraints.unique === true && field.name !== single,
      comment: field.description ?? field.title,
    };
  }
  for (const name of LINEAGE_COLUMNS) {
    const primary = name === KEYLESS && table.primaryKey.length === 0;
    properties[name] = { type: 'bigint', columnType: 'bigint', fieldName: name, nullable: !primary, primary };
  }
  return new EntitySchema({
    name: table.name,
    tableName: table.name,
    comment: table.description ?? table.title,
    properties: properties as never,
    uniques: table.uniqueKeys
      .filter((key) => !isSingleUnique(table, key))
      .map((key) => ({ properties: [...key] as never })),
  });
}

/** A unique key of one field that is `unique` by itself needs no second index. */
function isSingleUnique(table: Table, key: readonly string[]): boolean {
  const field = key.length === 1 ? table.fields.find((f) => f.name === key[0]) : undefined;
  return field?.constraints.unique === true;
}

async function compare(orm: MikroORM, dictionary: Dictionary): Promise<SchemaDifference> {
  const names = dictionary.tables.map((table) => table.name);
  const connection = orm.em.getConnection();
  const platform = orm.em.getPlatform();
  const target = orm.schema.getTargetSchema(DATA_SCHEMA);
  for (const table of dictionary.tables) {
    addForeignKeys(target, table);
    if (table.primaryKey.length === 0) removeKey(target, table);
  }
  const present = await DatabaseSchema.create(
    connection,
    platform,
    orm.config,
    DATA_SCHEMA,
    [DATA_SCHEMA],
    names,
  );
  return new SchemaComparator(platform).compare(present, target);
}

function removeKey(target: DatabaseSchema, table: Table): void {
  const made = target.getTable(table.name);
  const column = made?.getColumn(KEYLESS);
  if (!made || !column) return;
  Object.assign(column, { primary: false, nullable: true, autoincrement: false });
  const indexes = made.getIndexes().filter((index) => !index.primary);
  made.init(made.getColumns(), indexes, made.getChecks(), [], made.getForeignKeys());
}

/** Composite references and those to other unique keys have no entity property of their own: they are put in here. */
function addForeignKeys(target: DatabaseSchema, table: Table): void {
  const keys = target.getTable(table.name)?.getForeignKeys();
  if (!keys) return;
  for (const { fields, reference } of table.foreignKeys) {
    const constraintName = foreignKeyName(table.name, fields);
    keys[constraintName] = {
      constraintName,
      columnNames: [...fields],
      localTableName: `${DATA_SCHEMA}.${table.name}`,
      referencedTableName: `${DATA_SCHEMA}.${reference.table}`,
      referencedColumnNames: [...reference.fields],
    };
  }
}

/** PostgreSQL cuts names at 63 bytes; a hash keeps long ones apart. */
function foreignKeyName(table: string, fields: readonly string[]): string {
  const name = `${table}_${fields.join('_')}_foreign`;
  if (Buffer.byteLength(name) <= 63) return name;
  return `${table.slice(0, 20)}_${createHash('sha256').update(name).digest('hex').slice(0, 16)}_foreign`;
}

function refuseConflicts(difference: SchemaDifference): void {
  const faults: string[] = [];
  for (const [table, changes] of Object.entries(difference.changedTables)) {
    for (const [column, change] of Object.entries(changes.changedColumns)) {
      const what = [...change.changedProperties].filter((property) => property !== 'comment');
      if (what.length === 0) continue;
      faults.push(
        `${table}.${column}: the database has ${describe(change.fromColumn)}, the dictionary says ${describe(change.column)}`,
      );
    }
    for (const column of Object.values(changes.addedColumns)) {
      if (!column.nullable) faults.push(`${table}.${column.name}: a new required field`);
    }
    for (const column of Object.values(changes.removedColumns)) {
      if (!column.nullable && column.default == null) {
        faults.push(`${table}.${column.name}: not null in the database, absent from the dictionary`);
      }
    }
    for (const name of Object.keys(changes.changedIndexes)) faults.push(`${table}: the key ${name} differs`);
    for (const name of Object.keys(changes.changedForeignKeys)) {
      faults.push(`${table}: the foreign key ${name} differs`);
    }
  }
  if (faults.length > 0) throw new LongshoreError('dictionary-conflict', faults.join('; '));
}

function describe(column: { type: string; nullable?: boolean } | undefined): string {
  return column ? `${column.type}${column.nullable ? '' : ' not null'}` : 'no such column';
}

function additionsOf(difference: SchemaDifference): SchemaDifference {
  for (const changes of Object.values(difference.changedTables)) {
    changes.removedColumns = {};
    changes.removedIndexes = {};
    changes.removedForeignKeys = {};
    changes.removedChecks = {};
  }
  difference.removedTables = {};
  return difference;
}
