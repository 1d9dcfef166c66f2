// Used by the other examples: where the platform is, and how it is asked. Node 20 or newer, no packages.
import { setTimeout as sleep } from 'node:timers/promises';

const url = process.env.LONGSHORE_URL ?? 'http://127.0.0.1:8080';
const key = process.env.LONGSHORE_KEY;
if (!key) {
  throw new Error(
    'set LONGSHORE_KEY to an API key; of a platform that npm start runs, cat .longshore/keys/admin.key',
  );
}

const TRIES = 8;
const FIRST_PAUSE_SECONDS = 0.5;
/** Codes of problems that pass by themselves; `remedy` of any other says what to do. */
const PASSING = ['rate-limited', 'overloaded', 'idempotency-key-in-use'];

/**
 * Sends a request, again and again while the platform is not reached or asks to wait. A request without an answer may
 * have been carried out, so this is for what may be carried out twice: reads, loads (the same file is the same load),
 * batches with an Idempotency-Key, backups and restores.
 * @param {string} path
 * @param {RequestInit} [request]
 * @returns {Promise<Response>}
 */
export async function api(path, request = {}) {
  for (let tried = 1; ; tried++) {
    let pause = FIRST_PAUSE_SECONDS * 2 ** (tried - 1);
    try {
      const response = await fetch(url + path, {
        ...request,
        headers: { 'x-api-key': key, ...request.headers },
      });
      if (response.ok) return response;
      const problem = await response.json();
      const passes = response.status === 503 || PASSING.includes(problem.code);
      if (!passes || tried === TRIES) throw new ApiError(problem);
      pause = Number(response.headers.get('retry-after') ?? pause);
    } catch (error) {
      // fetch's own: nobody answered.
      if (!(error instanceof TypeError) || tried === TRIES) throw error;
    }
    await sleep(pause * 1000);
  }
}

/** What the API answers when something is wrong (RFC 9457). */
export class ApiError extends Error {
  constructor(problem) {
    super(`${problem.title}: ${problem.detail}. ${problem.remedy}`);
    this.problem = problem;
  }
}

/** Asks for a job (a load, a backup, a restore) every second until it has ended. */
export async function ended(path, onProgress = () => {}) {
  for (;;) {
    const job = await (await api(path)).json();
    onProgress(job);
    if (job.status === 'done') return job;
    if (['failed', 'cancelled'].includes(job.status)) {
      throw new Error(`${path} is ${job.status}: ${job.error?.message ?? ''}`);
    }
    await sleep(1000);
  }
}

/** Starts a job, and waits for its end. */
export async function run(path, body) {
  const request = { method: 'POST' };
  if (body !== undefined) {
    Object.assign(request, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  }
  const { links } = await (await api(path, request)).json();
  return ended(links.self);
}
