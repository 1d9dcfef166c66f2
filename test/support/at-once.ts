import type { Steps } from '../../src/in-slices.ts';

/** Does work that could be interrupted without letting anybody else go first. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
