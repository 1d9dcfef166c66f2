import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, LINEAGE_COLUMNS, quoteName } from '../db/sql-names.ts';
import type { Table } from '../types.ts';
import { mustFire } from './must-fire.ts';
import { obstaclesOf } from './obstacles.ts';
import { type Referrer, readReferrers } from './referrers.ts';

/** A constraint as PostgreSQL writes it. */
export interface Constraint {
  readonly name: string;
  /** p: primary key, u: unique, f: foreign key */
  readonly kind: 'p' | 'u' | 'f';
  readonly definition: string;
  /** The other table that a foreign key points at, as PostgreSQL writes it; null: itself, or no foreign key. */
  readonly parent: string | null;
  readonly comment: string | null;
}

/** The catalog's state of a live table: all that a swap has to carry, and all that prevents one. */
export interface TableState {
  readonly empty: boolean;
  /** The planner's estimate; for a table that was never analyzed, an estimate by its size on disk. */
  readonly rows: number;
  readonly constraints: readonly Constraint[];
  readonly referrers: readonly Referrer[];
  /** How PostgreSQL writes the table's own name in the definitions above. */
  readonly selfName: string;
  /** Quoted and qualified names of the other tables that this one references. */
  readonly parents: readonly string[];
  /** Why the table can not be swapped; empty when it can. */
  readonly obstacles: readonly string[];
  /** Triggers or rules beside the dictionary have to fire, with or without a swap. */
  readonly mustFire: boolean;
}

export function liveName(table: Pick<Table, 'name'>): string {
  return quoteName(DATA_SCHEMA, table.name);
}

/** A table, and the stage with its future rows; quoted and qualified. */
export interface StagedTable {
  readonly table: Table;
  readonly stage: string;
}

/** Reads a table's state; the caller holds a lock that prevents changes of its definition. */
export async function readTableState(tx: Sql, { table, stage }: StagedTable): Promise<TableState> {
  const live = liveName(table);
  const [size] = await tx.query<{ empty: boolean; rows: number; selfName: string; mustFire: boolean }>(
    `select c.oid::regclass::text as "selfName", not exists (select from ${live}) as empty,
            ${mustFire('c.oid', table)} as "mustFire",
            case when c.reltuples < 0 then pg_relation_size(c.oid) / 100.0
                 else c.reltuples * greatest(pg_relation_size(c.oid) / 8192.0, 1) / greatest(c.relpages, 1)
            end::float8 as rows
       from pg_class c where c.oid = $1::regclass`,
    [live],
  );
  const constraints = await tx.query<{ [member in keyof Constraint]: Constraint[member] }>(
    `select conname as name, contype as kind, pg_get_constraintdef(oid) as definition,
            case when confrelid <> 0 and confrelid <> conrelid then confrelid::regclass::text end as parent,
            obj_description(oid, 'pg_constraint') as comment
       from pg_constraint
      where conrelid = $1::regclass and contype in ('p', 'u', 'f') and (contype <> 'f' or conparentid = 0)
      order by array_position(array['p', 'u', 'f']::"char"[], contype), conname`,
    [live],
  );
  return {
    empty: size?.empty ?? true,
    rows: size?.rows ?? 0,
    constraints,
    referrers: await readReferrers(tx, live),
    selfName: size?.selfName ?? live,
    parents: [...new Set(constraints.map((c) => c.parent).filter((p) => p !== null))].sort(),
    obstacles: await obstaclesOf(tx, live, stage),
    mustFire: size?.mustFire ?? true,
  };
}

/** All columns of a data table, in the order of the dictionary, lineage last. */
export function columnsOf(table: Table): string[] {
  return [...table.fields.map((field) => field.name), ...LINEAGE_COLUMNS];
}
