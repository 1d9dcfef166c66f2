import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Runs a step for each item, in order, a window of them concurrently. When one fails, those under way are cancelled and
 * no further one is begun.
 *
 * @param mayCancel called when one has failed; for replays of workflows that once left the others running
 */
export async function inWindow<T>(
  items: Iterable<T>,
  size: number,
  each: (item: T) => Promise<void>,
  mayCancel: () => boolean = () => true,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const work = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await each(next.value);
  };
  await CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    try {
      await Promise.all(Array.from({ length: size }, work));
    } catch (error) {
      if (isCancellation(error) || mayCancel()) scope.cancel();
      throw error;
    }
  });
}
