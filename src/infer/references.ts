import { keysOf } from '../dictionary/unique-keys.ts';
import type { KnownTable } from './contract.ts';
import type { DistinctKeys } from './distinct-keys.ts';

/** A key of one of the files' tables, or of a table that is there. */
export interface Referable {
  readonly table: string;
  readonly fields: readonly { readonly name: string; readonly type: string }[];
  /** null: the table is there already, and is asked. */
  readonly keys: DistinctKeys | null;
  /** It identifies the rows of a table that is there, and is no reference itself. */
  readonly isOwn?: boolean;
}

export interface ReferenceField {
  readonly name: string;
  readonly type: string;
  /** Of its cell in a record. */
  readonly place: number;
  /** No value is one that is not of the type. */
  readonly exact: boolean;
  readonly missing: readonly string[];
  /** Of an integer, where it has any. */
  readonly range?: { readonly least: number; readonly most: number };
}

/** Fields that may refer to a key, by their names and types. */
export interface PossibleReference {
  readonly fields: readonly ReferenceField[];
  readonly to: Referable;
  /** How well the names fit, of 1 to 3. */
  readonly likeness: number;
  /** The field is called as an ID is. Otherwise it may be a count or a place in an order. */
  readonly isId: boolean;
}

/** Fields of these names are in every table: alone they refer to none. */
const EVERYWHERE: ReadonlySet<string> = new Set([
  'id',
  'name',
  'code',
  'key',
  'no',
  'nr',
  'number',
  'nummer',
  'date',
  'type',
  'status',
  'title',
  'value',
  'email',
  'year',
  'index',
  'position',
  'line',
]);
const SUFFIX = /(?:id|ids|no|nr|num|number|nummer|key|code|ref|fk|uuid)$/;
const ID_SUFFIX = /(?:id|ids|key|code|ref|fk|uuid)$/;
/** Of the same table: whose names say that they lead upwards. */
const UPWARDS =
  /^(?:parent|manager|supervisor|boss|reportsto|reports|superior|vorgesetzter|ancestor|predecessor|previous)/;

/** What is known of the table whose fields may refer to others. */
export interface Referring {
  readonly name: string;
  readonly fields: readonly ReferenceField[];
  readonly primaryKey: readonly string[];
}

/** Which fields of a table may refer to which keys, by their names and types. */
export function possibleReferences(table: Referring, keys: readonly Referable[]): PossibleReference[] {
  return keys.flatMap((to) => {
    const found = to.fields.length > 1 ? pairTo(table, to) : singlesTo(table, to);
    return to.keys === null ? found.filter((one) => isWorthAsking(one, table.primaryKey)) : found;
  });
}

/**
 * Nobody sees a table that is there beside the file, so its names have to say more than those of files that are given
 * together.
 */
function isWorthAsking({ fields, to, likeness }: PossibleReference, primaryKey: readonly string[]): boolean {
  // It may be of the same things, of last year say: its keys are no reference then.
  if (isKey(fields, primaryKey)) return false;
  if (fields.length > 1) return fields.every(({ name }) => SUFFIX.test(bare(name)));
  return to.isOwn === true || (likeness > 1 && bare(fields[0]!.name).endsWith(bare(to.fields[0]!.name)));
}

function isKey(fields: readonly ReferenceField[], primaryKey: readonly string[]): boolean {
  return fields.length === primaryKey.length && fields.every(({ name }) => primaryKey.includes(name));
}

function pairTo({ name: table, fields }: Referring, to: Referable): PossibleReference[] {
  if (to.table === table) return [];
  const found = to.fields.map(({ name, type }) =>
    fields.find((field) => bare(field.name) === bare(name) && field.type === type && field.exact),
  );
  return found.every((field) => field !== undefined) ? [{ fields: found, to, likeness: 1, isId: true }] : [];
}

function singlesTo({ name: table, fields, primaryKey }: Referring, to: Referable): PossibleReference[] {
  const target = to.fields[0]!;
  return fields.flatMap((field): PossibleReference[] => {
    if (!field.exact || field.type !== target.type) return [];
    if (to.table === table) {
      const isUp = field.name !== target.name && isUpwards(field.name, target.name);
      return isUp ? [{ fields: [field], to, likeness: 3, isId: true }] : [];
    }
    // What identifies a row is not what it refers to, but for rows that go on with those of another table.
    if (primaryKey.length === 1 && primaryKey[0] === field.name && EVERYWHERE.has(bare(field.name)))
      return [];
    const likeness = likenessOf(field.name, to.table, target.name);
    const plain = bare(field.name);
    const isId = ID_SUFFIX.test(plain) || plain === bare(target.name);
    return likeness === 0 ? [] : [{ fields: [field], to, likeness, isId }];
  });
}

/**
 * How well a field's name says that it refers to a key: 3, `customer_id`, `customerNo` and `customer` to `customers`; 2,
 * to `eu_customers`; 1, `isbn` to whatever has it as its key; 0, not at all.
 */
function likenessOf(name: string, table: string, key: string): number {
  const plain = bare(name);
  const stem = plain.replace(SUFFIX, '');
  const words = table
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const isOf = (word: string) => [word, singular(word)].some((one) => one === stem || one === plain);
  if (stem !== '' && isOf(words.join(''))) return 3;
  if (stem !== '' && isOf(words.at(-1) ?? '')) return 2;
  return plain === bare(key) && !EVERYWHERE.has(plain) ? 1 : 0;
}

function isUpwards(name: string, key: string): boolean {
  const plain = bare(name);
  return UPWARDS.test(plain) && (plain.endsWith(bare(key)) || SUFFIX.test(plain) || UPWARDS.test(plain));
}

function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith('s') ? word.slice(0, -1) : word;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** The keys that other tables may refer to: primary keys and unique fields. */
export function referableKeys(table: KnownTable): Referable[] {
  const typed = (names: readonly string[]) =>
    names.map((name) => ({ name, type: table.fields.find((field) => field.name === name)!.type }));
  const isReference = (name: string) => table.foreignKeys.some(({ fields }) => fields.includes(name));
  return keysOf(table).map(({ fields, code }) => ({
    table: table.name,
    fields: typed(fields),
    keys: null,
    isOwn: code === 'primary-key' && !fields.every(isReference),
  }));
}
