import { messageOf } from './log-fields.ts';

/** Keeps what failed of the work on many, so that one bad member keeps none of the others from being worked on. */
export class Faults {
  readonly #found: { readonly what: string; readonly error: unknown }[] = [];

  /** Does the work on one member. @param what names the member, for people */
  async alone(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#found.push({ what, error });
    }
  }

  /** Reports what failed, once all the others are done. @throws Error that names the first, and counts the rest */
  end(): void {
    const [first, ...more] = this.#found;
    if (first === undefined) return;
    const others = more.length === 0 ? '' : `, and ${more.length} more`;
    throw new Error(`${first.what}: ${messageOf(first.error)}${others}`, { cause: first.error });
  }
}
