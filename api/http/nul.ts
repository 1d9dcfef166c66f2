import type { ErrorPlace } from '../../src/errors.ts';
import { place } from './problems.ts';

const DETAIL = 'holds the character NUL, which no name or text may';

/**
 * The places of NUL in a JSON value: PostgreSQL's texts can't hold it, so nothing that is stored or searched for may.
 * Rows of batches are not checked here: there it is an error of the row.
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
