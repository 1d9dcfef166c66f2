import type { MaxRejects } from '../types.ts';

/** Whether `rejected` of `read` rows are more than a load allows. A share is only known when every row was read. */
export function exceeds(limit: MaxRejects, rejected: number, read: number): boolean {
  return limit.kind === 'count' ? rejected > limit.value : rejected * 100 > limit.value * read;
}
