import type { MaxRejects } from './types.ts';

/** Whether `rejected` of `read` rows are more than a load allows. A share is only known when every row was read. */
export function exceeds(limit: MaxRejects, rejected: number, read: number): boolean {
  return limit.kind === 'count' ? rejected > limit.value : rejected * 100 > limit.value * read;
}

export const MAX_REJECTS = /^([0-9]{1,15})$|^([0-9]{1,2}(?:\.[0-9]{1,6})?|100(?:\.0{1,6})?)%$|^(none)$/;
export const MAX_REJECTS_EXPECTED = 'expected a count such as 100, a share such as 1.5%, or none';

/** @returns null for `none`; undefined for an invalid limit */
export function parseMaxRejects(text: string): MaxRejects | null | undefined {
  const [, count, percent, none] = MAX_REJECTS.exec(text) ?? [];
  if (count !== undefined) return { kind: 'count', value: Number(count) };
  if (percent !== undefined) return { kind: 'percent', value: Number(percent) };
  return none === undefined ? undefined : null;
}

/** Rejects of a load that are kept with their records by default. */
export const KEPT_REJECTS = 10_000;
