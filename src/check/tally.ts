import type { CellError, RejectCode } from '../types.ts';

/** Rejects of one rule that are shown. */
const EXAMPLES = 3;

export interface Example {
  /** The physical line on which the row begins. */
  readonly line: number;
  readonly message: string;
}

/** How often the rows of a file break one rule. */
export interface RuleCount {
  readonly code: RejectCode;
  /** null: the row as a whole, or several fields */
  readonly field: string | null;
  readonly count: number;
  /** The first ones by line. */
  readonly examples: readonly Example[];
}

/** Counts rejects by code and field, and keeps the first of each. */
export class Tally {
  readonly #rules = new Map<string, { count: number; error: CellError; examples: Example[] }>();

  add(line: number, error: CellError): void {
    const name = JSON.stringify([error.code, error.field]);
    let rule = this.#rules.get(name);
    if (rule === undefined) {
      rule = { count: 0, error, examples: [] };
      this.#rules.set(name, rule);
    }
    rule.count++;
    const { examples } = rule;
    if (examples.length === EXAMPLES && examples.at(-1)!.line <= line) return;
    const at = examples.findLastIndex((one) => one.line <= line) + 1;
    examples.splice(at, 0, { line, message: error.message });
    examples.length = Math.min(examples.length, EXAMPLES);
  }

  /** The most frequent first. */
  get rules(): RuleCount[] {
    return [...this.#rules.values()]
      .map(({ count, error: { code, field }, examples }) => ({ code, field, count, examples }))
      .sort((a, b) => b.count - a.count);
  }
}
