import { shorten } from '../shorten.ts';
import type { CellError, Field } from '../types.ts';
import { binaryWriterOf } from './binary-cell.ts';
import { casterFor } from './caster.ts';
import { constraintChecks } from './check-constraints.ts';
import type { CheckedCell, CompiledField } from './contract.ts';
import { copyValue } from './copy-text.ts';
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
  /** It has a default or a constant: a row of which nothing is given has a value here all the same. */
  readonly isFilled: boolean;
  isNull(cell: string): boolean;
}

/** Compiles one field's rules: missing values, type and format, constraints. */
export function compileField(field: Field, key: KeyRules): FieldRules {
  const caster = casterFor(field);
  const checks = constraintChecks(field, caster);
  const required = field.constraints.required === true || key.primary;
  const missing = missingTest(field.missingValues);
  const bare = field.trim ? (cell: string) => cell.trim() : (cell: string) => cell;
  const otherwise = field.constant ?? field.default;
  /** The value of a row that has none; null: there is no default. */
  const filled = otherwise === undefined ? null : caster.cast(bare(otherwise));
  const fail = (code: CellError['code'], message: string): CellError => ({
    code,
    field: field.name,
    message,
  });
  const asNull = (received: string): CheckedCell => {
    if (filled !== null) return filled;
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
  const checkAbsent = () => (field.keepsAbsent ? null : asNull('no cell'));
  const absent = checkAbsent();
  const free = checks.length === 0 && key.maxBytes === Number.POSITIVE_INFINITY;

  return {
    name: field.name,
    check(given) {
      if (field.constant !== undefined) return asNull(quote(given));
      const cell = bare(given);
      if (missing(cell)) return asNull(quote(cell));
      const value = caster.cast(cell);
      if (value === null) {
        const why = caster.explain?.(cell);
        const expected = why ? `${caster.expected} (${why})` : caster.expected;
        return [fail('type-error', `expected ${expected}, received ${quote(cell)}`)];
      }
      return free ? value : (broken(cell, value) ?? value);
    },
    checkAbsent,
    checkNull: () => asNull('null'),
    isNull: (cell) => missing(bare(cell)),
    isFilled: filled !== null,
    verbatim,
    writeBinary: binaryWriterOf(field, verbatim, isFree(field, key.maxBytes)),
    absentText: typeof absent === 'string' || absent === null ? Buffer.from(copyValue(absent)) : null,
    emptyIsNull: field.missingValues.includes('') && !required && filled === null,
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
