import { shorten } from '../shorten.ts';
import type { CellError, Field } from '../types.ts';
import { binaryWriterOf } from './binary-cell.ts';
import { casterFor } from './caster.ts';
import { constraintChecks } from './check-constraints.ts';
import type { CheckedCell, CompiledField } from './contract.ts';
import { isFree, verbatimOf } from './verbatim.ts';

/** Cells are quoted in messages up to this many characters. */
const QUOTED_LENGTH = 60;

export interface KeyRules {
  /** The field is part of the primary key, which "is equivalent to adding `required: true`" (Table Schema v2). */
  readonly primary: boolean;
  /** The most bytes PostgreSQL's index can take for this field; infinite for a field in no key. */
  readonly maxBytes: number;
}

/** The properties of a compiled field that `compileTable` uses itself. */
export interface FieldRules extends CompiledField {
  isNull(cell: string): boolean;
}

/** Compiles one field's rules: missing values, type and format, constraints. */
export function compileField(field: Field, key: KeyRules): FieldRules {
  const caster = casterFor(field);
  const checks = constraintChecks(field, caster);
  const required = field.constraints.required === true || key.primary;
  const missing = missingTest(field.missingValues);
  const fail = (code: CellError['code'], message: string): CellError => ({
    code,
    field: field.name,
    message,
  });
  const asNull = (received: string): CheckedCell => {
    if (!required) return null;
    const why = field.constraints.required ? 'the field is required' : 'the field is in the primary key';
    return [fail('constraint-error', `expected a value (${why}), received ${received}`)];
  };

  const broken = (cell: string, value: string): readonly CellError[] | null => {
    const expected = checks.map((check) => check(value)).filter((text) => text !== null);
    if (value.length * 3 > key.maxBytes && Buffer.byteLength(value) > key.maxBytes) {
      expected.push(`at most ${key.maxBytes} bytes in a key`);
    }
    return expected.length === 0
      ? null
      : expected.map((text) => fail('constraint-error', `expected ${text}, received ${quote(cell)}`));
  };
  const verbatim = verbatimOf(field, key.maxBytes);
  const free = checks.length === 0 && key.maxBytes === Number.POSITIVE_INFINITY;

  return {
    name: field.name,
    check(cell) {
      if (missing(cell)) return asNull(quote(cell));
      const value = caster.cast(cell);
      if (value === null) {
        const why = caster.explain?.(cell);
        const expected = why ? `${caster.expected} (${why})` : caster.expected;
        return [fail('type-error', `expected ${expected}, received ${quote(cell)}`)];
      }
      return free ? value : (broken(cell, value) ?? value);
    },
    checkAbsent: () => asNull('no cell'),
    checkNull: () => asNull('null'),
    isNull: missing,
    verbatim,
    writeBinary: binaryWriterOf(field, verbatim, isFree(field, key.maxBytes)),
    emptyIsNull: field.missingValues.includes('') && !required,
  };
}

function missingTest(values: readonly string[]): (cell: string) => boolean {
  if (values.length === 0) return () => false;
  if (values.length === 1) {
    const only = values[0];
    return (cell) => cell === only;
  }
  const set = new Set(values);
  return (cell) => set.has(cell);
}

/** JSON's quoting, so that white space and control characters can be seen in a message. */
function quote(cell: string): string {
  return JSON.stringify(shorten(cell, QUOTED_LENGTH));
}
