/** Old entries are deleted in slices, so that no statement runs and no lock is held for long. */
export interface Slices {
  /** Age in days from which entries are deleted. */
  readonly days: number;
  /** Called after each slice, with the number deleted so far. Throws to stop. */
  readonly between: (deleted: number) => void;
}

/** Rows of one kind that one statement deletes. */
export const SLICE = 5000;

/** SQL of the moment before which entries are old. `$1`: days */
export const OLD = 'now() - make_interval(days => $1)';

/** Runs `slice`, which deletes at most `SLICE` rows, until it has found fewer. */
export async function inSlices(
  { between }: Pick<Slices, 'between'>,
  slice: () => Promise<number>,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const n = await slice();
    deleted += n;
    between(deleted);
    if (n < SLICE) return deleted;
  }
}

/** Position of a walk: after this entry. The time is text, which keeps PostgreSQL's microseconds. */
export interface Place {
  readonly at: string;
  readonly id: string;
}

/** Reads pages in the order of time, from the oldest, until one is empty, and passes the IDs of each to `work`. */
export async function walk(
  { between }: Pick<Slices, 'between'>,
  page: (after: Place) => Promise<readonly Place[]>,
  work: (ids: readonly string[]) => Promise<number>,
): Promise<number> {
  let after: Place = { at: '-infinity', id: '0' };
  let deleted = 0;
  for (;;) {
    const places = await page(after);
    const last = places.at(-1);
    if (last === undefined) return deleted;
    deleted += await work(places.map(({ id }) => id));
    between(deleted);
    after = last;
  }
}
