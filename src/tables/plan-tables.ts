import { type NamedRule, ruleName } from '../db/rule-names.ts';
import { POSTGRES_TYPES } from '../rows/column-type.ts';
import type { Dictionary, Table } from '../types.ts';
import type { Catalog, PresentColumn, Relation } from './table-catalog.ts';
import * as ddl from './table-ddl.ts';

/** A statement of `table-ddl.ts`, and its purpose in words of a message. */
export interface Step {
  readonly sql: string;
  readonly what: string;
}

export interface TablesPlan {
  /** Steps that block no readers: new tables, and rules that may fail on existing rows. */
  readonly open: readonly Step[];
  /** Steps that need an exclusive lock on an existing table, for a moment. */
  readonly exclusive: readonly Step[];
  readonly comments: readonly Step[];
  /** Existing tables that must not change between the plan and its steps. */
  readonly tables: readonly string[];
  /** Conflicts that no step may resolve. */
  readonly conflicts: readonly string[];
}

export function isDone(plan: TablesPlan): boolean {
  return [plan.open, plan.exclusive, plan.comments, plan.conflicts].every((list) => list.length === 0);
}

/** PostgreSQL's limit (MaxHeapAttributeNumber), dropped columns included. */
const MAX_COLUMNS = 1_600;

export const RELATION_KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  i: 'an index',
  I: 'an index',
  S: 'a sequence',
  c: 'a composite type',
  f: 'a foreign table',
};

/** Plans the additions that make the tables what the dictionary says. Pure. */
export function planTables(dictionary: Dictionary, catalog: Catalog): TablesPlan {
  const plan = {
    open: [] as Step[],
    exclusive: [] as Step[],
    comments: [] as Step[],
    tables: new Set<string>(),
    conflicts: [] as string[],
  };
  const taken = new Set([...catalog.names, ...dictionary.tables.map(({ name }) => name)]);
  const named = (rule: NamedRule): string => {
    const constraints = catalog.relations.get(rule.table)?.constraints;
    const name = ruleName(rule, { has: (one) => taken.has(one) || (constraints?.has(one) ?? false) });
    taken.add(name);
    return name;
  };
  /** Columns by table that are in conflict themselves, so that no rule can be built on them. */
  const broken = new Map<string, ReadonlySet<string>>();
  const fresh = new Map<string, ReadonlySet<string>>();

  for (const table of dictionary.tables) {
    const relation = catalog.relations.get(table.name);
    const columns = ddl.wantedColumns(table);
    if (relation === undefined) planNew(table, columns);
    else if (relation.kind !== 'r' && relation.kind !== 'p') {
      plan.conflicts.push(
        `${table.name}: the name is taken by ${RELATION_KINDS[relation.kind] ?? 'another relation'}`,
      );
      broken.set(table.name, new Set(columns.map(({ name }) => name)));
    } else planExisting(table, columns, relation);
  }
  for (const table of dictionary.tables) planReferences(table);
  return { ...plan, tables: [...plan.tables].sort() };

  function planNew(table: Table, columns: readonly ddl.WantedColumn[]): void {
    const { name } = table;
    if (catalog.types.has(name)) {
      plan.conflicts.push(`${name}: the name is taken by a type, and a table makes a type of its name`);
      broken.set(name, new Set(columns.map((column) => column.name)));
      return;
    }
    const keys = wantedKeys(table).map((key) => ({ ...key, name: named(ruleOfKey(table, key)) }));
    plan.open.push({ sql: ddl.createTable(name, columns, keys), what: name });
    planComments(table, columns, undefined);
  }

  function planExisting(table: Table, columns: readonly ddl.WantedColumn[], relation: Relation): void {
    const present = new Map(relation.columns.map((column) => [column.name, column]));
    const missing = columns.filter(({ name }) => !present.has(name));
    const faults = columnFaults(table, columns, relation);
    plan.conflicts.push(...faults.map(({ detail }) => detail));
    broken.set(table.name, new Set(faults.map(({ column }) => column)));
    fresh.set(table.name, new Set(missing.map(({ name }) => name)));
    const added = missing.filter(({ required }) => !required);
    if (added.length > 0) {
      const what = `${table.name}: the new fields ${added.map(({ name }) => name).join(', ')}`;
      plan.exclusive.push({ sql: ddl.addColumns(table.name, added), what });
      plan.tables.add(table.name);
    }
    planKeys(table, relation);
    planComments(table, columns, relation);
  }

  function planKeys(table: Table, relation: Relation): void {
    const primary = relation.keys.find((key) => key.primary);
    for (const key of wantedKeys(table)) {
      const words = key.fields.join(', ');
      if (key.primary && primary !== undefined && !sameSet(primary.columns, key.fields)) {
        const there = primary.columns.join(', ');
        plan.conflicts.push(
          `${table.name}: the database has the primary key (${there}), the dictionary says (${words})`,
        );
        continue;
      }
      const holds = relation.keys.some(
        (one) => sameSet(one.columns, key.fields) && (one.primary || !key.primary),
      );
      if (holds || key.fields.some((field) => broken.get(table.name)?.has(field))) continue;
      const made = { ...key, name: named(ruleOfKey(table, key)) };
      const what = `${table.name}: the ${key.primary ? 'primary' : 'unique'} key (${words})`;
      plan.tables.add(table.name);
      // A partitioned table can't use an index for its constraint. New columns are empty: the scan is short.
      if (relation.kind === 'p' || key.fields.some((field) => fresh.get(table.name)?.has(field))) {
        plan.exclusive.push({ sql: ddl.addKey(table.name, made), what });
      } else {
        plan.open.push({ sql: ddl.createUniqueIndex(table.name, made), what });
        plan.exclusive.push({ sql: ddl.useIndex(table.name, made), what });
      }
    }
  }

  function planReferences(table: Table): void {
    const relation = catalog.relations.get(table.name);
    const done = new Set(
      relation?.references
        .filter(({ enforced, table: to }) => enforced && to !== null)
        .map((one) => referenceId(one.table!, one.columns, one.to)),
    );
    for (const { fields, reference } of table.foreignKeys) {
      const id = referenceId(reference.table, fields, reference.fields);
      const at = (columns: ReadonlyMap<string, ReadonlySet<string>>) =>
        fields.some((field) => columns.get(table.name)?.has(field)) ||
        reference.fields.some((field) => columns.get(reference.table)?.has(field));
      if (done.has(id) || at(broken)) continue;
      done.add(id);
      const to = [reference.table, ...reference.fields];
      const name = named({ kind: 'foreign', table: table.name, fields, to });
      const words = `(${fields.join(', ')}) to ${reference.table} (${reference.fields.join(', ')})`;
      const wanted = { name, fields, table: reference.table, to: reference.fields };
      const step = {
        sql: ddl.addReference(table.name, wanted),
        what: `${table.name}: the foreign key ${words}`,
      };
      if (at(fresh)) plan.exclusive.push(step);
      else plan.open.push(step);
      for (const one of [table.name, reference.table]) if (catalog.relations.has(one)) plan.tables.add(one);
    }
  }

  function planComments(
    table: Table,
    columns: readonly ddl.WantedColumn[],
    relation: Relation | undefined,
  ): void {
    const what = `${table.name}: the comments`;
    const comment = ddl.commentOf(table);
    if (comment !== null && (relation?.comment ?? null) === null) {
      plan.comments.push({ sql: ddl.commentOnTable(table.name, comment), what });
    }
    for (const column of columns) {
      const present = relation?.columns.find(({ name }) => name === column.name);
      if (column.comment === null || (present?.comment ?? null) !== null) continue;
      plan.comments.push({ sql: ddl.commentOnColumn(table.name, column.name, column.comment), what });
    }
  }
}

export type UnnamedKey = Omit<ddl.WantedKey, 'name'>;

/** The primary key, then each unique key that it is not itself, once. */
export function wantedKeys(table: Table): UnnamedKey[] {
  const unique = table.fields.filter(({ constraints }) => constraints.unique).map(({ name }) => [name]);
  const keys: UnnamedKey[] = [];
  if (table.primaryKey.length > 0) keys.push({ primary: true, fields: table.primaryKey });
  for (const fields of [...unique, ...table.uniqueKeys]) {
    if (!keys.some((key) => sameSet(key.fields, fields))) keys.push({ primary: false, fields });
  }
  return keys;
}

export function ruleOfKey(table: Table, { primary, fields }: UnnamedKey): NamedRule {
  return { kind: primary ? 'pkey' : 'unique', table: table.name, fields };
}

/** Each list names a column once. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** The identity of a reference: the same for the same pairs of columns, in any order. */
export function referenceId(table: string, fields: readonly string[], to: readonly string[]): string {
  const pairs = fields.map((field, i) => JSON.stringify([field, to[i]]));
  return JSON.stringify([table, pairs.sort()]);
}

interface ColumnFault {
  readonly column: string;
  readonly detail: string;
}

function columnFaults(table: Table, columns: readonly ddl.WantedColumn[], relation: Relation): ColumnFault[] {
  const present = new Map(relation.columns.map((column) => [column.name, column]));
  const faults: ColumnFault[] = [];
  const fault = (column: string, what: string) =>
    faults.push({ column, detail: `${table.name}.${column}: ${what}` });
  let added = 0;
  for (const column of columns) {
    const { name, type, required } = column;
    const there = present.get(name);
    if (there === undefined) {
      added++;
      if (required) fault(name, 'a new required field');
    } else if (there.type !== POSTGRES_TYPES[type] || (required && !there.required)) {
      const wanted = shown({ type: POSTGRES_TYPES[type], required });
      fault(name, `the database has ${shown(there)}, the dictionary says ${wanted}`);
    } else if (there.generated) fault(name, 'the database generates its values');
  }
  const known = new Set(columns.map(({ name }) => name));
  for (const { name, required, fills, generated } of relation.columns) {
    if (known.has(name) || !required || fills || generated) continue;
    const way = ddl.dropNotNull(table.name, name);
    fault(name, `not null in the database, absent from the dictionary: no row can be added before ${way}`);
  }
  if (added > 0 && relation.columnsEver + added > MAX_COLUMNS) {
    const detail = `${table.name}: no room for ${added} new fields: with those that were dropped, it has ${relation.columnsEver} of ${MAX_COLUMNS} columns`;
    faults.push({ column: '', detail });
  }
  return faults;
}

function shown({ type, required }: Pick<PresentColumn, 'type' | 'required'>): string {
  return `${type}${required ? ' not null' : ''}`;
}
