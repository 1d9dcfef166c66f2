import { casterFor } from '../rows/caster.ts';
import { compilePattern } from '../rows/check-constraints.ts';
import type { Caster, FieldReading } from '../rows/field-reading.ts';
import { meant } from '../schema-words.ts';
import type { FieldConstraints, FieldType } from '../types.ts';
import { describe, isObject, type JsonObject, optionalBoolean, type Place } from './faults.ts';

const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;
const ORDERED: readonly FieldType[] = ['integer', 'number', 'date', 'datetime', 'time'];
const EVERY: readonly FieldType[] = ['string', 'boolean', 'any', ...ORDERED];

/** Which types may have a constraint (Table Schema v2, "Field Constraints"). */
const ALLOWED: Readonly<Record<keyof FieldConstraints, readonly FieldType[]>> = {
  required: EVERY,
  unique: EVERY,
  enum: EVERY,
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  minimum: ORDERED,
  maximum: ORDERED,
  exclusiveMinimum: ORDERED,
  exclusiveMaximum: ORDERED,
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads `constraints`, and `categories` as the `enum` that they also are. Bounds and members are cast by the
 * field's own rules and kept as their value's text (a date in ISO form, a number with every digit), so that a
 * bound that no value could be compared with is refused here.
 */
export function parseConstraints(source: JsonObject, reading: FieldReading, place: Place): FieldConstraints {
  const result: Mutable<FieldConstraints> = {};
  const caster = casterFor(reading);
  const categories = parseCategories(source.categories, reading, caster, place.at('categories'));
  const listed = source.constraints ?? {};
  const at = place.at('constraints');
  if (!isObject(listed)) at.fault(`expected an object, received ${describe(listed)}`);
  else {
    checkNames(listed, reading.type, at);
    readPlain(listed, result, at);
    for (const name of BOUNDS) {
      if (listed[name] === undefined || !ALLOWED[name].includes(reading.type)) continue;
      const bound = castValue(listed[name], reading, caster, at.at(name));
      if (bound !== undefined) result[name] = bound;
    }
    if (listed.enum !== undefined) result.enum = castList(listed.enum, reading, caster, at.at('enum'));
    checkRanges(result, caster, at);
  }
  if (categories && result.enum) checkSubset(result.enum, categories, caster, at.at('enum'));
  if (categories) result.enum ??= categories;
  return result;
}

function checkNames(listed: JsonObject, type: FieldType, place: Place): void {
  for (const name of Object.keys(listed)) {
    const types = Object.hasOwn(ALLOWED, name) ? ALLOWED[name as keyof FieldConstraints] : undefined;
    if (!types)
      place.at(name).fault(`the constraint "${name}" is not supported${meant(name, Object.keys(ALLOWED))}`);
    else if (!types.includes(type)) {
      place.at(name).fault(`a field of type "${type}" can not have "${name}" (only ${types.join(', ')} can)`);
    }
  }
}

function readPlain(listed: JsonObject, result: Mutable<FieldConstraints>, place: Place): void {
  for (const name of ['required', 'unique'] as const) {
    const value = optionalBoolean(listed[name], place.at(name));
    if (value !== undefined) result[name] = value;
  }
  for (const name of ['minLength', 'maxLength'] as const) {
    const value = listed[name];
    if (value === undefined) continue;
    if (Number.isSafeInteger(value) && Number(value) >= 0) result[name] = Number(value);
    else place.at(name).fault(`expected a whole number of at least 0, received ${describe(value)}`);
  }
  const { pattern } = listed;
  if (pattern === undefined) return;
  if (typeof pattern !== 'string')
    place.at('pattern').fault(`expected a string, received ${describe(pattern)}`);
  else {
    const fault = patternFault(pattern);
    if (fault === null) result.pattern = pattern;
    else place.at('pattern').fault(fault);
  }
}

function patternFault(pattern: string): string | null {
  try {
    compilePattern(pattern);
    return null;
  } catch (error) {
    return `not a pattern that matches in linear time (RE2 syntax): ${(error as Error).message}`;
  }
}

/** The text of a bound's or a member's value. JSON numbers that JSON.parse has already rounded are refused. */
function castValue(value: unknown, reading: FieldReading, caster: Caster, place: Place): string | undefined {
  const number = typeof value === 'number' && (reading.type === 'integer' || reading.type === 'number');
  if (number && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    place.fault(`${value} is beyond 2^53, where JSON numbers lose digits: write it as a string`);
    return undefined;
  }
  // A JSON number or boolean is a value already: the field's groupChar or trueValues have no say in it.
  const plain = number ? casterFor({ type: reading.type, format: 'default' }) : caster;
  const boolean = typeof value === 'boolean' && reading.type === 'boolean';
  const text = number || boolean ? String(value) : typeof value === 'string' ? value : undefined;
  const cast = text === undefined ? null : boolean ? text : plain.cast(text);
  if (cast === null || cast === 'NaN') {
    place.fault(`expected ${caster.expected}, received ${describe(value)}`);
    return undefined;
  }
  return cast;
}

function castList(value: unknown, reading: FieldReading, caster: Caster, place: Place): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    place.fault(`expected a list of at least one value, received ${describe(value)}`);
    return undefined;
  }
  return value
    .map((item, index) => castValue(item, reading, caster, place.at(index)))
    .filter((item) => item !== undefined);
}

/** `categories` restrict a field to their values, as an `enum` does; labels and order are for people. */
function parseCategories(
  value: unknown,
  reading: FieldReading,
  caster: Caster,
  place: Place,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (reading.type !== 'string' && reading.type !== 'integer') {
    place.fault(`a field of type "${reading.type}" can not have categories (only string, integer can)`);
    return undefined;
  }
  const values = Array.isArray(value) ? value.map((item) => (isObject(item) ? item.value : item)) : value;
  return castList(values, reading, caster, place);
}

function checkSubset(members: readonly string[], of: readonly string[], caster: Caster, place: Place): void {
  for (const member of members) {
    const order = caster.against(member);
    if (!of.some((one) => order(one) === 0)) place.fault(`"${member}" is not one of the categories`);
  }
}

/** A range that no value can be in is a mistake, not a rule. */
function checkRanges(constraints: FieldConstraints, caster: Caster, place: Place): void {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = constraints;
  if (minLength > maxLength) place.at('minLength').fault(`${minLength} is more than maxLength, ${maxLength}`);
  for (const low of ['minimum', 'exclusiveMinimum'] as const) {
    for (const high of ['maximum', 'exclusiveMaximum'] as const) {
      const [from, to] = [constraints[low], constraints[high]];
      if (from === undefined || to === undefined) continue;
      const order = caster.against(to)(from);
      const both = low === 'minimum' && high === 'maximum';
      if (order > 0 || (order === 0 && !both)) {
        place.at(low).fault(`no value can be in the range of ${low} ${from} and ${high} ${to}`);
      }
    }
  }
}
