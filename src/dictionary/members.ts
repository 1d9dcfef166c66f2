import { typoOf } from '../nearest.ts';
import { quoted } from '../shorten.ts';
import type { JsonObject, Place } from './faults.ts';

/** What the names of Longshore's own properties begin with; the standard leaves others' names alone. */
const OWN_PREFIX = 'longshore:';

/** The members of one kind of object that are known here, whether Longshore reads or ignores them. */
export interface Members {
  readonly known: readonly string[];
  /** Members that belong elsewhere, with the place: `primaryKey` into `schema`. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

/** Members of version 2 of the standard, of version 1, and those that frictionless 4 and 5 write beside them. */
const DESCRIBED = ['$schema', 'name', 'title', 'description', 'profile'] as const;

const SCHEMA_MEMBERS = ['fields', 'fieldsMatch', 'missingValues', 'primaryKey', 'uniqueKeys', 'foreignKeys'];
const MATCH_HEADER = 'longshore:matchHeader';
const OWN_FIELD_MEMBERS = ['longshore:from', 'longshore:default', 'longshore:constant', 'longshore:trim'];
const CONSTRAINTS = [
  ...['required', 'unique', 'enum', 'minLength', 'maxLength', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
];
const CSV_MEMBERS = [
  ...['delimiter', 'lineTerminator', 'quoteChar', 'doubleQuote', 'escapeChar', 'nullSequence'],
  ...['skipInitialSpace', 'commentChar'],
];
const HEADER_MEMBERS = ['header', 'headerRows', 'headerJoin', 'headerCase', 'commentRows'];

export const PACKAGE_MEMBERS: Members = {
  known: [
    ...DESCRIBED,
    ...['id', 'licenses', 'homepage', 'image', 'version', 'created', 'keywords', 'contributors', 'sources'],
    ...['resources', 'type'],
  ],
};

export const RESOURCE_MEMBERS: Members = {
  known: [
    ...DESCRIBED,
    ...['path', 'data', 'type', 'format', 'mediatype', 'encoding', 'bytes', 'hash', 'sources', 'licenses'],
    ...['homepage', 'schema', 'dialect', 'scheme', 'hashing', 'compression', 'compressionCode', 'innerpath'],
    ...['extrapaths', 'control', 'layout', 'stats', 'fields', 'rows', 'checklist', 'pipeline', 'datatype'],
    ...['basepath', 'trusted', 'group', MATCH_HEADER],
  ],
  elsewhere: {
    ...placed(
      SCHEMA_MEMBERS.filter((name) => name !== 'fields'),
      'schema',
    ),
    ...placed([...CSV_MEMBERS, ...HEADER_MEMBERS], 'dialect'),
  },
};

export const SCHEMA_OBJECT_MEMBERS: Members = {
  known: [...DESCRIBED, ...SCHEMA_MEMBERS, MATCH_HEADER],
  elsewhere: {
    ...placed(['dialect', 'encoding'], 'the resource'),
    ...placed(OWN_FIELD_MEMBERS, 'a field'),
    ...placed([...CSV_MEMBERS, ...HEADER_MEMBERS], "the resource's dialect"),
  },
};

export const FIELD_MEMBERS: Members = {
  known: [
    ...['name', 'type', 'format', 'title', 'description', 'example', 'examples', 'rdfType', 'constraints'],
    ...['missingValues', 'categories', 'categoriesOrdered', 'trueValues', 'falseValues', 'bareNumber'],
    ...['groupChar', 'decimalChar', 'floatNumber', 'arrayItem', 'delimiter', 'itemType'],
    ...OWN_FIELD_MEMBERS,
  ],
  elsewhere: {
    ...placed(CONSTRAINTS, 'constraints'),
    ...placed([MATCH_HEADER], 'schema'),
    ...placed(['primaryKey', 'foreignKeys', 'uniqueKeys'], 'schema'),
  },
};

export const DIALECT_MEMBERS: Members = {
  known: [
    ...DESCRIBED,
    ...['type', 'csvddfVersion', 'csv', ...CSV_MEMBERS, ...HEADER_MEMBERS],
    ...['skipBlankRows', 'caseSensitiveHeader', 'property', 'itemType', 'itemKeys', 'sheetNumber'],
    ...['sheetName', 'table'],
  ],
  elsewhere: { ...placed(['encoding'], 'the resource'), ...placed([MATCH_HEADER], 'schema') },
};

export const MATCH_MEMBERS: Members = { known: ['ignoreCase', 'ignoreSpaces'] };

export const CSV_CONTROL_MEMBERS: Members = {
  known: ['type', 'title', 'description', 'code', ...CSV_MEMBERS],
};

export const FOREIGN_KEY_MEMBERS: Members = {
  known: ['fields', 'reference', 'name', 'title', 'description'],
  elsewhere: placed(['resource'], 'reference'),
};

export const REFERENCE_MEMBERS: Members = { known: ['resource', 'fields'] };

function placed(names: readonly string[], where: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, where]));
}

/**
 * Warns of members that nothing reads although they seem to be meant: a typo of a known one, one that belongs
 * elsewhere, one of Longshore's own that there is not. Any other own property of somebody's is ignored.
 */
export function warnOfUnknown(source: JsonObject, { known, elsewhere = {} }: Members, place: Place): void {
  for (const name of Object.keys(source)) {
    if (known.includes(name)) continue;
    if (Object.hasOwn(elsewhere, name)) {
      place.at(name).warn(`${quoted(name)} is ignored here; it belongs into ${elsewhere[name]}`);
      continue;
    }
    const meant = typoOf(name, known) ?? typoOf(name, Object.keys(elsewhere));
    if (meant === undefined && !name.startsWith(OWN_PREFIX)) continue;
    const where = meant !== undefined && Object.hasOwn(elsewhere, meant) ? ` in ${elsewhere[meant]}` : '';
    const question = meant === undefined ? '' : `; did you mean "${meant}"${where}?`;
    place.at(name).warn(`${quoted(name)} is not known here and is ignored${question}`);
  }
}
