import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgressLog } from '../runtime/logger.ts';
import type { Exit } from './server-process.ts';

/** A process that can be kept running. */
export interface Keepable {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** A process that ran this long was healthy: its next death starts the delays from the beginning. */
const HEALTHY_AFTER_MS = 30_000;

/**
 * Keeps one process running: when it ends unasked it is started again, at once the first time, then with doubling
 * delays. Only the first start may fail; later ones are tried for ever, since whatever the process needs (the
 * database, say) may itself be on its way back.
 *
 *   idle → starting → running → (died → waiting → starting …) → stopped
 */
export class Keeper<T extends Keepable> {
  readonly name: string;
  readonly #start: (signal: AbortSignal) => Promise<T>;
  readonly #log: ProgressLog;
  readonly #stopping = new AbortController();
  #current: T | null = null;
  #life: Promise<void> = Promise.resolve();

  constructor(name: string, start: (signal: AbortSignal) => Promise<T>, log: ProgressLog) {
    this.name = name;
    this.#start = start;
    this.#log = log;
  }

  /** The first start. Rejects when it fails. */
  async start(): Promise<T> {
    const first = this.#launch();
    this.#life = first.then(
      (process) => this.#watch(process),
      () => undefined,
    );
    return first;
  }

  /** Ends the process, and a start that is under way; nothing is started any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current?.stop();
    await this.#life;
  }

  async #launch(): Promise<T> {
    this.#stopping.signal.throwIfAborted();
    const process = await this.#start(this.#stopping.signal);
    if (this.#stopping.signal.aborted) {
      await process.stop();
      this.#stopping.signal.throwIfAborted();
    }
    this.#current = process;
    return process;
  }

  async #watch(first: T): Promise<void> {
    let process = first;
    let delayMs = 0;
    for (;;) {
      const since = Date.now();
      const exit = await process.exited;
      this.#current = null;
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - since > HEALTHY_AFTER_MS) delayMs = 0;
      this.#log.warn(
        `${this.name} ended unexpectedly (${exit.signal ?? `exit code ${exit.code}`}); starting it again`,
      );
      for (;;) {
        try {
          await sleep(delayMs, undefined, { signal: this.#stopping.signal });
          delayMs = Math.min(Math.max(delayMs * 2, FIRST_DELAY_MS), LONGEST_DELAY_MS);
          process = await this.#launch();
          this.#log.info(`${this.name} is up again (process ${process.pid})`);
          break;
        } catch (error) {
          if (this.#stopping.signal.aborted) return;
          this.#log.warn(`${this.name} could not be started: ${(error as Error).message}; trying again`);
        }
      }
    }
  }
}
