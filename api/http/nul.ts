import type { ErrorPlace } from '../../src/errors.ts';
import { place } from './problems.ts';

const DETAIL = 'holds the character NUL, which no name or text may';

/**
 * Where a value, as JSON has it, holds NUL: PostgreSQL's texts can't, so nothing that is stored or looked for may.
 * Rows of batches are not asked: there it is an error of the row.
 */
export function nulPlaces(
  value: unknown,
  kind: 'pointer' | 'parameter',
  path: readonly string[] = [],
): ErrorPlace[] {
  if (typeof value === 'string') return value.includes('\0') ? [place(kind, path, DETAIL)] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => nulPlaces(member, kind, [...path, name]));
}
