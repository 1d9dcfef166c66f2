import { AskedKeys } from './asked-keys.ts';
import { hashed } from './column.ts';
import type { KeyAnswer, LookUpKeys } from './contract.ts';
import type { SlotBudget } from './distinct-keys.ts';
import { hashCells } from './pair-keys.ts';
import type { PossibleReference } from './references.ts';
import type { RecordSplitter } from './split-record.ts';

const EXAMPLES = 3;

type Decode = (bytes: Uint8Array) => string;

/** Holds the rows of a table to a key that fields of it may refer to. */
export class ReferenceTrial {
  readonly possible: PossibleReference;
  /** Rows with a value. */
  rows = 0;
  readonly #places: readonly number[];
  /** Of a table that is there. */
  readonly #asked: AskedKeys | null;
  #outside = 0;
  readonly #examples: string[] = [];

  /** @param budget of the keys that tables that are there are asked for */
  constructor(possible: PossibleReference, budget: SlotBudget) {
    this.possible = possible;
    this.#places = possible.fields.map(({ place }) => place);
    this.#asked = possible.to.keys === null ? new AskedKeys(budget) : null;
  }

  /** Rows that were compared, or different keys of a table that is there. */
  get compared(): number {
    return this.#asked?.compared ?? this.rows;
  }

  get outside(): number {
    return this.#asked?.outside ?? this.#outside;
  }

  get examples(): readonly string[] {
    return this.#asked?.examples ?? this.#examples;
  }

  get isSample(): boolean {
    return this.#asked?.isSample ?? false;
  }

  /** Why nothing is known; null: it is. */
  get unknown(): string | null {
    return this.#asked?.unknown ?? null;
  }

  /** Whether more rows would change nothing. */
  get isSettled(): boolean {
    return this.#asked?.isSettled ?? false;
  }

  add(cells: RecordSplitter, decode: Decode): void {
    if (this.isSettled || this.#lacksValue(cells, decode)) return;
    this.rows++;
    const low = hashCells(cells, this.#places);
    const { keys } = this.possible.to;
    if (this.#asked !== null) this.#asked.add(low, hashed.high, () => this.#texts(cells, decode));
    else if (keys?.isLookedAt(low) && !keys.has(low, hashed.high)) {
      this.#outside++;
      if (this.#examples.length < EXAMPLES)
        this.#examples.push(
          this.#texts(cells, decode)
            .map((text) => text.trim())
            .join(', '),
        );
    }
  }

  /** Asks the table that is there. @param all also for keys that are too few for a question of their own */
  async ask(lookUpKeys: LookUpKeys, all: boolean): Promise<void> {
    const { table, fields } = this.possible.to;
    const names = fields.map(({ name }) => name);
    await this.#asked?.ask((keys): Promise<KeyAnswer> => lookUpKeys({ table, fields: names, keys }), all);
  }

  release(): void {
    this.#asked?.release();
  }

  #lacksValue({ bytes, starts, ends }: RecordSplitter, decode: Decode): boolean {
    return this.possible.fields.some(({ place, missing }) => {
      const [start, end] = [starts[place]!, ends[place]!];
      return (
        start === end ||
        (missing.length > 0 && end - start < 24 && missing.includes(decode(bytes.subarray(start, end))))
      );
    });
  }

  #texts({ bytes, starts, ends }: RecordSplitter, decode: Decode): string[] {
    return this.#places.map((place) => decode(bytes.subarray(starts[place]!, ends[place]!)));
  }
}
