import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import type { Target } from './client.ts';

/** Answers that say: not now, nothing is lost. */
const NOT_NOW =
  /"code":"(database-busy|database-unavailable|table-locked|table-slow|overloaded|temporal-unavailable|report-slow)"/;

/** Jobs that run beside a storm of batches, and what they have to leave. */
export class Beside {
  readonly #target: Target;
  /** Rows that loads have brought, by table. */
  readonly rows = new Map<string, number>();
  readonly ended: string[] = [];
  #nextId = 1;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Sends a request until it is taken, whatever is away; never sent again once it may have been taken. */
  async start(path: string, type: string, body: string): Promise<string> {
    for (;;) {
      const response = await this.#fetch(path, { method: 'POST', headers: { 'content-type': type }, body });
      const text = await response?.text().catch(() => undefined);
      if (response !== undefined && text !== undefined) {
        if (response.status < 300) return (JSON.parse(text) as { links: { self: string } }).links.self;
        assert.match(text, NOT_NOW);
        assert.ok(response.headers.has('retry-after'), text);
      }
      await sleep(200);
    }
  }

  /** Loads so many rows, with IDs that no other load has, and waits until they are in. */
  async load(table: string, count: number): Promise<void> {
    const from = this.#nextId;
    this.#nextId += count;
    const lines = Array.from({ length: count }, (_, n) => `${from + n},Name ${from + n}\n`);
    // The same content is the same load: sent again, it is not loaded again.
    await this.done(await this.start(`/v1/tables/${table}/loads`, 'text/csv', `id,name\n${lines.join('')}`));
    this.rows.set(table, (this.rows.get(table) ?? 0) + count);
  }

  async backup(tables: readonly string[]): Promise<string> {
    const path = await this.start('/v1/backups', 'application/json', JSON.stringify({ tables }));
    await this.done(path);
    return path;
  }

  /** Waits until a job is done; whatever happens, it must not fail. */
  async done(path: string): Promise<void> {
    await eventually(
      async () => {
        const job = await this.job(path);
        return job.status === 'failed' ? JSON.stringify(job) : job.status;
      },
      'done',
      { limitMs: 180_000 },
    );
    this.ended.push(path);
  }

  async job(path: string): Promise<{ status: string; waitingFor: { code: string; message: string } | null }> {
    const response = await this.#fetch(path);
    const text = (await response?.text().catch(() => '')) ?? '';
    if (response?.status === 200) return JSON.parse(text);
    if (response !== undefined && text !== '') assert.match(text, NOT_NOW);
    return { status: 'not known', waitingFor: null };
  }

  /** Asks for what nothing has to do with, again and again. @param calm whether every answer has to be as always */
  async watch(paths: readonly string[], over: AbortSignal, calm: () => boolean): Promise<number> {
    let answers = 0;
    while (!over.aborted) {
      for (const path of paths) {
        const wasCalm = calm();
        const response = await this.#fetch(path);
        const text = await response?.text().catch(() => undefined);
        if (wasCalm && calm()) assert.equal(response?.status, 200, `${path}: ${text}`);
        else if (response !== undefined && text !== undefined && response.status !== 200)
          assert.match(text, NOT_NOW);
        answers += 1;
      }
      await sleep(100);
    }
    return answers;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response | undefined> {
    const headers = { 'x-api-key': this.#target.key, ...init.headers };
    return fetch(this.#target.url + path, { ...init, headers, signal: AbortSignal.timeout(60_000) }).catch(
      () => undefined,
    );
  }
}
