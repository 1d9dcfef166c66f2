import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../src/sample/random.ts';
import type { RejectCode } from '../../../src/types.ts';
import type { StormBatch, StormGenerator } from './batches.ts';

/** Where the platform is now: it moves when it is started anew. */
export interface Target {
  url: string;
  key: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What a batch's answer says of it; of a problem, its member `batch`. */
export interface Outcome {
  readonly id: string;
  readonly loadId: number | null;
  readonly firstLine: number | null;
  readonly rows: {
    readonly sent: number;
    readonly accepted: number;
    readonly rejected: number;
    readonly discarded: number;
  };
  readonly rejected: readonly {
    readonly index: number;
    readonly errors: readonly { readonly code: string }[];
  }[];
}

export interface AnsweredBatch {
  readonly batch: StormBatch;
  readonly answer: Answer;
  readonly outcome: Outcome;
}

/** What all clients saw. */
export interface StormLog {
  /** In the order of each client. */
  readonly answered: AnsweredBatch[];
  /** Batches without a key that got no answer: wholly in, or not at all. */
  readonly unanswered: StormBatch[];
  /** Batches without a key that were refused with the word that nothing of them is or will be written. */
  readonly refused: StormBatch[];
  /** How often batches were sent again, by reason. */
  readonly retries: Map<string, number>;
}

/** Nothing is dead for longer than this. */
const ANSWER_LIMIT_MS = 60_000;
/** Codes that promise that nothing was written. */
const NOT_WRITTEN = /"code":"(overloaded|stopping|temporal-unavailable|storage-\w+|rate-limited)"/;

/** Sends one client's batches, one after the other, until the storm is over. */
export async function sendUntil(
  over: AbortSignal,
  {
    target,
    random,
    generator,
    log,
  }: {
    readonly target: Target;
    readonly random: Random;
    readonly generator: StormGenerator;
    readonly log: StormLog;
  },
): Promise<void> {
  while (!over.aborted) {
    const batch = generator.next();
    const answers =
      batch.key === null
        ? [await post(target, batch)]
        : await Promise.all(
            Array.from({ length: batch.twin ? 2 : 1 }, () => insist(target, batch, random, log)),
          );
    const [answer, other] = answers;
    if (other !== undefined) assert.deepEqual(other, answer, `twins of ${batch.key}`);
    const final = answer !== undefined && answer !== null && isFinal(answer) ? answer : null;
    if (final === null) {
      const refused = answer !== undefined && answer !== null && NOT_WRITTEN.test(answer.text);
      (refused ? log.refused : log.unanswered).push(batch);
      await sleep(20 + random.below(200));
      continue;
    }
    const outcome = outcomeOf(final);
    assertOutcome(batch, final, outcome);
    log.answered.push({ batch, answer: final, outcome });
    if (batch.mode === 'append') generator.acknowledge(accepted(batch).map(({ cells }) => cells.id!));
  }
}

/** Repeats a batch with its key until it is answered. */
export async function insist(
  target: Target,
  batch: StormBatch,
  random: Random,
  log: Pick<StormLog, 'retries'>,
): Promise<Answer> {
  const deadline = Date.now() + ANSWER_LIMIT_MS;
  let answer = await post(target, batch);
  while (answer === null || !isFinal(answer)) {
    assert.ok(Date.now() < deadline, `${batch.key} got no answer: ${JSON.stringify(answer)}`);
    const why = reasonOf(answer);
    log.retries.set(why, (log.retries.get(why) ?? 0) + 1);
    await sleep(20 + random.below(300));
    answer = await post(target, { ...batch, async: false });
  }
  return answer;
}

/** null: there was no answer, or only a part of it. */
async function post(target: Target, batch: StormBatch): Promise<Answer | null> {
  const prefer = [batch.strict ? 'handling=strict' : '', batch.async ? 'respond-async' : '']
    .filter((preference) => preference !== '')
    .join(', ');
  try {
    const response = await fetch(`${target.url}/v1/tables/${batch.table}/rows?mode=${batch.mode}`, {
      method: 'POST',
      body: batch.body,
      headers: {
        'x-api-key': target.key,
        'content-type': batch.contentType,
        ...(batch.key !== null && { 'idempotency-key': batch.key }),
        ...(prefer !== '' && { prefer }),
      },
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}

/** Anything but these, and "not yet", is a fault of the platform: the test ends there. */
function isFinal({ status, text }: Answer): boolean {
  if (status === 200 || status === 201) return true;
  if (status === 422 && text.includes('"code":"batch-rejected"')) return true;
  const notYet =
    status >= 500 || status === 202 || (status === 409 && text.includes('"code":"idempotency-key-in-use"'));
  assert.ok(notYet, `${status} ${text.slice(0, 1000)}`);
  return false;
}

function reasonOf(answer: Answer | null): string {
  if (answer === null) return 'no answer';
  return /"code":"([\w-]+)"/.exec(answer.text)?.[1] ?? String(answer.status);
}

function outcomeOf({ text }: Answer): Outcome {
  const body = JSON.parse(text) as Outcome & { readonly batch?: Outcome };
  return body.batch === undefined ? body : { ...body.batch, rejected: body.rejected };
}

/** The rows of a batch that have to be in the table. */
export function accepted({ strict, rows }: StormBatch): StormBatch['rows'] {
  return strict && rows.some(({ fault }) => fault !== null) ? [] : rows.filter(({ fault }) => fault === null);
}

/** Faults of cells; the others show only before the table. */
const OF_CELLS: readonly (RejectCode | null)[] = ['constraint-error', 'type-error'];

/** A strict batch that is lost by its cells is not held against the table any more. */
function toldFaults({ strict, rows }: StormBatch): [index: number, RejectCode][] {
  const lost = strict && rows.some(({ fault }) => OF_CELLS.includes(fault));
  return rows.flatMap(({ fault }, index) =>
    fault === null || (lost && !OF_CELLS.includes(fault)) ? [] : [[index, fault] as [number, RejectCode]],
  );
}

/** The answer says of each row what it had to say. */
function assertOutcome(batch: StormBatch, { status }: Answer, outcome: Outcome): void {
  const sent = batch.rows.length;
  const faults = toldFaults(batch);
  const wanted = accepted(batch).length;
  const where = `${batch.key} ${outcome.id} ${batch.contentType}`;
  assert.deepEqual(
    outcome.rows,
    { sent, accepted: wanted, rejected: faults.length, discarded: sent - faults.length - wanted },
    where,
  );
  assert.deepEqual(
    outcome.rejected.map(({ index, errors }) => [index, errors[0]?.code]),
    faults,
    where,
  );
  assert.equal(status, wanted === 0 ? 422 : wanted === sent ? 201 : 200, where);
}
