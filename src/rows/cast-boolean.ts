import type { Caster, FieldReading } from './field-reading.ts';

/** Table Schema v2's defaults. */
export const TRUE_VALUES: readonly string[] = ['true', 'True', 'TRUE', '1'];
export const FALSE_VALUES: readonly string[] = ['false', 'False', 'FALSE', '0'];

/** What PostgreSQL's boolean input takes for each value, in any case; such a cell is passed on as it is. */
const POSTGRES_TRUE: ReadonlySet<string> = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const POSTGRES_FALSE: ReadonlySet<string> = new Set(['false', 'f', 'no', 'n', 'off', '0']);

/** Table Schema v2 "boolean": exactly one of `trueValues` or `falseValues`. */
export function booleanCaster(field: FieldReading): Caster {
  const texts = booleanTexts(field);
  return {
    expected: `a boolean (${[...texts.keys()].join(', ')})`,
    cast: (cell) => texts.get(cell) ?? null,
    against: (bound) => (value) => Number(isTrue(value)) - Number(isTrue(bound)),
  };
}

/** Each cell that is a boolean, with the text that PostgreSQL takes for it. */
export function booleanTexts(field: FieldReading): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const cell of field.trueValues ?? TRUE_VALUES) {
    texts.set(cell, POSTGRES_TRUE.has(cell.toLowerCase()) ? cell : 'true');
  }
  for (const cell of field.falseValues ?? FALSE_VALUES) {
    texts.set(cell, POSTGRES_FALSE.has(cell.toLowerCase()) ? cell : 'false');
  }
  return texts;
}

export function isTrue(text: string): boolean {
  return POSTGRES_TRUE.has(text.toLowerCase());
}
