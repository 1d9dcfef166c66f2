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
  const { kind, table, fields, to } = rule;
  const words = kind === 'pkey' ? [table, kind] : [table, ...fields, kind];
  const readable = cut(words.join('_'), MAX_NAME_BYTES - HASH_DIGITS - 1);
  for (let salt = 0; ; salt++) {
    const hash = createHash('sha256')
      .update(JSON.stringify([kind, table, fields, to, salt]))
      .digest('hex');
    const name = `${readable}_${hash.slice(0, HASH_DIGITS)}`;
    if (!taken.has(name)) return name;
  }
}

/** The longest beginning of a text that has at most so many bytes. */
function cut(text: string, bytes: number): string {
  let length = 0;
  let result = '';
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    result += character;
  }
  return result;
}
