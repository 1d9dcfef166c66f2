/**
 * Lets a call through at once, and then at most one in `everyMs`: calls in between are coalesced into one at the end of
 * the pause. Calls are cheap.
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

  /** Drops the waiting call. */
  stop(): void {
    clearTimeout(this.#pause);
    this.#again = false;
  }
}
