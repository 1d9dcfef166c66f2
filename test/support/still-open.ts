import { after } from 'node:test';

/** Longer than stopping a platform takes on a busy machine. */
const STILL_ALIVE_MS = 300_000;

/**
 * Ends a process of tests that does not end by itself, once its tests are over: what failed half-way may leave
 * connections open, and the run is not to wait for them.
 */
export function endWhenOver(): void {
  after(() => {
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(', ');
      console.error(`${process.argv[1]} did not end after its tests; still open: ${open}`);
      process.exit(1);
    }, STILL_ALIVE_MS).unref();
  });
}
