import { describe, isObject, type Place, stringList } from './faults.ts';

/** `missingValues`: a list of strings, or (version 2) of `{value, label}` whose labels are not kept. */
export function parseMissingValues(value: unknown, place: Place): readonly string[] {
  if (!Array.isArray(value) || !value.some(isObject)) return stringList(value, place) ?? [''];
  const values: string[] = [];
  value.forEach((item, index) => {
    if (!isObject(item) || typeof item.value !== 'string') {
      place.at(index).fault(`expected an object with a string "value", received ${describe(item)}`);
    } else if (values.includes(item.value)) place.at(index).fault(`"${item.value}" is listed twice`);
    else values.push(item.value);
  });
  return values;
}
