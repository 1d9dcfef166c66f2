/**
 * Maps with at most `limit` under way at once. The results come in the order of the source; when the source throws,
 * it does so after the results of all that it gave before.
 * @param map must not reject, since its promise may be awaited much later
 */
export async function* mapInOrder<T, R>(
  source: AsyncIterable<T>,
  limit: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  let failure: { readonly error: unknown } | null = null;
  try {
    for await (const item of source) {
      underWay.push(map(item));
      if (underWay.length >= limit) yield (await underWay.shift())!;
    }
  } catch (error) {
    failure = { error };
  }
  for (const result of underWay) yield await result;
  if (failure !== null) throw failure.error;
}
