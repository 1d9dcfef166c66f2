import type { AvroTotals } from './encode.ts';

/** The same pieces; what the generator returns behind the last one is kept, as `for await` and streams drop it. */
export async function* keepTotals(
  pieces: AsyncGenerator<Buffer, AvroTotals>,
  kept: { value?: AvroTotals },
): AsyncGenerator<Buffer, void> {
  kept.value = yield* pieces;
}
