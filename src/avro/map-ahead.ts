/**
 * Maps a stream with up to `ahead` calls under way at once and gives the results in the order of their sources. What
 * the calls wait for (a thread pool) goes on while the source is read. When the reader stops early or a call fails,
 * the calls under way are waited for, so that none outlives the stream.
 */
export async function* mapAhead<In, Out>(
  source: AsyncIterable<In>,
  call: (item: In) => Promise<Out>,
  ahead: number,
): AsyncGenerator<Out, void> {
  const underWay: Promise<Out>[] = [];
  try {
    for await (const item of source) {
      const result = call(item);
      // It is awaited below; until then its failure is no unhandled rejection.
      result.catch(() => undefined);
      underWay.push(result);
      if (underWay.length >= ahead) yield await underWay.shift()!;
    }
    while (underWay.length > 0) yield await underWay.shift()!;
  } finally {
    await Promise.allSettled(underWay);
  }
}
