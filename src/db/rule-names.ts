import { createHash } from 'node:crypto';

/** PostgreSQL's limit for identifiers (NAMEDATALEN - 1). */
export const MAX_NAME_BYTES = 63;

const HASH_DIGITS = 8;

/** The parts of the name of a constraint that a rule of the dictionary becomes. */
export interface NamedRule {
  readonly kind: 'pkey' | 'unique' | 'foreign' | 'not_null';
  readonly table: string;
  readonly fields: readonly string[];
  /** Of a foreign key: what it leads to. */
  readonly to?: readonly string[];
}

/**
 * The name of a rule's constraint: readable, and with a hash of the whole rule, since `a_b` and `a`, `b` read the same,
 * as do names that are cut. PostgreSQL keeps indexes, tables, views and sequences of a schema in one list of names.
 *
 * @param taken names that it may not have
 */
export function ruleName(rule: NamedRule, taken: { has(name: string): boolean } = new Set<string>()): string {
  for (let salt = 0; ; salt++) {
    const name = saltedName(rule, salt);
    if (!taken.has(name)) return name;
  }
}

/** The most names of one rule that are looked at: each but the first was taken by something else. */
const SALTS = 8;

/** Whether a rule's constraint has a name as Longshore gives, today or by its first version: without a hash. */
export function isRuleName(name: string, rule: NamedRule): boolean {
  if (name === readableName(rule)) return true;
  return Array.from({ length: SALTS }, (_, salt) => saltedName(rule, salt)).includes(name);
}

function saltedName(rule: NamedRule, salt: number): string {
  const { kind, table, fields, to } = rule;
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, table, fields, to, salt]))
    .digest('hex');
  const readable = firstBytesOf(readableName(rule), MAX_NAME_BYTES - HASH_DIGITS - 1);
  return `${readable}_${hash.slice(0, HASH_DIGITS)}`;
}

function readableName({ kind, table, fields }: NamedRule): string {
  return (kind === 'pkey' ? [table, kind] : [table, ...fields, kind]).join('_');
}

/** The longest beginning of a text that has at most so many bytes. */
export function firstBytesOf(text: string, bytes: number): string {
  let length = 0;
  let result = '';
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    result += character;
  }
  return result;
}
