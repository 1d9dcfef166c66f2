import { LINEAGE_COLUMNS } from '../db/sql-names.ts';
import { type ColumnType, columnType } from '../rows/column-type.ts';
import type { Field, Table } from '../types.ts';
import { avroName } from './names.ts';

/** A type by its name, or with Longshore's logical type. */
export type AvroType =
  | 'long'
  | 'int'
  | 'string'
  | 'boolean'
  | { readonly type: 'long' | 'int' | 'string'; readonly logicalType: string };

export interface AvroField {
  readonly name: string;
  /** The column's own name, where Avro does not allow it. */
  readonly column?: string;
  readonly doc?: string;
  readonly type: AvroType | readonly ['null', AvroType];
  readonly default?: null;
}

export interface AvroRecordSchema {
  readonly type: 'record';
  readonly name: string;
  /** The table's own name, where Avro does not allow it. */
  readonly table?: string;
  readonly namespace: 'longshore';
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

/** A column of a data table as backups see it. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/** The columns of a data table in the order of the dictionary, lineage last: the order of `columnsOf`. */
export function columnsWithTypes(table: Table): Column[] {
  return [
    ...table.fields.map((field) => ({
      name: field.name,
      type: columnType(field),
      nullable: !table.primaryKey.includes(field.name) && field.constraints.required !== true,
    })),
    ...LINEAGE_COLUMNS.map((name) => ({ name, type: 'bigint' as const, nullable: true })),
  ];
}

/**
 * The Avro type of each column type (Avro 1.12, "Logical Types").
 *
 * `numeric` goes as the text that PostgreSQL prints. PostgreSQL's numeric gives every value a scale of its own (1.10
 * is not printed as 1.1), up to 131072 digits before the point and 16383 behind it, NaN and both infinities; Avro's
 * `decimal(precision, scale)` has one scale for all values and none of the others, and `big-decimal` (1.12) has no
 * NaN, no infinity, and readers that don't know it show bytes. The logical type "numeric" is no Avro type: the
 * specification tells readers to ignore the ones that they don't know, so that they see the text.
 */
export const AVRO_TYPES: Readonly<Record<ColumnType, AvroType>> = {
  bigint: 'long',
  integer: 'int',
  text: 'string',
  boolean: 'boolean',
  date: { type: 'int', logicalType: 'date' },
  timestamptz: { type: 'long', logicalType: 'timestamp-micros' },
  time: { type: 'long', logicalType: 'time-micros' },
  numeric: { type: 'string', logicalType: 'numeric' },
};

/**
 * The schema of a table's parts: a record of all fields in the order of the dictionary, then lineage (`_load_id`,
 * `_line`). What may be null is a union with null first, and null by default, so that files that lack the field can
 * be read. Pure.
 */
export function avroSchemaOf(table: Table): AvroRecordSchema {
  const name = avroName(table.name);
  const fields = new Map(table.fields.map((field) => [field.name, field]));
  return {
    type: 'record',
    name,
    ...(name === table.name ? {} : { table: table.name }),
    namespace: 'longshore',
    ...docOf(table),
    fields: columnsWithTypes(table).map((column) => avroField(column, fields.get(column.name))),
  };
}

function avroField({ name: column, type, nullable }: Column, field: Field | undefined): AvroField {
  const name = avroName(column);
  return {
    name,
    ...(name === column ? {} : { column }),
    ...docOf(field ?? {}),
    ...(nullable ? { type: ['null', AVRO_TYPES[type]], default: null } : { type: AVRO_TYPES[type] }),
  };
}

function docOf({ title, description }: { readonly title?: string; readonly description?: string }) {
  const doc = [title, description].filter((text) => text !== undefined && text !== '').join(': ');
  return doc === '' ? {} : { doc };
}
