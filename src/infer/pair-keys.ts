import type { KeyCandidate } from './choose-keys.ts';
import { hashCell, hashed } from './column.ts';
import { DistinctKeys, type SlotBudget } from './distinct-keys.ts';
import type { RecordSplitter } from './split-record.ts';

/** Names of what tells the rows of one thing apart: the line of an order, the day of a price. */
const SECOND_NAME =
  /(?:^|[_ .-])(?:id|key|code|no|nr|num|number|nummer|line|zeile|ligne|pos|position|seq|sequence|index|item|version|year|jahr|month|monat|day|tag|date|datum|hour|rank|level|region|lang|language|currency)$|(?:Id|No|Nr|Number|Line|Pos|Seq|Index|Date)$/;
const MOST_SECONDS = 6;
/** Of a code that may tell rows apart by its place alone. */
const MOST_CODE_BYTES = 12;
const FEWEST_ROWS = 4;

/** Two fields that may be a key together; the first is the table's first. */
export interface PairTrial {
  readonly fields: readonly [number, number];
  /** null: some row has the same values as another. */
  keys: DistinctKeys | null;
}

/** Pairs that are worth another look at all rows: of the first field, with what may tell its rows apart. */
export function pairTrials(
  candidates: readonly KeyCandidate[],
  rows: number,
  budget: SlotBudget,
): PairTrial[] {
  const first = candidates[0];
  if (rows < FEWEST_ROWS || first === undefined || !canBePart(first)) return [];
  return candidates
    .flatMap((candidate, index): number[] => {
      if (index === 0 || !canBePart(candidate)) return [];
      return SECOND_NAME.test(candidate.name) ||
        SECOND_NAME.test(candidate.name.toLowerCase()) ||
        (index === 1 &&
          candidate.column.maxBytes <= MOST_CODE_BYTES &&
          first.column.maxBytes <= MOST_CODE_BYTES)
        ? [index]
        : [];
    })
    .slice(0, MOST_SECONDS)
    .map((index) => ({ fields: [0, index] as const, keys: new DistinctKeys(budget) }));
}

/** Whole values that come again: none is missing, and equal values are equal texts. */
function canBePart({ column, typed }: KeyCandidate): boolean {
  if (typed.missingRows > 0 || typed.exceptions > 0 || column.keys !== null) return false;
  const isExact = typed.type === 'string' || typed.type === 'integer' || typed.type === 'date';
  const values = column.few.values;
  return isExact && column.shapes.size <= 3 && (values === null || values.length > 1);
}

/** A key of two fields has several rows for most values of the first. */
const NEARLY = 0.9;

/** Counts the different values of the first field: where nearly all differ, its few doubles are mistakes. */
export class FirstField {
  readonly #keys: DistinctKeys;
  #rows = 0;

  constructor(budget: SlotBudget) {
    this.#keys = new DistinctKeys(budget);
  }

  add(cells: RecordSplitter, place: number): void {
    this.#rows++;
    this.#keys.add(hashCells(cells, [place]), hashed.high);
  }

  /** Ends the count. */
  endsNearlyUnique(): boolean {
    const different = this.#keys.size / this.#keys.share;
    this.#keys.release();
    return different > NEARLY * this.#rows;
  }
}

export function addPairs(
  trials: readonly PairTrial[],
  cells: RecordSplitter,
  places: readonly number[],
): void {
  for (const trial of trials) {
    if (trial.keys === null) continue;
    const low = hashCells(
      cells,
      trial.fields.map((field) => places[field]!),
    );
    if (trial.keys.add(low, hashed.high)) continue;
    trial.keys.release();
    trial.keys = null;
  }
}

/** Of several cells as one key, its second half in `hashed`; of one, as its column has it. */
export function hashCells({ bytes, starts, ends }: RecordSplitter, places: readonly number[]): number {
  let low = 0;
  let high = 0;
  for (const [index, at] of places.entries()) {
    const next = hashCell(bytes, starts[at]!, ends[at]!);
    low = index === 0 ? next : Math.imul(low ^ next, 0x01000193) + 1;
    high = index === 0 ? hashed.high : Math.imul(high, 31) ^ hashed.high;
  }
  hashed.high = high;
  return low;
}
