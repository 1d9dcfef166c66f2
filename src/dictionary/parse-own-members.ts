import { compileField } from '../rows/compile-field.ts';
import type { Field, HeaderMatch, Table } from '../types.ts';
import { describe, isObject, isText, type JsonObject, optionalBoolean, type Place } from './faults.ts';
import { foldedName } from './match-header.ts';
import { MATCH_MEMBERS, warnOfUnknown } from './members.ts';

/** Longer ones would not fit a key, and every row would have them. */
const MAX_FILL_LENGTH = 1_000;
const NO_KEY = { primary: false, maxBytes: Number.POSITIVE_INFINITY };

/** Adds what Longshore's own members (`longshore:…`) say of a field: where its cells come from. */
export function withOwnMembers(field: Field, source: JsonObject, place: Place): Field {
  const trim = optionalBoolean(source['longshore:trim'], place.at('longshore:trim')) === true;
  const trimmed: Field = trim ? { ...field, trim } : field;
  const fill = (name: 'default' | 'constant') =>
    parseFill(trimmed, source[`longshore:${name}`], place.at(`longshore:${name}`));
  const from = parseFrom(source['longshore:from'], place.at('longshore:from'));
  const [otherwise, constant] = [fill('default'), fill('constant')];
  if (constant !== undefined && (otherwise !== undefined || from !== undefined)) {
    const other = otherwise === undefined ? 'from' : 'default';
    place.at('longshore:constant').fault(`a field with a constant has no use for "longshore:${other}"`);
  }
  return {
    ...trimmed,
    ...(from !== undefined && { from }),
    ...(otherwise !== undefined && { default: otherwise }),
    ...(constant !== undefined && { constant }),
  };
}

function parseFrom(value: unknown, place: Place): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const names: unknown[] = Array.isArray(value) ? value : [value];
  if (names.length > 0 && names.every((name) => typeof name === 'string' && name.trim() !== '')) {
    return names as string[];
  }
  place.fault(`expected a name, or a list of names, that a header has, received ${describe(value)}`);
  return undefined;
}

/** A default or a constant, as the cell that a file would have; it has to be a good one. */
function parseFill(field: Field, value: unknown, place: Place): string | undefined {
  if (value === undefined) return undefined;
  const cell = cellOf(field, value);
  if (cell === undefined) {
    place.fault(`expected a text, a number, true or false, received ${describe(value)}`);
    return undefined;
  }
  if (cell.length > MAX_FILL_LENGTH || !isText(cell)) {
    if (isText(cell)) place.fault(`expected at most ${MAX_FILL_LENGTH} characters, received ${cell.length}`);
    return undefined;
  }
  const checked = compileField(field, NO_KEY).check(cell);
  if (typeof checked === 'string') return cell;
  if (checked === null)
    place.fault(`expected a value, received ${describe(value)}, which is a missing value`);
  for (const { message } of checked ?? []) place.fault(message);
  return undefined;
}

function cellOf(
  { type, decimalChar = '.', trueValues, falseValues }: Field,
  value: unknown,
): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number')
    return type === 'number' ? String(value).replace('.', decimalChar) : String(value);
  if (typeof value !== 'boolean') return undefined;
  const [first] = (value ? trueValues : falseValues) ?? [];
  return first ?? String(value);
}

const EXACT: HeaderMatch = { ignoreCase: false, ignoreSpaces: false };

/**
 * What does not count when headers are compared: `longshore:matchHeader` of the schema or the resource (`exact`,
 * `loose`, or an object of flags), or the dialect's `caseSensitiveHeader`.
 */
export function parseMatchHeader(
  places: readonly { readonly source: JsonObject; readonly place: Place }[],
  caseSensitive: boolean | undefined,
): HeaderMatch | undefined {
  const given = places.filter(({ source }) => source['longshore:matchHeader'] !== undefined);
  const [first, second] = given;
  if (second !== undefined)
    second.place.at('longshore:matchHeader').fault(`it is also in ${first!.place.pointer}`);
  const match =
    first === undefined
      ? EXACT
      : matchOf(first.source['longshore:matchHeader'], first.place.at('longshore:matchHeader'));
  const ignoreCase = match.ignoreCase || caseSensitive === false;
  return ignoreCase || match.ignoreSpaces ? { ...match, ignoreCase } : undefined;
}

function matchOf(value: unknown, place: Place): HeaderMatch {
  if (value === 'exact') return EXACT;
  if (value === 'loose') return { ignoreCase: true, ignoreSpaces: true };
  if (isObject(value)) {
    warnOfUnknown(value, MATCH_MEMBERS, place);
    return {
      ignoreCase: optionalBoolean(value.ignoreCase, place.at('ignoreCase')) ?? false,
      ignoreSpaces: optionalBoolean(value.ignoreSpaces, place.at('ignoreSpaces')) ?? false,
    };
  }
  place.fault(
    `expected "exact", "loose" or an object with "ignoreCase" and "ignoreSpaces", received ${describe(value)}`,
  );
  return EXACT;
}

/** A name in a header means one field: no alias is another field's, and no two names are alike where that counts. */
export function checkAliases(
  { fields, matchHeader }: Pick<Table, 'fields' | 'matchHeader'>,
  place: Place,
): void {
  const known = new Map<string, string>();
  const fold = (text: string) => (matchHeader ? foldedName(text, matchHeader) : text.trim());
  const add = (text: string, name: string, at: Place): void => {
    const other = known.get(fold(text));
    if (other !== undefined && other !== name)
      at.fault(`${describe(text)} in a header would mean "${other}", too`);
    known.set(fold(text), other ?? name);
  };
  if (matchHeader)
    for (const [index, { name }] of fields.entries()) add(name, name, place.at(index).at('name'));
  else for (const { name } of fields) known.set(name, name);
  for (const [index, { name, from = [] }] of fields.entries()) {
    for (const alias of from) add(alias, name, place.at(index).at('longshore:from'));
  }
}
