import type { Field } from '../types.ts';

const LOWEST = -(2n ** 31n);
const HIGHEST = 2n ** 31n - 1n;

/** The names of the PostgreSQL types that columns can have. */
export type ColumnType =
  | 'text'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'boolean'
  | 'date'
  | 'timestamptz'
  | 'time';

/** The types as PostgreSQL's `format_type` writes them. */
export const POSTGRES_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  numeric: 'numeric',
  boolean: 'boolean',
  date: 'date',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
};

/**
 * The PostgreSQL type of a field's column. An integer is a `bigint` unless its bounds prove that 32 bits hold
 * it; a datetime is a moment (`timestamptz`, microseconds); a string of any format is `text`.
 */
export function columnType(field: Field): ColumnType {
  switch (field.type) {
    case 'integer':
      return fitsIn32Bits(field) ? 'integer' : 'bigint';
    case 'number':
      return 'numeric';
    case 'boolean':
      return 'boolean';
    case 'date':
      return 'date';
    case 'datetime':
      return 'timestamptz';
    case 'time':
      return 'time';
    case 'string':
    case 'any':
      return 'text';
  }
}

function fitsIn32Bits({ constraints }: Field): boolean {
  const lower = constraints.minimum ?? constraints.exclusiveMinimum;
  const upper = constraints.maximum ?? constraints.exclusiveMaximum;
  if (lower === undefined || upper === undefined) return false;
  return BigInt(lower) >= LOWEST && BigInt(upper) <= HIGHEST;
}
