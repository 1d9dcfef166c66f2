/**
 * Lets a call through at once, and then at most one in `everyMs`: what came meanwhile is one call at the end of the
 * pause. Calls cost next to nothing.
 */
export class SignalLimit {
  readonly #everyMs: number;
  readonly #send: () => void;
  #pause: NodeJS.Timeout | undefined;
  #again = false;

  constructor(everyMs: number, send: () => void) {
    this.#everyMs = everyMs;
    this.#send = send;
  }

  call(): void {
    if (this.#pause !== undefined) {
      this.#again = true;
      return;
    }
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#again) this.call();
    }, this.#everyMs);
    this.#again = false;
    this.#send();
  }

  /** What waits is not sent any more. */
  stop(): void {
    clearTimeout(this.#pause);
    this.#again = false;
  }
}
