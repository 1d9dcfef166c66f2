import { createHash } from 'node:crypto';
import type { Table } from '../types.ts';

/**
 * A fingerprint of all that decides how a file of a table is read and which of its rows are good: fields, keys,
 * references, dialect, encoding. Titles and descriptions do not count, nor the order of members, which a ledger that
 * keeps a definition as jsonb does not keep.
 */
export function rulesFingerprint(table: Table): string {
  const text = JSON.stringify(table, (name, value: unknown) => {
    if (name === 'title' || name === 'description') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return createHash('sha256').update(text).digest('hex');
}
