import type { Server } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { LongshoreError } from '../../src/errors.ts';
import { within } from '../../src/within.ts';

/** How long requests that are told that the grace is over may take to answer. */
const LAST_ANSWERS_MS = 2_000;

/** What says how the process is, until its end. */
const ABOUT_THE_PROCESS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

export interface CloseOptions {
  readonly server: Server;
  /** How long everything is served on, until load balancers have seen `/readyz` and send no more requests. */
  readonly drainMs: number;
  /** How long after that requests that are under way may take. */
  readonly graceMs: number;
  /** Ends the waits of batches; called when the grace is over. */
  readonly stopBatches: () => Promise<void>;
}

/**
 * How an API process ends, so that nobody is cut off without an answer:
 *
 *   serving → draining (not ready; everything is served) → closing (no new connections; what is under way may finish)
 *           → over (waits end with what is known, bodies that still arrive and whatever comes now get `stopping`)
 *
 * From the draining on each answer says `Connection: close`, so that a client with a connection comes back elsewhere.
 */
export class Closing {
  #phase: 'serving' | 'draining' | 'closing' | 'over' = 'serving';
  /** Answers that are not finished, and how to pass an error to the request's problem handler. */
  readonly #open = new Map<Response, NextFunction>();
  readonly #onOver = new Set<() => void>();
  #whenIdle: (() => void) | undefined;

  get stopping(): boolean {
    return this.#phase !== 'serving';
  }

  /** Requests without their whole answer. */
  get underWay(): number {
    return this.#open.size;
  }

  /** The middleware that has to see every request. @throws LongshoreError `stopping` */
  admit(req: Request, res: Response, next: NextFunction): void {
    this.#open.set(res, next);
    res.once('close', () => {
      this.#open.delete(res);
      if (this.#open.size === 0) this.#whenIdle?.();
    });
    if (this.stopping) res.set('Connection', 'close');
    if (this.#phase === 'over' && !ABOUT_THE_PROCESS.has(req.path)) throw stopping();
    next();
  }

  /** Calls `action` when the grace is over, at once if it is. @returns a function that takes that back */
  onOver(action: () => void): () => void {
    if (this.#phase === 'over') action();
    else this.#onOver.add(action);
    return () => this.#onOver.delete(action);
  }

  /** Resolves when every request has its answer. */
  async close({ server, drainMs, graceMs, stopBatches }: CloseOptions): Promise<void> {
    this.#phase = 'draining';
    for (const res of this.#open.keys()) if (!res.headersSent) res.set('Connection', 'close');
    await new Promise<void>((resolve) => void setTimeout(resolve, drainMs));
    this.#phase = 'closing';
    server.close();
    server.closeIdleConnections();
    await this.#idle(graceMs);
    this.#phase = 'over';
    for (const action of [...this.#onOver]) action();
    this.#onOver.clear();
    await Promise.all([stopBatches(), this.#idle(LAST_ANSWERS_MS)]);
    for (const [res, next] of this.#open) if (!res.headersSent) next(stopping());
    await this.#idle(LAST_ANSWERS_MS);
  }

  async #idle(atMostMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenIdle = resolve;
    await within(atMostMs, promise, () => undefined);
  }
}

export function stopping(): LongshoreError {
  return new LongshoreError('stopping', 'this process of the API is being stopped');
}
