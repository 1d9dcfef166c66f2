import { FALSE_VALUES, TRUE_VALUES } from '../rows/cast-boolean.ts';
import { STRING_FORMATS } from '../rows/cast-string.ts';
import { compileStrptime } from '../rows/strptime.ts';
import { meant } from '../schema-words.ts';
import type { Field, FieldType } from '../types.ts';
import {
  describe,
  type JsonObject,
  meantBy,
  optionalBoolean,
  optionalString,
  type Place,
  stringList,
} from './faults.ts';
import { FIELD_MEMBERS, warnOfUnknown } from './members.ts';
import { parseConstraints } from './parse-constraints.ts';
import { parseMissingValues } from './parse-missing-values.ts';
import { withOwnMembers } from './parse-own-members.ts';

const TYPES: readonly FieldType[] = [
  'string',
  'integer',
  'number',
  'boolean',
  'date',
  'datetime',
  'time',
  'any',
];

/** What other languages, and the types of the standard that are not supported, would be here. */
const TYPES_LIKE = new Map<string, FieldType>(
  Object.entries({
    ...{ text: 'string', varchar: 'string', char: 'string', str: 'string', uuid: 'string', enum: 'string' },
    ...{ int: 'integer', bigint: 'integer', smallint: 'integer', long: 'integer', year: 'integer' },
    ...{ float: 'number', double: 'number', decimal: 'number', numeric: 'number', real: 'number' },
    ...{ bool: 'boolean', timestamp: 'datetime', timestamptz: 'datetime' },
    ...{ yearmonth: 'string', duration: 'string', geopoint: 'string', geojson: 'string' },
    ...{ object: 'string', array: 'string', list: 'string', json: 'string' },
  }),
);

/** Reads a field descriptor (https://datapackage.org/standard/table-schema/#field). */
export function parseField(source: JsonObject, tableMissing: readonly string[], place: Place): Field {
  warnOfUnknown(source, FIELD_MEMBERS, place);
  const type = parseType(source.type, place.at('type'));
  const reading = {
    type,
    format: parseFormat(source.format, type, place.at('format')),
    ...(type === 'boolean' ? booleanValues(source, place) : {}),
    ...(type === 'integer' || type === 'number' ? numberProperties(source, type, place) : {}),
  };
  const field: Field = {
    name: optionalString(source.name ?? '', place.at('name')) ?? '',
    ...reading,
    title: optionalString(source.title, place.at('title')),
    description: optionalString(source.description, place.at('description')),
    constraints: parseConstraints(source, reading, place),
    missingValues:
      source.missingValues === undefined
        ? tableMissing
        : parseMissingValues(source.missingValues, place.at('missingValues')),
  };
  return withOwnMembers(field, source, place);
}

/** Version 2's default is `any`. */
function parseType(value: unknown, place: Place): FieldType {
  if (value === undefined) return 'any';
  const type = TYPES.find((known) => known === value);
  if (!type) {
    const like = typeof value === 'string' ? TYPES_LIKE.get(value.toLowerCase()) : undefined;
    const near = like === undefined ? meantBy(value, TYPES) : `; did you mean "${like}"?`;
    place.fault(`the type ${describe(value)} is not supported; expected one of ${TYPES.join(', ')}${near}`);
  }
  return type ?? 'any';
}

function parseFormat(value: unknown, type: FieldType, place: Place): string {
  // Version 0 wrote patterns as `fmt:%d.%m.%Y`; version 2 says that the prefix must be removed.
  const format = (optionalString(value, place) ?? 'default').replace(/^fmt:/, '');
  const fault = formatFault(type, format);
  if (fault === null) return format;
  place.fault(fault);
  return 'default';
}

/** Why a type can not have a format; null when it can. */
function formatFault(type: FieldType, format: string): string | null {
  if (format === 'default') return null;
  if (type === 'string') {
    const known = Object.keys(STRING_FORMATS);
    return known.includes(format)
      ? null
      : `expected one of ${known.join(', ')} for a string, received "${format}"${meant(format, known)}`;
  }
  if (type !== 'date' && type !== 'datetime' && type !== 'time') {
    return `expected "default", the only format of type "${type}", received "${format}"`;
  }
  if (format === 'any') return null;
  try {
    const pattern = compileStrptime(format);
    if (type !== 'time' && !pattern.hasDate) return `the pattern "${format}" reads no date`;
    if (type === 'time' && pattern.hasDate)
      return `the pattern "${format}" reads a date, and a time has none`;
    if (type === 'time' && pattern.hasOffset) return 'a time has no offset: "%z" is not supported';
    return null;
  } catch (error) {
    return `"${format}": ${(error as Error).message}`;
  }
}

function booleanValues(source: JsonObject, place: Place): Pick<Field, 'trueValues' | 'falseValues'> {
  const read = (name: 'trueValues' | 'falseValues', otherwise: readonly string[]) =>
    source[name] === undefined ? otherwise : (stringList(source[name], place.at(name)) ?? otherwise);
  const trueValues = read('trueValues', TRUE_VALUES);
  const falseValues = read('falseValues', FALSE_VALUES);
  const both = trueValues.find((value) => falseValues.includes(value));
  if (both !== undefined) place.at('falseValues').fault(`"${both}" is also one of trueValues`);
  return { trueValues, falseValues };
}

function numberProperties(
  source: JsonObject,
  type: 'integer' | 'number',
  place: Place,
): Pick<Field, 'bareNumber' | 'groupChar' | 'decimalChar'> {
  const char = (name: 'groupChar' | 'decimalChar'): string | undefined => {
    const text = optionalString(source[name], place.at(name));
    if (text === undefined || (name === 'groupChar' && text === '')) return undefined;
    if (text !== '' && !/[\d+\-eE]/.test(text)) return text;
    place.at(name).fault(`expected characters that are no part of a number, received ${describe(text)}`);
    return undefined;
  };
  const groupChar = char('groupChar');
  const decimalChar = type === 'number' ? char('decimalChar') : undefined;
  if (type === 'number' && groupChar !== undefined && groupChar === (decimalChar ?? '.')) {
    place.at('groupChar').fault(`${describe(groupChar)} is also the decimalChar`);
  }
  return {
    bareNumber: optionalBoolean(source.bareNumber, place.at('bareNumber')) ?? true,
    ...(groupChar === undefined ? {} : { groupChar }),
    ...(type === 'number' ? { decimalChar: decimalChar ?? '.' } : {}),
  };
}
