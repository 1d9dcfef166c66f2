export interface Peeked {
  /** The first bytes, so many as were asked for; fewer only where there are no more. */
  readonly head: Buffer;
  /** All pieces, the first ones too. */
  readonly pieces: AsyncGenerator<Buffer, void, undefined>;
}

/** Reads on until the beginning is long enough to tell what it is. */
export async function peek(pieces: AsyncIterable<Buffer>, bytes: number): Promise<Peeked> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let length = 0;
  try {
    while (length < bytes) {
      const { value, done } = await iterator.next();
      if (done) break;
      first.push(value);
      length += value.length;
    }
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
  const start = Buffer.concat(first);
  const all = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      if (start.length > 0) yield start;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { head: start.subarray(0, bytes), pieces: all() };
}
