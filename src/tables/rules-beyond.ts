import { createHash } from 'node:crypto';
import { isRuleName } from '../db/rule-names.ts';
import { DATA_SCHEMA, quoteName } from '../db/sql-names.ts';
import type { Dictionary, Table } from '../types.ts';
import { referenceId, ruleOfKey, sameSet, wantedKeys } from './plan-tables.ts';
import type { Catalog, Relation } from './table-catalog.ts';
import * as ddl from './table-ddl.ts';

/** Kinds of rules, in the order in which they can be dropped: a reference needs the key that it leads to, a primary key NOT NULL. */
export const RULE_KINDS = [
  'reference',
  'unique',
  'primary-key',
  'check',
  'exclusion',
  'index',
  'not-null',
] as const;

/** A rule that PostgreSQL enforces on rows, and that the dictionary of today does not have. */
export interface ForeignRule {
  /** Of the rule as it is: of another definition or another name, it is another one. */
  readonly id: string;
  readonly kind: (typeof RULE_KINDS)[number];
  /** The table that has it, with its schema where that is not the tables' own. */
  readonly table: string;
  readonly name: string;
  readonly definition: string;
  /** Whether it has a name as Longshore gives: a dictionary had it once. Else somebody made it by hand. */
  readonly former: boolean;
  /** The statement that takes it away. */
  readonly drop: string;
}

/**
 * Rules of the dictionary's tables that the dictionary lacks, but PostgreSQL enforces: keys, references to and from
 * other tables, checks, exclusions, unique indexes of any kind, and NOT NULL. In an order in which they can be dropped.
 */
export function rulesBeyond(dictionary: Dictionary, catalog: Catalog): readonly ForeignRule[] {
  const rules = dictionary.tables.flatMap((table) => {
    const relation = catalog.relations.get(table.name);
    if (relation === undefined) return [];
    return [
      ...referencesBeyond(table, relation),
      ...keysBeyond(table, relation),
      ...othersBeyond(table, relation),
      ...notNullsBeyond(table, relation),
    ];
  });
  rules.push(...referrersBeyond(catalog));
  return rules
    .map((rule) => ({ ...rule, id: idOf(rule) }))
    .sort((a, b) => RULE_KINDS.indexOf(a.kind) - RULE_KINDS.indexOf(b.kind));
}

type Found = Omit<ForeignRule, 'id'>;

function idOf({ kind, table, name, definition, drop }: Found): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, table, name, definition, drop]))
    .digest('hex')
    .slice(0, 16);
}

function referencesBeyond(table: Table, { references, constraints }: Relation): Found[] {
  const known = new Set(
    table.foreignKeys.map(({ fields, reference }) => referenceId(reference.table, fields, reference.fields)),
  );
  return references
    .filter(
      (one) =>
        one.enforced && (one.table === null || !known.has(referenceId(one.table, one.columns, one.to))),
    )
    .map(({ name, columns, table: parent, to }) => ({
      kind: 'reference',
      table: table.name,
      name,
      definition: constraints.get(name) ?? 'foreign key',
      former:
        parent !== null &&
        isRuleName(name, { kind: 'foreign', table: table.name, fields: columns, to: [parent, ...to] }),
      drop: ddl.dropConstraint(table.name, name),
    }));
}

function keysBeyond(table: Table, { keys }: Relation): Found[] {
  const wanted = wantedKeys(table);
  return keys
    .filter(({ columns }) => !wanted.some(({ fields }) => sameSet(columns, fields)))
    .map(({ name, primary, columns, constraint }) => ({
      kind: primary ? 'primary-key' : 'unique',
      table: table.name,
      name,
      definition: `${primary ? 'primary key' : 'unique'} (${columns.join(', ')})`,
      former: isRuleName(name, ruleOfKey(table, { primary, fields: columns })),
      drop: constraint === null ? ddl.dropIndex(name) : ddl.dropConstraint(table.name, constraint),
    }));
}

function othersBeyond({ name: table }: Table, { others }: Relation): Found[] {
  return others.map(({ kind, name, definition }) => ({
    kind,
    table,
    name,
    definition,
    former: false,
    drop: kind === 'index' ? ddl.dropIndex(name) : ddl.dropConstraint(table, name),
  }));
}

/** Of fields that may be null by the dictionary. A column that it does not have and that is not null stops a start. */
function notNullsBeyond(table: Table, relation: Relation): Found[] {
  const optional = new Set(ddl.wantedColumns(table).flatMap((one) => (one.required ? [] : [one.name])));
  const primary = relation.keys.find((key) => key.primary)?.columns ?? [];
  const kept = new Set(wantedKeys(table).some((key) => key.primary) ? primary : []);
  return relation.columns
    .filter(({ name, required }) => required && optional.has(name) && !kept.has(name))
    .map(({ name, notNull }) => ({
      kind: 'not-null',
      table: table.name,
      name: notNull ?? name,
      definition: `${name} not null`,
      former: true,
      drop: ddl.dropNotNull(table.name, name),
    }));
}

/** A table that left the dictionary goes on referring to those that did not. */
function referrersBeyond({ referrers }: Catalog): Found[] {
  return referrers.map(({ schema, table, name, definition }) => ({
    kind: 'reference',
    table: schema === DATA_SCHEMA ? table : quoteName(schema, table),
    name,
    definition,
    former: /_foreign(_[0-9a-f]{8})?$/.test(name) && schema === DATA_SCHEMA,
    drop: ddl.dropConstraint(table, name, schema),
  }));
}
