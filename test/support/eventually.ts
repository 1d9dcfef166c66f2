import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Only a test that fails waits this long: far longer than anything takes on a machine that does more than this. */
const LIMIT_MS = 120_000;

/** Looks again and again until it sees what is expected. */
export async function eventually<T>(
  look: () => Promise<T>,
  expected: T,
  options: { readonly limitMs?: number } = {},
): Promise<void> {
  const wanted = JSON.stringify(expected);
  assert.deepEqual(await until(look, (seen) => JSON.stringify(seen) === wanted, options), expected);
}

/** Looks again and again until it sees what satisfies. Resolves with what it saw last, also when that never came. */
export async function until<T>(
  look: () => Promise<T>,
  satisfies: (seen: T) => boolean,
  { limitMs = LIMIT_MS }: { readonly limitMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const seen = await look();
    if (satisfies(seen)) return seen;
    await sleep(50);
  }
  return look();
}
