import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again until it sees what is expected. */
export async function eventually<T>(
  look: () => Promise<T>,
  expected: T,
  { limitMs = 20_000 }: { readonly limitMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    if (JSON.stringify(await look()) === JSON.stringify(expected)) return;
    await sleep(50);
  }
  assert.deepEqual(await look(), expected);
}
